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
     .costs = {.tile_overhead = 2.42,
               .lone_vector = 1.84,
               .narrow_tiles = 1.06,
               .near_bytes = 14.4,
               .far_bytes = 6.73,
               .beyond_bytes = 4.31,
               .shows = 1.34,
               .shows_alone = 1.48,
               .transform_small = 10.4,
               .transform_middle = 16,
               .transform_large = 10.1,
               .inputs_in_halves = 1.52,
               .lean_product = 1.51,
               .lean_point = 0.527,
               .rows_few = 1.46,
               .rows_one_phase = 1.29,
               .rows_two_phases = 0.994,
               .rows_transform_small = 9.49,
               .rows_transform = 9.92}},
    {.name = "Zen 3, Zen 5 without AVX-512",
     .properties = {.own_additions = true},
     .costs = {.tile_overhead = 2.01,
               .lone_vector = 2,
               .narrow_tiles = 1.3,
               .near_bytes = 4,
               .far_bytes = 4.05,
               .beyond_bytes = 1.74,
               .shows = 4.86,
               .shows_alone = 6,
               .transform_small = 6.33,
               .transform_middle = 8.3,
               .transform_large = 8.17,
               .lean_product = 1.84,
               .lean_point = 0.574,
               .rows_few = 1.44,
               .rows_one_phase = 1.39,
               .rows_two_phases = 1.31,
               .rows_transform_small = 7.04,
               .rows_transform = 6.87}},
    {.name = "Zen 4",
     .properties = {.wide = true, .halves = true, .own_additions = true},
     .costs = {.tile_overhead = 1.15,
               .lone_vector = 1.16,
               .narrow_tiles = 1.15,
               .near_bytes = 12,
               .far_bytes = 8.44,
               .beyond_bytes = 3.07,
               .shows = 3.21,
               .shows_alone = 1.26,
               .transform_small = 6.46,
               .transform_middle = 9.4,
               .transform_large = 7.71,
               .inputs_in_halves = 2,
               .lean_product = 1.16,
               .lean_point = 0.253,
               .rows_few = 1.17,
               .rows_one_phase = 1.11,
               .rows_two_phases = 0.985,
               .rows_transform_small = 15.5,
               .rows_transform = 13.4}},
    {.name = "Zen 5",
     .properties = {.wide = true, .own_additions = true},
     .costs = {.tile_overhead = 1.73,
               .lone_vector = 1.2,
               .narrow_tiles = 1.14,
               .near_bytes = 21.6,
               .far_bytes = 13.3,
               .beyond_bytes = 5.1,
               .shows = 7.04,
               .shows_alone = 1.94,
               .transform_small = 6.32,
               .transform_middle = 6.99,
               .transform_large = 6.72,
               .inputs_in_halves = 1.52,
               .lean_product = 1.1,
               .lean_point = 1.09,
               .rows_few = 0.912,
               .rows_one_phase = 1.06,
               .rows_two_phases = 0.983,
               .rows_transform_small = 10.2,
               .rows_transform = 8.56}},
    // </fitted>
};

/// How much two machines differ in what costs depend on.
int distance(const MachineProperties& a, const MachineProperties& b) {
  return (a.wide != b.wide ? 4 : 0) + (a.halves != b.halves ? 2 : 0) + (a.own_additions != b.own_additions ? 1 : 0);
}

}  // namespace

MachineProperties properties_of(const Processor& processor, Isa isa) {
  return {.wide = isa == Isa::avx512,
          .halves = (isa == Isa::avx2 && processor.is_zen1()) || (isa == Isa::avx512 && processor.is_zen3_or_4()),
          .own_additions = processor.amd};
}

const MachineClass& nearest_class(const MachineProperties& properties) {
  return *std::min_element(std::begin(classes), std::end(classes), [&](const MachineClass& a, const MachineClass& b) {
    return distance(a.properties, properties) < distance(b.properties, properties);
  });
}

MachineCosts costs_of(const MachineProperties& properties) {
  MachineCosts costs = nearest_class(properties).costs;
  costs.vector_cycles = properties.halves ? 2 : 1;
  costs.l2_bytes = (properties.wide ? 1024 : 512) << 10;
  return costs;
}

}  // namespace upconv::internal
