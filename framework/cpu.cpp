#include "framework/cpu.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "framework/fail.h"
#include "framework/processor.h"

namespace upconv {

using namespace internal;

namespace {

constexpr std::array all_isas = {Isa::amx, Isa::avx512, Isa::avx2, Isa::sse2, Isa::neon, Isa::scalar};

bool runs_here(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::amx:
      return bfloat16_instructions() != Bfloat16::none && processor().amx_bf16 && may_use_tiles();
    case Isa::avx512:
      return processor().avx512 && processor().fma;
    case Isa::avx2:
      return processor().avx2 && processor().fma;
    case Isa::neon:
      return false;
    case Isa::sse2:
    case Isa::scalar:
      return true;
  }
  return false;
#elif defined(__aarch64__)
  return isa == Isa::neon || isa == Isa::scalar;
#else
  return isa == Isa::scalar;
#endif
}

}  // namespace

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::amx:
      return "amx";
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    case Isa::sse2:
      return "sse2";
    case Isa::neon:
      return "neon";
    case Isa::scalar:
      return "scalar";
  }
  return "scalar";
}

Isa parse_isa(std::string_view text) {
  for (Isa isa : all_isas)
    if (name(isa) == text) return isa;
  fail("unknown instruction set \"{}\": expected amx, avx512, avx2, sse2, neon or scalar", text);
}

const std::vector<Isa>& available_isas() {
  static const std::vector<Isa> available = [] {
    std::vector<Isa> found;
    std::copy_if(all_isas.begin(), all_isas.end(), std::back_inserter(found), runs_here);
    return found;
  }();
  return available;
}

Bfloat16 bfloat16_instructions() {
  static const Bfloat16 found = [] {
    const char* pin = std::getenv("UPCONV_BFLOAT16");
    if (pin && std::string_view(pin) == "none") return Bfloat16::none;
    if (!processor().avx512_bf16 || !runs_here(Isa::avx512)) return Bfloat16::none;
    return processor().amd ? Bfloat16::fast : Bfloat16::slow;
  }();
  return found;
}

Isa default_isa() {
  const char* pin = std::getenv("UPCONV_ISA");
  if (!pin || !*pin) return available_isas().front();
  const Isa isa = parse_isa(pin);
  if (!runs_here(isa))
    fail("UPCONV_ISA={}: this machine cannot run it; it runs up to {}", pin, name(available_isas().front()));
  return isa;
}

}  // namespace upconv
