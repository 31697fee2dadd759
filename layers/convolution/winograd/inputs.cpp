#include "layers/convolution/winograd/inputs.h"

#include <algorithm>

#include "layers/arithmetic.h"
#include "layers/convolution/panel.h"

namespace upconv::internal {
namespace {

int64_t first_of(const TiledAxis& axis) {
  int64_t first = axis.phases.front().input;
  for (const TiledAxis::Start& start : axis.phases) first = std::min(first, start.input);
  return first;
}

/// How far apart the phases' tiles begin.
int64_t spread_of(const TiledAxis& axis) {
  int64_t last = axis.phases.front().input;
  for (const TiledAxis::Start& start : axis.phases) last = std::max(last, start.input);
  return last - first_of(axis);
}

}  // namespace

int64_t WinogradInputs::inputs_of(const TiledAxis& axis, int64_t tiles) const {
  return ((tiles - 1) * of_.size.m + of_.size.n - 1) * axis.in_step + axis.residues + spread_of(axis);
}

void WinogradInputs::pack(const WinogradWork& work, const Frame& frame, float* panel) const {
  const ConvGeometry& geometry = of_.geometry;
  constexpr int64_t lanes = kernels::panel_lanes;
  const int64_t rows = panel_rows(work), cols = panel_cols(work), pitch = panel_block(work);
  const int64_t top = first_of(of_.rows) + work.rows.begin * of_.size.m * of_.rows.in_step;
  const int64_t left = first_of(of_.cols) + work.cols.begin * of_.size.m * of_.cols.in_step;
  const PanelSource source{of_.table,    geometry.in,       of_.planar_input,      geometry.border,
                           frame.inputs, of_.context.parts, of_.context.part_types};
  for (int64_t image = work.images.begin; image < work.images.end; ++image, panel += of_.channel_blocks * pitch)
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t h = seen_at(geometry.border, top + r, geometry.in.H);
      float* row = panel + r * cols * lanes;
      if (h >= 0)
        source.pack_seen({.image = image, .h = h, .w = left, .step = 1, .count = cols}, row, pitch);
      else
        for (int64_t block = 0; block < of_.channel_blocks; ++block)
          std::fill_n(row + block * pitch, cols * lanes, 0.0f);
    }
}

const float* WinogradInputs::panel_of(const WinogradWork& work, size_t a, size_t b, const float* panel) const {
  const int64_t row = of_.rows.phases[a].input - first_of(of_.rows);
  const int64_t col = of_.cols.phases[b].input - first_of(of_.cols);
  return panel + (row * panel_cols(work) + col) * kernels::panel_lanes;
}

void WinogradInputs::transform_run(const WinogradWork& work, const TileRun& run, const float* image, float* v,
                                   int64_t point) const {
  constexpr int64_t lanes = kernels::panel_lanes;
  const int64_t row = panel_cols(work) * lanes;
  const float* x = image + run.residue / of_.cols.residues * row + run.residue % of_.cols.residues * lanes;
  of_.table.winograd_input[static_cast<int>(of_.tiling.scheme)](
      {.x = x + run.row * of_.size.m * of_.rows.in_step * row + run.col * of_.size.m * of_.cols.in_step * lanes,
       .row = of_.rows.in_step * row,
       .step = of_.cols.in_step,
       .v = v,
       .point = point,
       .tiles = run.tiles,
       .channels = std::min(lanes, of_.geometry.in.C - run.block * lanes)});
}

void WinogradInputs::transform(const WinogradWork& work, size_t a, size_t b, const float* packed, float* v) const {
  constexpr int64_t lanes = kernels::panel_lanes;
  const int64_t rows = work.rows.count(), cols = work.cols.count();
  const float* panel = panel_of(work, a, b, packed);
  for (int64_t image = 0; image < work.images.count(); ++image)
    for (int64_t block = 0; block < of_.channel_blocks; ++block, panel += panel_block(work))
      for (int64_t residue = 0; residue < of_.residues; ++residue) {
        // Of pairs, two blocks of channels share a line.
        const int64_t number = residue * of_.channel_blocks + block, blocks = of_.table.in_word();
        float* to = v + number / blocks * work.pitch() + number % blocks * (lanes / 2) + image * rows * cols * lanes;
        for (int64_t r = 0; r < rows; ++r)
          transform_run(work, {.row = r, .col = 0, .tiles = cols, .block = block, .residue = residue}, panel,
                        to + r * cols * lanes, point_floats(work));
      }
}

void WinogradInputs::transform_lean(const WinogradWork& work, size_t a, size_t b, const float* packed,
                                    float* to) const {
  constexpr int64_t lanes = kernels::panel_lanes;
  const int64_t tiles = work.tiles();
  const int64_t parts = ceil_div(tiles, lean_cut(of_.table, of_.tiling.scheme, tiles, work.groups.count()).tiles);
  const int64_t rows = work.rows.count(), cols = work.cols.count();
  const float* panel = panel_of(work, a, b, packed);
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t begin = kernels::lean_begin(tiles, parts, part);
    const int64_t end = kernels::lean_begin(tiles, parts, part + 1);
    float* v = to + begin * of_.points() * of_.residues * of_.channel_blocks * lanes;
    for (int64_t residue = 0; residue < of_.residues; ++residue)
      for (int64_t block = 0; block < of_.channel_blocks; ++block, v += of_.points() * (end - begin) * lanes)
        for (int64_t tile = begin, run = 0; tile < end; tile += run) {  // neighbours in a row
          const int64_t image = tile / (rows * cols), r = tile / cols % rows, c = tile % cols;
          run = std::min(end - tile, cols - c);
          transform_run(work, {.row = r, .col = c, .tiles = run, .block = block, .residue = residue},
                        panel + (image * of_.channel_blocks + block) * panel_block(work), v + (tile - begin) * lanes,
                        (end - begin) * lanes);
        }
  }
}

}  // namespace upconv::internal
