#include "layers/convolution/matrix/cut.h"

#include <algorithm>

#include "layers/arithmetic.h"
#include "layers/kernels/tiles.h"

namespace upconv::internal {
namespace {

// Multiply-adds of float32 in a work: 20 us and more at the rate of tiles, as less does not pay for handing it out and
// packing its inputs; more where 16 works remain for each thread. Weights that do not stay in L2 come from beyond it
// for every work, at 28 GB/s of a core: then one work for one thread, and four for each of several.
constexpr int64_t least_work = 1 << 24;

int64_t work_of(const MatrixCutting& of) {
  const bool stays = weights_of_block(of) * of.blocks <= matrix_weights_budget;
  const int64_t works = stays ? 16 * of.context.threads : of.context.threads > 1 ? 4 * of.context.threads : 1;
  return std::max(least_work, static_cast<int64_t>(of.context.flops / 2 / static_cast<double>(works)));
}

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

}  // namespace

int64_t weights_of_block(const MatrixCutting& of) {
  return taps_of(of.geometry) * of.plan.blocks * of.parts * 2 * kernels::tile_words;
}

MatrixCut cut_of(const MatrixCutting& of) {
  const MatrixPlan& plan = of.plan;
  const int64_t cols = columns_of(of), N = std::max<int64_t>(1, of.geometry.in.N), line = line_floats(of);
  const auto row_work = static_cast<int64_t>(of.context.flops / 2 / static_cast<double>(N * plan.rows.count));
  const int64_t wanted = work_of(of) / std::max<int64_t>(1, row_work), row = line * plan.cols.lines(cols);
  const int64_t fit = (matrix_panel_budget / row - plan.rows.reach) / plan.rows.step + 1;
  const int64_t rows = std::min(plan.rows.count, equal_parts(plan.rows.count, std::min(wanted, fit)));
  if (rows < plan.rows.count || cols < plan.cols.count) return {1, rows, cols};
  const int64_t image = row * plan.rows.lines(rows);
  return {std::min(N, equal_parts(N, std::min(wanted / rows, matrix_panel_budget / image))), rows, cols};
}

std::vector<MatrixWork> works_of(const MatrixCutting& of, const MatrixCut& cut) {
  const MatrixPlan& plan = of.plan;
  const int64_t N = of.geometry.in.N, threads = of.context.threads;
  const int64_t positions = std::max<int64_t>(
      1, ceil_div(N, cut.images) * ceil_div(plan.rows.count, cut.rows) * ceil_div(plan.cols.count, cut.cols));
  // Few positions leave threads the outputs to share, each with weights of its own.
  const int64_t runs = threads == 1 ? 1 : std::clamp<int64_t>(ceil_div(4 * threads, positions), 1, of.blocks);
  std::vector<MatrixWork> works;
  each_run(of.blocks, equal_parts(of.blocks, ceil_div(of.blocks, runs)), [&](Range blocks) {
    each_run(N, cut.images, [&](Range images) {
      each_run(plan.rows.count, cut.rows, [&](Range rows) {
        each_run(plan.cols.count, cut.cols, [&](Range cols) { works.push_back({blocks, images, rows, cols}); });
      });
    });
  });
  return works;
}

}  // namespace upconv::internal
