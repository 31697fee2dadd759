#include "layers/convolution/direct/window.h"

#include <algorithm>

#include "layers/arithmetic.h"

namespace upconv::internal {

namespace {

/// The positions of the longest phase of the columns.
int64_t positions_of(const ConvGeometry& geometry) {
  int64_t most = 0;
  for (const Phase& col : geometry.cols) most = std::max(most, col.count);
  return most;
}

/// Lines of a pixel in a panel.
int64_t blocks_of(const ConvGeometry& geometry, const kernels::Table& table) {
  return ceil_div(geometry.in.C, kernels::panel_lanes * table.in_word());
}

/// Of one row threads have only strips to share. HiFi-GAN's rows are up to 22016 long, of 32 to 256 channels: a strip
/// that fills half a window has a hundred positions at least, beside which its halo, of up to 50, is packed again.
int64_t strip_of(const ConvGeometry& geometry, int64_t halo, int threads, const kernels::Table& table) {
  const int64_t all = positions_of(geometry);
  if (geometry.in.H != 1 || geometry.out.H != 1) return all;
  const int64_t step = geometry.cols.front().in_step;
  const int64_t column = blocks_of(geometry, table) * kernels::panel_lanes;
  const int64_t fit = (window_budget / 2 / column - halo - step) / step;
  const int64_t least = std::max<int64_t>(table.pixels, ceil_div(halo, step));
  if (fit < least) return all;  // whatever the threads, as zeros beside a picture are multiplied in windows alone
  const int64_t shared = std::max<int64_t>({least, ceil_div(all, 8 * threads), 4 * table.pixels});
  return std::min(all, std::max<int64_t>(1, std::min(fit, shared) / table.pixels) * table.pixels);
}

}  // namespace

std::optional<Window> window_of(const ConvGeometry& geometry, bool planar, bool finite, int threads,
                                const kernels::Table& table) {
  if (!geometry.has_rows_of(planar ? vector_row : wide_row) || !finite) return {};
  const int64_t channel_blocks = blocks_of(geometry, table);
  const InputRange read = inputs_of(geometry.cols), rows = inputs_of(geometry.rows);
  const int64_t step = geometry.cols.front().in_step;
  const int64_t strip = strip_of(geometry, read.first_end - read.begin, threads, table);
  const bool whole = strip == positions_of(geometry);  // phases may then have fewer positions
  const int64_t cols = (whole ? read.end : read.first_end + step * (strip - 1)) - read.begin;
  const int64_t part = ceil_div(cols, step);
  const int64_t lines = (part * step) | 1;  // odd, so that blocks of channels spread over the sets of L1
  if (cols > 2 * geometry.in.W || lines * channel_blocks * kernels::panel_lanes * 2 > window_budget) return {};
  const int64_t pitch = lines * kernels::panel_lanes;
  return Window{.strip = strip,
                .col_begin = read.begin,
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
void Window::pack_row(const PanelSource& source, int64_t image, int64_t h, int64_t position, float* to,
                      float* spare) const {
  constexpr int64_t lanes = kernels::panel_lanes;
  source.pack_seen({.image = image, .h = h, .w = col_begin + col_step * position, .step = 1, .count = cols},
                   col_step == 1 ? to : spare, pitch);
  if (col_step == 1) return;
  for (int64_t block = 0; block < channel_blocks; ++block, spare += pitch, to += pitch)
    for (int64_t residue = 0; residue < std::min(col_step, cols); ++residue)
      source.table.pack(spare + residue * lanes, col_step * lanes, lanes, to + residue * part * lanes, 0,
                        ceil_div(cols - residue, col_step));
}

void Window::pack(const PanelSource& source, int64_t image, int64_t first, int64_t count, int64_t position,
                  float* panel, float* spare) const {
  for (int64_t r = 0; r < count; ++r) {
    const int64_t h = seen_at(source.border, first + r, source.in.H);
    if (h >= 0) pack_row(source, image, h, position, panel + r * row, spare);
  }
}

}  // namespace upconv::internal
