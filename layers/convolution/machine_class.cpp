#include "layers/convolution/machine_class.h"

#include <algorithm>
#include <iterator>

namespace upconv::internal {
namespace {

/// Those that were measured, with what `./dev fit --write` found; what an entry leaves out is as everywhere.
constexpr MachineClass classes[] = {
    // <fitted>
    {.name = "Granite Rapids",
     .properties = {.wide = true},
     .costs = {.tile_overhead = 1.63,
               .lone_vector = 1.94,
               .narrow_tiles = 1.26,
               .near_bytes = 8.58,
               .far_bytes = 6.17,
               .beyond_bytes = 3.8,
               .shows = 4.2,
               .shows_alone = 4.21,
               .transform_small = 12,
               .transform_middle = 12.5,
               .transform_large = 12.8,
               .inputs_in_halves = 1.21,
               .lean_product = 1.35,
               .lean_point = 1.35,
               .rows_few = 1.42,
               .rows_one_phase = 1.06,
               .rows_two_phases = 0.9,
               .rows_strip = 132,
               .rows_transform_small = 10.4,
               .rows_transform = 9.67,
               .matrix_product = 18.9,
               .matrix_load = 3.9,
               .matrix_in = 0.398,
               .matrix_out = 0.444}},
    {.name = "Zen 3, Zen 5 without AVX-512",
     .properties = {.own_additions = true},
     .costs = {.tile_overhead = 2.04,
               .lone_vector = 2,
               .narrow_tiles = 1.3,
               .near_bytes = 4,
               .far_bytes = 4.03,
               .beyond_bytes = 1.74,
               .shows = 4.89,
               .shows_alone = 6,
               .transform_small = 6.36,
               .transform_middle = 8.35,
               .transform_large = 8.23,
               .lean_product = 1.84,
               .lean_point = 0.578,
               .rows_few = 1.39,
               .rows_one_phase = 1.37,
               .rows_two_phases = 1.19,
               .rows_strip = 64.2,
               .rows_transform_small = 6.7,
               .rows_transform = 6.6}},
    {.name = "Zen 4",
     .properties = {.wide = true, .halves = true, .own_additions = true},
     .costs = {.vector_cycles = 2,
               .tile_overhead = 1.18,
               .lone_vector = 1.16,
               .narrow_tiles = 1.15,
               .near_bytes = 12,
               .far_bytes = 8.43,
               .beyond_bytes = 3.07,
               .shows = 3.22,
               .shows_alone = 1.25,
               .transform_small = 6.59,
               .transform_middle = 9.54,
               .transform_large = 7.8,
               .inputs_in_halves = 2,
               .lean_product = 1.16,
               .lean_point = 0.255,
               .rows_few = 1.17,
               .rows_one_phase = 1.11,
               .rows_two_phases = 0.965,
               .rows_strip = 65.8,
               .rows_transform_small = 15.4,
               .rows_transform = 13.2}},
    {.name = "Zen 5",
     .properties = {.wide = true, .own_additions = true},
     .costs = {.tile_overhead = 1.77,
               .lone_vector = 1.21,
               .narrow_tiles = 1.14,
               .near_bytes = 21.7,
               .far_bytes = 13.3,
               .beyond_bytes = 5.08,
               .shows = 7.14,
               .shows_alone = 1.92,
               .transform_small = 6.56,
               .transform_middle = 7.23,
               .transform_large = 6.89,
               .inputs_in_halves = 1.48,
               .lean_product = 1.1,
               .lean_point = 1.1,
               .rows_few = 0.912,
               .rows_one_phase = 1.05,
               .rows_two_phases = 0.961,
               .rows_strip = 44.3,
               .rows_transform_small = 10.2,
               .rows_transform = 8.48}},
    // </fitted>
};

/// For all others, by whether vectors are wide: fitted to every machine that agrees in that.
constexpr MachineClass others[] = {
    // <others>
    {.name = "others without AVX-512",
     .properties = {},
     .costs = {.tile_overhead = 1.93,
               .lone_vector = 2,
               .narrow_tiles = 1.3,
               .near_bytes = 4.09,
               .far_bytes = 4.13,
               .beyond_bytes = 1.77,
               .shows = 4.6,
               .shows_alone = 6,
               .transform_small = 6.04,
               .transform_middle = 7.95,
               .transform_large = 7.96,
               .lean_product = 1.83,
               .lean_point = 0.548,
               .rows_few = 1.34,
               .rows_one_phase = 1.34,
               .rows_two_phases = 1.15,
               .rows_strip = 74.8,
               .rows_transform_small = 6.47,
               .rows_transform = 6.46}},
    {.name = "others with AVX-512",
     .properties = {.wide = true},
     .costs = {.tile_overhead = 1.9,
               .lone_vector = 1.24,
               .narrow_tiles = 1.27,
               .near_bytes = 9.7,
               .far_bytes = 6.61,
               .beyond_bytes = 2.55,
               .shows = 4.69,
               .shows_alone = 1.89,
               .transform_small = 9.02,
               .transform_middle = 11.8,
               .transform_large = 9.8,
               .inputs_in_halves = 1.21,
               .lean_product = 1.37,
               .lean_point = 0.391,
               .rows_few = 1.23,
               .rows_one_phase = 1.18,
               .rows_two_phases = 0.971,
               .rows_strip = 76.2,
               .rows_transform_small = 11.1,
               .rows_transform = 9.54,
               .matrix_product = 18.2,
               .matrix_load = 3.86,
               .matrix_in = 0.517,
               .matrix_out = 0.25}},
    // </others>
};

/// The entry of machines with these properties; nothing where none was measured.
const MachineClass* own_class(const MachineProperties& properties) {
  const auto own = std::find_if(std::begin(classes), std::end(classes),
                                [&](const MachineClass& one) { return one.properties == properties; });
  return own != std::end(classes) ? own : nullptr;
}

}  // namespace

// NEON's vectors are not wide, and nothing is known of a processor of ARM64: it has the costs of all others without
// AVX-512. Those were fitted to x86-64, and of ARM64 are believed, not measured.
MachineProperties properties_of(const Processor& processor, Isa isa) {
  const bool wide = isa == Isa::avx512 || isa == Isa::amx;
  return {.wide = wide,
          .halves = (isa == Isa::avx2 && processor.is_zen1()) || (wide && processor.is_zen3_or_4()),
          .own_additions = processor.amd};
}

const MachineClass& class_of(const MachineProperties& properties) {
  const MachineClass* own = own_class(properties);
  return own ? *own : others[properties.wide];
}

bool is_measured(const MachineProperties& properties) { return own_class(properties) != nullptr; }

MachineCosts costs_of(const MachineProperties& properties) {
  MachineCosts costs = class_of(properties).costs;
  costs.vector_cycles = properties.halves ? 2 : 1;
  costs.l2_bytes = (properties.wide ? 1024 : 512) << 10;
  return costs;
}

}  // namespace upconv::internal
