#include "layers/convolution/matrix/cut.h"

#include <algorithm>

#include "layers/arithmetic.h"
#include "layers/kernels/tiles.h"

namespace upconv::internal {
namespace {

bool stays_in_l2(const MatrixCutting& of) { return weights_of_block(of) * of.blocks <= matrix_weights_budget; }

/// Floats of a line in all panels.
int64_t line_floats(const MatrixCutting& of) { return of.plan.input_blocks * of.parts * kernels::panel_lanes; }

/// Columns of a work: all, but of rows that are too long for a panel, and of lone rows, of which threads have nothing
/// else to share.
int64_t columns_of(const MatrixCutting& of) {
  const MatrixPlan& plan = of.plan;
  const int64_t all = plan.cols.count, line = line_floats(of) * plan.rows.reach, least = 4 * kernels::tile_lines;
  const int64_t fit = (matrix_panel_budget / line - plan.cols.reach) / plan.cols.step;
  const bool lone = of.geometry.in.H == 1 && of.geometry.out.H == 1;
  const int64_t shared = lone ? std::max(ceil_div(all, 8 * of.context.threads), least) : all;
  const int64_t most = std::min(shared, std::max(fit, least));
  return most >= all ? all : ceil_div(equal_parts(all, most), kernels::tile_lines) * kernels::tile_lines;
}

/// The largest part of the picture that has at most `work` multiply-adds of float32 and whose panels fit.
MatrixCut part_of(const MatrixCutting& of, int64_t work) {
  const MatrixPlan& plan = of.plan;
  const int64_t cols = columns_of(of), N = std::max<int64_t>(1, of.geometry.in.N), line = line_floats(of);
  const auto row_work = static_cast<int64_t>(of.context.flops / 2 / static_cast<double>(N * plan.rows.count));
  const int64_t wanted = work / std::max<int64_t>(1, row_work), row = line * plan.cols.lines(cols);
  const int64_t fit = (matrix_panel_budget / row - plan.rows.reach) / plan.rows.step + 1;
  const int64_t rows = std::min(plan.rows.count, equal_parts(plan.rows.count, std::min(wanted, fit)));
  if (rows < plan.rows.count || cols < plan.cols.count) return {1, rows, cols};
  const int64_t image = row * plan.rows.lines(rows);
  return {std::min(N, equal_parts(N, std::min(wanted / rows, matrix_panel_budget / image))), rows, cols};
}

int64_t parts_of(const MatrixCutting& of, const MatrixCut& cut) {
  return std::max<int64_t>(1, ceil_div(of.geometry.in.N, cut.images) * ceil_div(of.plan.rows.count, cut.rows) *
                                  ceil_div(of.plan.cols.count, cut.cols));
}

/// Cycles that all works take, shared by the threads: each packs its part of the picture, multiplies it by the weights
/// of so many blocks, which come from beyond L2 meanwhile, and waits at the end for what others have begun. The rates
/// are those of a Granite Rapids.
double expected_cycles(const MatrixCutting& of, const MatrixCut& cut, int64_t blocks) {
  constexpr double packed_float = 0.57, tile_product = 25, bytes_a_cycle = 9, shows = 0.3, handing_out = 2000,
                   waiting = 0.15;
  const MatrixPlan& plan = of.plan;
  const MatrixTiles tiles(MatrixLines(plan.rows, plan.cols, cut), cut.images, cut.rows, cut.cols);
  const int64_t inputs =
      cut.images * plan.rows.inputs(cut.rows) * plan.cols.inputs(cut.cols) * of.geometry.in.C * of.parts;
  const int64_t products = ceil_div(tiles.positions, kernels::tile_lines) * plan.taps * plan.blocks * blocks * 2 *
                           kernels::products_of(of.parts);
  const int64_t weights = blocks * weights_of_block(of) * static_cast<int64_t>(sizeof(float));
  const double multiplying = tile_product * static_cast<double>(products),
               reading = stays_in_l2(of) ? 0 : static_cast<double>(weights) / bytes_a_cycle;
  const double work = handing_out + packed_float * static_cast<double>(inputs) + std::max(multiplying, reading) +
                      shows * std::min(multiplying, reading);
  const int64_t works = parts_of(of, cut) * ceil_div(of.blocks, blocks), threads = of.context.threads;
  const auto share = static_cast<double>(works) / static_cast<double>(threads);
  return work * std::max(share + waiting, static_cast<double>(ceil_div(works, threads)));
}

/// Parts of the picture and runs of blocks.
struct Shares {
  MatrixCut cut;
  int64_t blocks;
};

// Weights that stay in L2 are read once, and works of one thread are small, of 20 us and more at the rate of tiles, as
// less does not pay for packing what neighbours read too; others come from beyond L2 for every work, which is as large
// as panels allow. Of several threads each has outputs of its own or parts of the picture, whichever is expected to
// take less: half of the positions of 256-320 conv k4s2 14x14, in works of a row of seven, take three times as long as
// half of the outputs.
Shares shares_of(const MatrixCutting& of) {
  constexpr int64_t least_work = 1 << 24;  // multiply-adds of float32
  const auto all = static_cast<int64_t>(of.context.flops / 2);
  const int64_t threads = of.context.threads;
  if (threads == 1) return {part_of(of, stays_in_l2(of) ? std::max(least_work, all / 16) : all), of.blocks};
  Shares best{part_of(of, all), of.blocks};
  double least = expected_cycles(of, best.cut, best.blocks);
  for (int64_t works = 1; works <= 16 * threads; works += ceil_div(works, 4)) {
    const MatrixCut cut = part_of(of, all / works);
    for (int64_t runs = 1; runs <= std::min(of.blocks, 4 * threads); runs += ceil_div(runs, 4)) {
      const Shares shares{cut, ceil_div(of.blocks, runs)};
      const double cycles = expected_cycles(of, shares.cut, shares.blocks);
      if (cycles < least) best = shares;
      least = std::min(least, cycles);
    }
  }
  return best;
}

}  // namespace

int64_t weights_of_block(const MatrixCutting& of) {
  return of.plan.taps * of.plan.blocks * of.parts * 2 * kernels::tile_words;
}

MatrixWorks works_of(const MatrixCutting& of) {
  const Shares shares = shares_of(of);
  MatrixWorks works{shares.cut, {}};
  each_run(of.blocks, shares.blocks, [&](Range blocks) {
    each_run(of.geometry.in.N, shares.cut.images, [&](Range images) {
      each_run(of.plan.rows.count, shares.cut.rows, [&](Range rows) {
        each_run(of.plan.cols.count, shares.cut.cols, [&](Range cols) {
          works.all.push_back({blocks, images, rows, cols});
        });
      });
    });
  });
  return works;
}

}  // namespace upconv::internal
