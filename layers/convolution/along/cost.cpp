#include "layers/convolution/along/cost.h"

#include <algorithm>

#include "layers/arithmetic.h"
#include "layers/convolution/along/tiles.h"

namespace upconv::internal {

std::optional<double> along_cost(const ConvQuery& query, kernels::Scheme scheme) {
  const auto& [geometry, input, output, table, machine, accuracy, images, memory] = query;
  if (accuracy == Accuracy::exact || geometry.in.C < 16) return {};
  const std::optional<AlongPlan> plan = along_plan(geometry, scheme);
  if (!plan) return {};
  double row_taps = 0;  // of all rows of outputs
  for (const Segment& segment : geometry.rows.front().segments)
    row_taps += static_cast<double>(segment.end - segment.begin) * static_cast<double>(segment.taps.size());
  double chunks = 0;  // of all points
  for (int64_t point = 0; point < plan->size.n; ++point)
    for (int64_t chunk = 0; chunk < plan->chunks; ++chunk) chunks += plan->is_zero(point, chunk) ? 0 : 1;
  const auto tiles = static_cast<double>(plan->tiles()), width = static_cast<double>(table.width);
  const auto register_tiles = static_cast<double>(ceil_div(plan->tiles(), table.pixels));
  const auto IC = static_cast<double>(geometry.in.C);
  const auto vectors = static_cast<double>(ceil_div(geometry.out.C, table.width));
  const double products = (tiles + machine.tile_overhead * register_tiles) * row_taps * chunks * IC * vectors;
  const double rows_in = static_cast<double>(std::min(geometry.in.H, geometry.out.H * geometry.rows.front().in_step));
  const auto rows_out = static_cast<double>(geometry.out.H), n = static_cast<double>(plan->size.n);
  const double transforms = n * tiles * machine.along_transform *
                            (rows_in * IC / width * machine.inputs() + rows_out * vectors * machine.vector_cycles);
  const double weights = static_cast<double>(geometry.rows.front().taps.size()) * chunks * IC * vectors * width * 4;
  const double strips =
      std::max(1.0, static_cast<double>(plan->braids * geometry.out.H) /
                        static_cast<double>(most_braids(*plan, geometry, table, machine.l2_bytes / 2)));
  return machine.overlapped(products / 2 * machine.vector_cycles, machine.stream(weights, false) * strips, false) +
         transforms;
}

}  // namespace upconv::internal
