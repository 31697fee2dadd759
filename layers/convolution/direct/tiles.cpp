#include "layers/convolution/direct/tiles.h"

#include <algorithm>

#include "framework/caches.h"
#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

// Multiply-adds in a tile: at least 40 to 80 us of one AVX-512 core, as less does not pay for handing it out and
// packing its input; more where 16 tiles remain for each thread, as rows that lie together share their window.
constexpr int64_t least_tile_work = 1 << 22;

// A tile's weights of a pair of phases should stay in half of L2 while its rows pass by.
int64_t weight_budget() { return std::min<int64_t>(l2_bytes(), 1 << 20) / 2; }

int64_t tile_work(const ConvContext& context) {
  return std::max(least_tile_work, static_cast<int64_t>(context.flops / 2 / (16 * context.threads)));
}

/// The positions of the columns that a tile has: of a window's strip, or all.
int64_t positions_of_tile(const DirectCut& of) {
  int64_t most = 0;
  for (const Phase& col : of.geometry.cols) most = std::max(most, col.count);
  return of.window ? of.window->strip : most;
}

/// Columns of outputs of a tile that is put aside.
int64_t columns_of_tile(const DirectCut& of) { return columns_of(of.geometry, {0, positions_of_tile(of)}).count(); }

/// Multiply-adds of one row of one image for one vector lane and one input channel, at most.
int64_t taps_of_row(const ConvGeometry& geometry, const Phase& row) {
  int64_t rows = 0, cols = 0;
  for (const Segment& segment : row.segments) rows = std::max(rows, static_cast<int64_t>(segment.taps.size()));
  for (const Phase& col : geometry.cols)
    for (const Segment& segment : col.segments)
      cols += static_cast<int64_t>(segment.taps.size()) * (segment.end - segment.begin);
  return std::max<int64_t>(1, rows * cols);
}

int64_t blocks_in_run(const DirectCut& of) {
  const ConvGeometry& geometry = of.geometry;
  const auto blocks = static_cast<int64_t>(of.packed.blocks().size());
  const auto row_phases = static_cast<int64_t>(geometry.rows.size());
  const int64_t pairs = row_phases * static_cast<int64_t>(geometry.cols.size());
  const int64_t bytes = static_cast<int64_t>(of.packed.bytes()) / (blocks * pairs);  // of one block in one pair
  const int64_t positions = geometry.in.N * geometry.rows.front().count * geometry.cols.front().count;  // about
  int64_t most = weight_budget() / std::max<int64_t>(1, bytes);
  if (positions <= 2 * of.table.pixels) {  // weights are read once or twice, and inputs packed for fewer runs
    const int64_t work = positions * pairs / row_phases * bytes / 4;  // of a block in one row phase
    most = std::max(most, tile_work(of.context) / std::max<int64_t>(1, work));
  }
  if (of.aside) most = std::min(most, aside_budget / (columns_of_tile(of) * 2 * of.table.width));
  return equal_parts(blocks, most);
}

void cut_phases(const DirectCut& of, Range blocks, Range phases, std::vector<DirectTile>& tiles) {
  const ConvGeometry& geometry = of.geometry;
  const int64_t lanes = blocks.count() * 2 * of.table.width;
  int64_t count = 0, taps = 0, positions = 0;
  for (const Phase& col : geometry.cols) positions = std::max(positions, col.count);
  const int64_t strip = positions_of_tile(of);
  for (int64_t phase = phases.begin; phase < phases.end; ++phase) {
    count = std::max(count, geometry.rows[static_cast<size_t>(phase)].count);
    taps += taps_of_row(geometry, geometry.rows[static_cast<size_t>(phase)]);
  }
  const int64_t work = taps * geometry.in.C / geometry.groups * lanes;
  int64_t most = tile_work(of.context) / work;  // rows in a tile
  if (of.aside) most = std::min(most, aside_budget / (columns_of_tile(of) * lanes));
  if (of.window)
    most = std::min(most, (window_budget / of.window->row - 1 - of.window->halo) / of.window->row_step + 1);
  const int64_t rows = equal_parts(count, most), images = of.window ? 1 : equal_parts(geometry.in.N, most / rows);
  each_run(geometry.in.N, images, [&](Range image) {
    each_run(count, rows, [&](Range row) {
      each_run(positions, strip, [&](Range cols) { tiles.push_back({blocks, phases, image, row, cols}); });
    });
  });
}

}  // namespace

Range columns_of(const ConvGeometry& geometry, Range cols) {
  const int64_t step = geometry.cols.front().out_step, W = geometry.out.W;
  return {std::min(W, cols.begin * step), std::min(W, cols.end * step)};
}

std::vector<DirectTile> cut(const DirectCut& of) {
  std::vector<DirectTile> tiles;
  const auto phases = static_cast<int64_t>(of.geometry.rows.size());
  each_run(static_cast<int64_t>(of.packed.blocks().size()), blocks_in_run(of), [&](Range blocks) {
    each_run(phases, of.window ? phases : 1, [&](Range phase) { cut_phases(of, blocks, phase, tiles); });
  });
  return tiles;
}

}  // namespace upconv::internal
