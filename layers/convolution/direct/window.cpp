#include "layers/convolution/direct/window.h"

#include "layers/arithmetic.h"

namespace upconv::internal {

std::optional<Window> window_of(const ConvGeometry& geometry, bool planar, bool finite) {
  if (!geometry.has_rows_of(planar ? vector_row : wide_row) || !finite) return {};
  const int64_t channel_blocks = ceil_div(geometry.in.C, kernels::panel_lanes);
  const InputRange read = inputs_of(geometry.cols), rows = inputs_of(geometry.rows);
  const int64_t cols = read.end - read.begin, step = geometry.cols.front().in_step, part = ceil_div(cols, step);
  const int64_t lines = (part * step) | 1;  // odd, so that blocks of channels spread over the sets of L1
  if (cols > 2 * geometry.in.W || lines * channel_blocks * kernels::panel_lanes * 2 > window_budget) return {};
  const int64_t pitch = lines * kernels::panel_lanes;
  return Window{.col_begin = read.begin,
                .cols = cols,
                .col_step = step,
                .part = part,
                .row_step = geometry.rows.front().in_step,
                .pitch = pitch,
                .row = pitch * channel_blocks,
                .row_begin = rows.begin,
                .halo = rows.first_end - rows.begin - 1,
                .channel_blocks = channel_blocks};
}

/// Row h of the input, all channels, with what lies beside it. Columns of one residue are brought together from
/// `spare`, where they lie in order.
void Window::pack_row(const PanelSource& source, int64_t image, int64_t h, float* to, float* spare) const {
  constexpr int64_t lanes = kernels::panel_lanes;
  source.pack_seen({.image = image, .h = h, .w = col_begin, .step = 1, .count = cols}, col_step == 1 ? to : spare,
                   pitch);
  if (col_step == 1) return;
  for (int64_t block = 0; block < channel_blocks; ++block, spare += pitch, to += pitch)
    for (int64_t residue = 0; residue < std::min(col_step, cols); ++residue)
      source.table.pack(spare + residue * lanes, col_step * lanes, lanes, to + residue * part * lanes, 0,
                        ceil_div(cols - residue, col_step));
}

void Window::pack(const PanelSource& source, int64_t image, int64_t first, int64_t count, float* panel,
                  float* spare) const {
  for (int64_t r = 0; r < count; ++r) {
    const int64_t h = seen_at(source.border, first + r, source.in.H);
    if (h >= 0) pack_row(source, image, h, panel + r * row, spare);
  }
}

}  // namespace upconv::internal
