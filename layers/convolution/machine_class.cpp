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
     .costs = {.tile_overhead = 2.5,
               .lone_vector = 1.83,
               .narrow_tiles = 1.05,
               .near_bytes = 14.4,
               .far_bytes = 6.69,
               .beyond_bytes = 4.05,
               .shows = 1.36,
               .shows_alone = 1.47,
               .transform_small = 10.4,
               .transform_middle = 16,
               .transform_large = 12.9,
               .inputs_in_halves = 1.34,
               .lean_point = 0.571,
               .rows_few = 1.46,
               .rows_one_phase = 1.29,
               .rows_two_phases = 0.997,
               .rows_transform_small = 9.66,
               .rows_transform = 9.96}},
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
     .costs = {.tile_overhead = 1.37,
               .lone_vector = 1.17,
               .narrow_tiles = 1.14,
               .near_bytes = 10.9,
               .far_bytes = 7.83,
               .beyond_bytes = 2.86,
               .shows = 4.13,
               .shows_alone = 1.4,
               .transform_small = 6.69,
               .transform_middle = 9.74,
               .transform_large = 9.26,
               .inputs_in_halves = 2,
               .lean_product = 1.18,
               .lean_point = 0.245,
               .rows_few = 1.2,
               .rows_one_phase = 1.14,
               .rows_two_phases = 1,
               .rows_transform_small = 15.8,
               .rows_transform = 13.7}},
    {.name = "Zen 5",
     .properties = {.wide = true, .own_additions = true},
     .costs = {.tile_overhead = 3.51,
               .lone_vector = 1.24,
               .narrow_tiles = 1.27,
               .near_bytes = 14.1,
               .far_bytes = 9.3,
               .beyond_bytes = 4.04,
               .shows = 10,
               .shows_alone = 1.81,
               .transform_small = 7.75,
               .transform_middle = 9.34,
               .transform_large = 9.83,
               .inputs_in_halves = 1.34,
               .lean_product = 1.61,
               .lean_point = 0.368,
               .rows_few = 1.1,
               .rows_one_phase = 1.18,
               .rows_two_phases = 1.1,
               .rows_transform_small = 11.4,
               .rows_transform = 9.91}},
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
