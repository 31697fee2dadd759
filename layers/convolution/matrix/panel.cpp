#include "layers/convolution/matrix/panel.h"

#include "layers/arithmetic.h"

namespace upconv::internal {

using kernels::panel_lanes, kernels::tile_channels;

/// A row of zeros.
void MatrixPanel::put_zeros(int64_t line, int64_t cols, float* panel) const {
  for (int64_t block = 0; block < parts_ * plan_.input_blocks; ++block)
    for (int64_t residue = 0; residue < std::min(lines_.col_step, cols); ++residue)
      std::fill_n(panel + block * pitch() + (line + lines_.input(0, residue)) * panel_lanes,
                  ceil_div(cols - residue, lines_.col_step) * panel_lanes, 0.0f);
}

/// A row of planes with the zeros beside it, turned and rounded at once.
void MatrixPanel::pack_planes(const PanelSource& source, const SeenPixels& row, float* to) const {
  const ImageShape& in = source.in;
  const int64_t first = std::clamp<int64_t>(-row.w, 0, row.count),
                last = std::clamp<int64_t>(in.W - row.w, first, row.count);
  for (int64_t block = 0; block < parts_ * plan_.input_blocks; ++block) {
    std::fill_n(to + block * pitch(), first * panel_lanes, 0.0f);
    std::fill_n(to + block * pitch() + last * panel_lanes, (row.count - last) * panel_lanes, 0.0f);
  }
  if (first == last) return;
  int64_t channel = 0;
  for (size_t input = 0; input < source.parts.size(); ++input) {
    const int64_t C = source.parts[input], plane = in.H * in.W;
    const float* x =
        static_cast<const float*>(source.inputs[input]) + (row.image * C * in.H + row.h) * in.W + row.w + first;
    for (int64_t c = 0; c < C; c += panel_lanes, channel += panel_lanes)
      tiles_.split_planes(
          {.split = {.x = x + c * plane,
                     .stride = plane,
                     .pixels = last - first,
                     .y = reinterpret_cast<uint16_t*>(to + channel / tile_channels * pitch() + first * panel_lanes) +
                          channel % tile_channels,
                     .y_part = 2 * part(),
                     .parts = parts_},
           .channels = static_cast<int32_t>(std::min(panel_lanes, C - c))});
  }
}

/// A row of the input, whose first column goes to `line`.
void MatrixPanel::pack_row(const PanelSource& source, const SeenPixels& row, int64_t line, float* panel,
                           float* spare) const {
  if (seen_at(source.border, row.h, source.in.H) < 0) return put_zeros(line, row.count, panel);
  const int64_t step = lines_.col_step;
  if (source.planar && step == 1 && source.border == Border::zeros)
    return pack_planes(source, row, panel + line * panel_lanes);
  if (source.pairs && step == 1) return source.pack_seen(row, panel + line * panel_lanes, pitch());
  source.pack_seen(row, spare, spare_pitch());
  for (int64_t residue = 0; residue < std::min(step, row.count); ++residue) {
    float* to = panel + (line + lines_.input(0, residue)) * panel_lanes;
    const int64_t count = ceil_div(row.count - residue, step);
    if (source.pairs) {
      for (int64_t block = 0; block < plan_.input_blocks; ++block)
        source.table.pack(spare + block * spare_pitch() + residue * panel_lanes, step * panel_lanes, panel_lanes,
                          to + block * pitch(), 0, count);
      continue;
    }
    for (int64_t half = 0; half * panel_lanes < channels_; ++half)
      tiles_.split({.x = spare + half * spare_pitch() + residue * panel_lanes,
                    .stride = step * panel_lanes,
                    .pixels = count,
                    .y = reinterpret_cast<uint16_t*>(to + half / 2 * pitch()) + half % 2 * panel_lanes,
                    .y_part = 2 * part(),
                    .parts = parts_});
  }
}

void MatrixPanel::pack(const PanelSource& source, const MatrixWork& work, float* panel, float* spare) const {
  // What lies beside the last channels is multiplied by zeros, so it must be finite.
  if (channels_ % tile_channels != 0) {
    for (int32_t part_index = 0; part_index < parts_; ++part_index)
      std::fill_n(panel + part_index * part() + (plan_.input_blocks - 1) * pitch(), pitch(), 0.0f);
    std::fill_n(spare, spare_floats(), 0.0f);
  }
  const int64_t cols = plan_.cols.inputs(work.cols.count());
  const int64_t h = plan_.rows.begin + plan_.rows.step * work.rows.begin;
  const int64_t w = plan_.cols.begin + plan_.cols.step * work.cols.begin;
  for (int64_t i = 0; i < work.images.count(); ++i)
    for (int64_t row = 0; row < plan_.rows.inputs(work.rows.count()); ++row)
      pack_row(source, {.image = work.images.begin + i, .h = h + row, .w = w, .step = 1, .count = cols},
               lines_.position(i, 0, 0) + lines_.input(row, 0), panel, spare);
}

}  // namespace upconv::internal
