#include "layers/convolution/matrix/plan.h"

#include <algorithm>

#include "layers/arithmetic.h"
#include "layers/kernels/tiles.h"

namespace upconv::internal {
namespace {

MatrixAxis axis_of(const std::vector<Phase>& phases, int64_t size, Border border) {
  const InputRange read = inputs_of(phases);
  MatrixAxis axis{.begin = read.begin,
                  .reach = read.first_end - read.begin,
                  .step = phases.front().in_step,
                  .count = 0,
                  .shared = 0};
  for (const Phase& phase : phases) axis.count = std::max(axis.count, phase.count);
  if (axis.step > 1 || border != Border::zeros) return axis;
  const int64_t lines = axis.inputs(axis.count), before = -axis.begin, behind = axis.begin + lines - size;
  axis.shared = std::clamp<int64_t>(std::min(before, behind), 0, lines - axis.count);
  return axis;
}

}  // namespace

int64_t MatrixAxis::lines(int64_t positions) const { return ceil_div(inputs(positions), step); }

MatrixLines::MatrixLines(const MatrixAxis& rows, const MatrixAxis& cols, const MatrixCut& cut)
    : row_step(rows.step),
      col_step(cols.step),
      row_lines(cols.pitch(cut.cols)),
      image_rows(rows.pitch(cut.rows)),
      plane(((cut.images - 1) * image_rows + rows.lines(cut.rows)) * row_lines + cols.lines(cut.cols) - row_lines),
      all(row_step * col_step * plane + kernels::tile_lines) {}

MatrixTiles::MatrixTiles(const MatrixLines& lines, int64_t images, int64_t rows, int64_t cols)
    : by_rows(false),
      row_positions(lines.row_lines),
      image_rows(lines.image_rows),
      positions(lines.position(images - 1, rows - 1, cols)) {
  const int64_t row = ceil_div(cols, kernels::tile_lines);
  if (images * rows * row > ceil_div(positions, kernels::tile_lines)) return;
  by_rows = true;
  row_positions = row * kernels::tile_lines;
  image_rows = rows;
  positions = images * rows * row_positions;
}

int64_t taps_of(const ConvGeometry& geometry) {
  size_t taps = 0;
  for (const Phase& row : geometry.rows)
    for (const Phase& col : geometry.cols) taps += row.taps.size() * col.taps.size();
  return static_cast<int64_t>(taps);
}

std::optional<MatrixPlan> matrix_plan(const ConvGeometry& geometry) {
  const ImageShape& in = geometry.in;
  const int64_t IC = in.C / geometry.groups;
  if (geometry.groups > 1 && IC % kernels::tile_channels != 0) return {};
  const MatrixPlan plan{.rows = axis_of(geometry.rows, in.H, geometry.border),
                        .cols = axis_of(geometry.cols, in.W, geometry.border),
                        .blocks = ceil_div(IC, kernels::tile_channels),
                        .input_blocks = ceil_div(in.C, kernels::tile_channels)};
  const auto too_far = [](const MatrixAxis& axis, int64_t size) {
    return axis.inputs(axis.count) > 4 * (size + kernels::tile_lines);
  };
  if (too_far(plan.rows, in.H) || too_far(plan.cols, in.W)) return {};
  return plan;
}

}  // namespace upconv::internal
