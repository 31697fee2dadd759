#include "layers/convolution/direct/cost.h"

#include <algorithm>
#include <cmath>

#include "layers/arithmetic.h"
#include "layers/convolution/direct/regions.h"

namespace upconv::internal {
namespace {

/// Vectors of blocks for so many outputs, the last block's at what it costs.
double vectors_of(int64_t outputs, int64_t width, const MachineCosts& machine) {
  const double whole = static_cast<double>(outputs / (2 * width)) * 2;
  const int64_t rest = outputs % (2 * width);
  if (rest == 0) return whole;
  return whole + (rest <= width ? machine.lone_vector : 2);
}

/// What a segment of rows and one of columns take of one channel and one vector.
struct Products {
  double positions, taps;
  double tiles;  ///< register tiles
};

}  // namespace

double direct_cost(const ConvQuery& query) {
  const auto& [geometry, input, output, table, machine, accuracy, images, memory] = query;
  const double groups = static_cast<double>(geometry.groups);
  const double IC = static_cast<double>(ceil_div(geometry.in.C / geometry.groups, table.in_word()));
  const int64_t OC = geometry.out.C / geometry.groups;
  const double vectors = groups * vectors_of(OC, table.width, machine);
  const bool wide = geometry.has_rows_of(wide_row);
  const double lines = images * static_cast<double>(geometry.rows.front().count);
  const auto products_of = [&](const Phase& col, const Segment& r, const Segment& c) {
    const double rows = static_cast<double>(r.end - r.begin), cols = static_cast<double>(c.end - c.begin);
    const double tiles =
        wide ? rows * cols / static_cast<double>(col.count) * static_cast<double>(ceil_div(col.count, table.pixels))
             : std::ceil(rows * cols * images / table.pixels) / images;
    return Products{rows * cols, static_cast<double>(r.taps.size() * c.taps.size()), tiles};
  };
  std::vector<std::vector<Segment>> segments;  // of the columns
  for (const Phase& col : geometry.cols)
    segments.push_back(wide ? col.segments : gathered_segments(col, lines, table, machine));
  double inputs = 0, cycles = 0, taps = 0;  // of one channel and one vector
  for (const Phase& row : geometry.rows)
    for (size_t i = 0; i < segments.size(); ++i) {
      double most = 0;
      for (const Segment& r : row.segments)
        for (const Segment& c : segments[i]) {
          const Products products = products_of(geometry.cols[i], r, c);
          inputs += products.positions * products.taps;
          cycles += (products.positions + machine.tile_overhead * products.tiles) * products.taps;
          most = std::max(most, products.taps);
        }
      taps += most;
    }
  const double weights = taps * IC * static_cast<double>(OC) * groups * (memory.halved ? 2 : 4);
  const double gathered =
      wide ? 0 : inputs * (machine.gather_pixel + machine.gather_line * IC * groups / kernels::panel_lanes);
  if (!wide) cycles *= machine.narrow_tiles;
  return machine.overlapped(cycles * IC * vectors / 2 * machine.product(table.pairs != nullptr),
                            machine.stream(weights, false) / images, false) +
         gathered;
}

}  // namespace upconv::internal
