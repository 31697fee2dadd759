#include "layers/convolution/along/tiles.h"

#include <algorithm>

#include "framework/caches.h"
#include "layers/arithmetic.h"
#include "layers/convolution/machine.h"

namespace upconv::internal {

int64_t most_braids(const AlongPlan& plan, const ConvGeometry& geometry, const kernels::Table& table, int64_t bytes) {
  const auto [m, T, n] = plan.size;
  const int64_t IC = ceil_div(geometry.in.C, kernels::panel_lanes) * kernels::panel_lanes;
  const int64_t tile = (IC * (n + m) + n * 2 * table.width) * 4;  // its points and its own inputs, and its products
  return std::max(bytes / (tile * plan.step), ceil_div(table.pixels, plan.step));
}

std::vector<AlongTile> cut(const AlongCut& of) {
  const auto& [plan, geometry, context, table, blocks] = of;
  const int64_t N = geometry.in.N, H = geometry.rows.front().count, threads = context.threads;
  const int64_t wanted = threads == 1 ? 1 : 4 * threads;
  const int64_t fit = most_braids(plan, geometry, table, std::min<int64_t>(l2_bytes(), 1 << 20) / 2);
  // A strip is of whole register tiles where that many braids fit, and no shorter than two of them for threads' sake:
  // its first braids' inputs are transformed twice.
  const int64_t shared = std::max(ceil_div(plan.braids * H * N, wanted), ceil_div(2 * table.pixels, plan.step));
  int64_t braids = equal_parts(plan.braids, std::min(fit, shared));
  const int64_t register_tiles = ceil_div(braids * plan.step, table.pixels) * table.pixels / plan.step;
  if (braids < plan.braids && register_tiles <= fit && register_tiles > braids) braids = register_tiles;
  const int64_t strips = ceil_div(plan.braids, braids);
  const int64_t rows =
      strips > 1 ? 1 : equal_parts(H, std::min(fit / braids, std::max<int64_t>(1, ceil_div(H * N, wanted))));
  const int64_t block_parts = std::clamp<int64_t>(threads / (N * ceil_div(H, rows) * strips), 1, blocks);
  std::vector<AlongTile> tiles;
  for (int64_t part = 0; part < block_parts; ++part)
    for (int64_t image = 0; image < N; ++image)
      each_run(H, rows, [&](Range row) {
        each_run(plan.braids, braids, [&](Range braid) {
          tiles.push_back({part_of(blocks, part, block_parts), image, row, braid});
        });
      });
  return tiles;
}

}  // namespace upconv::internal
