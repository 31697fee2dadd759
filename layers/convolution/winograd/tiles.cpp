#include "layers/convolution/winograd/tiles.h"

#include <algorithm>
#include <limits>

#include "framework/caches.h"
#include "layers/arithmetic.h"
#include "layers/convolution/machine.h"

namespace upconv::internal {
namespace {

constexpr size_t l3_share = 4 << 20;  // bytes of weights that stay in L3 beside what else is there

/// Runs of units of tiles, one work each, that are shared out among threads.
struct Runs {
  int64_t unit;   ///< tiles in a unit
  int64_t total;  ///< units
  int64_t most;   ///< units of a run
  int64_t times;  ///< how often they come
};

/// How many units make a work so that the threads are done first, one work after another: for one channel and two
/// vectors 3 a tile and 6 a register tile.
int64_t best_run(const Runs& runs, int64_t threads, int64_t pixels) {
  const auto cost = [&](int64_t units) { return 3 * units * runs.unit + 6 * ceil_div(units * runs.unit, pixels); };
  int64_t best = 1, least = std::numeric_limits<int64_t>::max();
  for (int64_t run = 1; run <= std::min(runs.most, runs.total); ++run) {
    const int64_t whole = runs.times * (runs.total / run), rests = runs.total % run > 0 ? runs.times : 0;
    const int64_t rounds = ceil_div(whole, threads), free = rounds * threads - whole;
    const int64_t end =
        rounds * cost(run) + ceil_div(std::max<int64_t>(0, rests - free), threads) * cost(runs.total % run);
    if (end > least) continue;
    best = run;
    least = end;
  }
  return best;
}

}  // namespace

TiledConvolution::TiledConvolution(const Tiling& tiling, ConvGeometry the_geometry, const kernels::Table& table,
                                   ConvContext the_context)
    : tiling(tiling),
      size(sizes_of(tiling.scheme)),
      geometry(std::move(the_geometry)),
      table(table),
      context(std::move(the_context)),
      lanes(lanes_of(geometry, table, tiling)),
      planar_input(planar(context.input, geometry.in)),
      aside(!lanes.merged && planar(context.output, geometry.out)),
      rows(*tiled_axis(geometry.rows, tiling)),
      cols(*tiled_axis(geometry.cols, tiling)),
      channel_blocks(ceil_div(geometry.in.C, kernels::panel_lanes)),
      residues(rows.residues * cols.residues) {}

std::vector<WinogradWork> cut(const TiledConvolution& of, int64_t groups, size_t weight_bytes) {
  const int64_t N = of.geometry.in.N, threads = of.context.threads, l2 = std::min<int64_t>(l2_bytes(), 1 << 20);
  const int64_t most = most_tiles(of.geometry, of.table, of.tiling, of.aside, l2);
  const int64_t total = N * of.rows.tiles * of.cols.tiles;
  // By phase a work is one row phase where that makes works enough of few tiles, or where the weights of all would not
  // stay in L3 while boxes of tiles pass by. Groups of outputs are shared out last: each part transforms inputs.
  const int64_t wanted = threads == 1 ? 1 : 2 * threads;
  const bool split = is_by_phase(of.tiling.windows) && (weight_bytes > l3_share || total < wanted * most);
  const auto row_phases = static_cast<int64_t>(of.geometry.rows.size());
  const int64_t phase_parts = split ? row_phases : 1;
  const int64_t run =
      std::min(most, std::max(of.rows.tiles * of.cols.tiles, ceil_div(total, ceil_div(wanted, phase_parts))));
  const int64_t cols = equal_parts(of.cols.tiles, run);
  const int64_t rows =
      cols < of.cols.tiles
          ? 1
          : best_run({.unit = cols, .total = of.rows.tiles, .most = run / cols, .times = N * phase_parts}, threads,
                     of.table.pixels);
  const int64_t images =
      rows < of.rows.tiles
          ? 1
          : best_run({.unit = rows * cols, .total = N, .most = run / (rows * cols), .times = phase_parts}, threads,
                     of.table.pixels);
  const int64_t boxes = ceil_div(N, images) * ceil_div(of.rows.tiles, rows) * ceil_div(of.cols.tiles, cols);
  const int64_t group_parts = std::clamp<int64_t>(ceil_div(threads, boxes * phase_parts), 1, groups);
  std::vector<WinogradWork> works;
  for (int64_t group = 0; group < group_parts; ++group)
    for (int64_t phase = 0; phase < phase_parts; ++phase)
      each_run(N, images, [&](Range image) {
        each_run(of.rows.tiles, rows, [&](Range row) {
          each_run(of.cols.tiles, cols, [&](Range col) {
            works.push_back({.images = image,
                             .rows = row,
                             .cols = col,
                             .phases = part_of(row_phases, phase, phase_parts),
                             .groups = part_of(groups, group, group_parts)});
          });
        });
      });
  return works;
}

}  // namespace upconv::internal
