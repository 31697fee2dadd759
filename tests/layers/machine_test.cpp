// Which costs a machine takes, for processors that this one is not.
#include <doctest/doctest.h>

#include <string>

#include "layers/convolution/machine_class.h"

using namespace upconv;
using namespace upconv::internal;

namespace {

constexpr Processor amd(int family, int model, bool avx512) {
  return {.avx2 = true, .fma = true, .avx512 = avx512, .amd = true, .family = family, .model = model};
}
constexpr Processor intel(int model, bool avx512) {
  return {.avx2 = true, .fma = true, .avx512 = avx512, .amd = false, .family = 6, .model = model};
}

const Processor zen1 = amd(0x17, 0x01, false), zen2 = amd(0x17, 0x31, false), zen3 = amd(0x19, 0x01, false),
                zen4 = amd(0x19, 0x11, true), zen5 = amd(0x1a, 0x02, true);
const Processor skylake = intel(0x5e, false), ice_lake = intel(0x6a, true), sapphire_rapids = intel(0x8f, true),
                granite_rapids = intel(0xad, true);
const Processor unknown = {.avx2 = true, .fma = true, .avx512 = true, .amd = false, .family = 7, .model = 0x5b};

/// Whether it takes the entry that was fitted to such a machine, among others.
bool takes(const Processor& processor, Isa isa, const char* machine) {
  return std::string(class_of(properties_of(processor, isa)).name).find(machine) != std::string::npos;
}
double vector_cycles(const Processor& processor, Isa isa) {
  return costs_of(properties_of(processor, isa)).vector_cycles;
}

}  // namespace

TEST_CASE("machines: those that were measured have entries of their own") {
  CHECK(takes(zen3, Isa::avx2, "Zen 3"));
  CHECK(takes(zen4, Isa::avx512, "Zen 4"));
  CHECK(takes(zen5, Isa::avx512, "Zen 5"));
  CHECK(takes(granite_rapids, Isa::avx512, "Granite Rapids"));
  CHECK(takes(granite_rapids, Isa::amx, "Granite Rapids"));
}

TEST_CASE("machines: others of the same properties take the same entry") {
  CHECK(takes(ice_lake, Isa::avx512, "Granite Rapids"));
  CHECK(takes(sapphire_rapids, Isa::avx512, "Granite Rapids"));
  CHECK(takes(sapphire_rapids, Isa::amx, "Granite Rapids"));
  CHECK(takes(unknown, Isa::avx512, "Granite Rapids"));
  for (const Processor& processor : {zen2, zen4, zen5}) CHECK(takes(processor, Isa::avx2, "Zen 3"));
}

TEST_CASE("machines: where none was measured, all with vectors as wide stand in") {
  for (const Processor& processor : {zen1, skylake, ice_lake, unknown}) CHECK(takes(processor, Isa::avx2, "others"));
  for (Isa isa : {Isa::sse2, Isa::scalar}) CHECK(takes(unknown, isa, "others"));
  const MachineProperties impossible = {.wide = true, .halves = true};
  CHECK(std::string(class_of(impossible).name) == "others with AVX-512");
  CHECK_FALSE(is_measured(impossible));
  CHECK_FALSE(is_measured(properties_of(skylake, Isa::avx2)));
}

TEST_CASE("machines: vectors that are computed in halves take twice as long, whichever entry is taken") {
  CHECK(vector_cycles(zen1, Isa::avx2) == 2);
  CHECK(vector_cycles(zen1, Isa::sse2) == 1);
  CHECK(vector_cycles(zen2, Isa::avx2) == 1);
  CHECK(vector_cycles(zen3, Isa::avx2) == 1);
  CHECK(vector_cycles(zen4, Isa::avx2) == 1);
  CHECK(vector_cycles(zen4, Isa::avx512) == 2);
  CHECK(vector_cycles(zen5, Isa::avx512) == 1);
  CHECK(vector_cycles(granite_rapids, Isa::avx512) == 1);
}

TEST_CASE("machines: a choice knows nothing of a processor but its properties") {
  CHECK(properties_of(ice_lake, Isa::avx512) == properties_of(granite_rapids, Isa::avx512));
  CHECK(properties_of(zen2, Isa::avx2) == properties_of(zen5, Isa::avx2));
  CHECK_FALSE(properties_of(zen4, Isa::avx512) == properties_of(zen5, Isa::avx512));
  CHECK_FALSE(properties_of(zen5, Isa::avx512) == properties_of(granite_rapids, Isa::avx512));
}
