#include "layers/convolution/matrix/plan.h"

#include <algorithm>
#include <map>

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

/// An input that position 0 of some phases of an axis reads, and by which tap each of them does, -1 where it does not.
struct ReadInput {
  int64_t input;
  std::vector<int64_t> taps;
};

/// Each of them once, in the order of every phase's taps, so that a sum has the same bits whether its phase is alone or
/// not.
std::vector<ReadInput> read_by(std::span<const Phase> phases) {
  std::map<int64_t, std::vector<int64_t>> taps;
  bool fall = false;
  for (size_t i = 0; i < phases.size(); ++i) {
    const Phase& phase = phases[i];
    for (const AxisTap& tap : phase.taps)
      taps.try_emplace(phase.in_first + tap.shift, phases.size(), -1).first->second[i] = tap.k;
    fall |= !phase.taps.empty() && phase.taps.front().shift > phase.taps.back().shift;
  }
  std::vector<ReadInput> all;
  for (auto& [input, of_phases] : taps) all.push_back({input, std::move(of_phases)});
  if (fall) std::reverse(all.begin(), all.end());
  return all;
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

// The outputs of a phase of the rows lie beside one another, those of the phases of the columns as in the output.
TapOrder::TapOrder(const ConvGeometry& geometry, bool together) {
  const auto cols = static_cast<int64_t>(geometry.cols.size()), OC = geometry.out.C;
  phases = together ? static_cast<int64_t>(geometry.rows.size()) * cols : 1;
  lane_step = together ? cols : 1;
  for (size_t row = 0; row < (together ? geometry.rows.size() : 1); ++row)
    for (size_t col = 0; col < (together ? geometry.cols.size() : 1); ++col)
      lanes.push_back(together ? static_cast<int64_t>(row) * OC * cols + geometry.cols[col].out_first : 0);
  const auto add_pass = [&](std::span<const Phase> of_rows, std::span<const Phase> of_cols) {
    firsts.push_back(static_cast<int64_t>(inputs.size()));
    const std::vector<ReadInput> of_row = read_by(of_rows), of_col = read_by(of_cols);
    for (const ReadInput& row : of_row)
      for (const ReadInput& col : of_col) {
        inputs.push_back({row.input, col.input});
        for (int64_t k : row.taps)
          for (int64_t l : col.taps) taps.push_back(k < 0 || l < 0 ? -1 : k * geometry.KW + l);
      }
    counts.push_back(static_cast<int64_t>(inputs.size()) - firsts.back());
  };
  if (together) {
    add_pass(geometry.rows, geometry.cols);
    return;
  }
  for (const Phase& row : geometry.rows)
    for (const Phase& col : geometry.cols) add_pass({&row, 1}, {&col, 1});
}

std::optional<MatrixPlan> matrix_plan(const ConvGeometry& geometry, Layout output) {
  const ImageShape& in = geometry.in;
  const int64_t IC = in.C / geometry.groups;
  if (geometry.groups > 1 && IC % kernels::tile_channels != 0) return {};
  const auto phases = static_cast<int64_t>(geometry.rows.size() * geometry.cols.size());
  const bool few = phases > 1 && geometry.groups == 1 && geometry.out.C * phases <= kernels::tile_lanes;
  const bool together = few && planar(output, geometry.out);
  MatrixPlan plan{.rows = axis_of(geometry.rows, in.H, geometry.border),
                  .cols = axis_of(geometry.cols, in.W, geometry.border),
                  .blocks = ceil_div(IC, kernels::tile_channels),
                  .input_blocks = ceil_div(in.C, kernels::tile_channels),
                  .together = together,
                  .taps = 0};
  const auto too_far = [](const MatrixAxis& axis, int64_t size) {
    return axis.inputs(axis.count) > 4 * (size + kernels::tile_lines);
  };
  if (too_far(plan.rows, in.H) || too_far(plan.cols, in.W)) return {};
  plan.taps = static_cast<int64_t>(TapOrder(geometry, together).inputs.size());
  return plan;
}

}  // namespace upconv::internal
