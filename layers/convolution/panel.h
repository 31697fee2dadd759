#pragma once
// Internal: what the drivers of convolutions share when they cut work and pack memory.
#include <algorithm>
#include <cstdint>
#include <span>

#include "../../framework/layout.h"
#include "../arithmetic.h"
#include "../kernels/kernels.h"
#include "axis.h"

namespace upconv::internal {

/// Copies `count` pixels of x (N, C, H, W) into a panel, from (h, w) on and into the rows that follow.
inline void pack_planar(const kernels::Table& table, const ImageShape& in, const float* x, int64_t image, int64_t h,
                        int64_t w, float* panel, int64_t pitch, int64_t count) {
  const int64_t plane = in.H * in.W, lanes = kernels::panel_lanes;
  const float* from = x + (image * in.C * in.H + h) * in.W + w;
  for (int64_t c = 0; c < in.C; c += lanes, panel += pitch)
    table.transpose(from + c * plane, plane, panel, lanes, std::min(lanes, in.C - c), count);
}

/// A picture from which panels are packed: the channels of `inputs` one after another, of each but the last a multiple
/// of panel_lanes.
struct PanelSource {
  const kernels::Table& table;
  const ImageShape& in;
  bool planar;  ///< (N, C, H, W)
  Border border;
  const void* const* inputs;
  std::span<const int64_t> parts;  ///< channels of each input

  /// `count` pixels of row h, all inside of the picture.
  void pack(int64_t image, int64_t h, int64_t w, float* to, int64_t pitch, int64_t count) const {
    ImageShape part = in;
    for (size_t i = 0; i < parts.size(); ++i, to += part.C / kernels::panel_lanes * pitch) {
      const auto* x = static_cast<const float*>(inputs[i]);
      part.C = parts[i];
      if (planar)
        pack_planar(table, part, x, image, h, w, to, pitch, count);
      else
        table.pack(x + ((image * in.H + h) * in.W + w) * part.C, part.C, part.C, to, pitch, count);
    }
  }

  /// The pixel that is seen at (h, w), inside or beside the picture.
  void pack_seen(int64_t image, int64_t h, int64_t w, float* to, int64_t pitch) const {
    const int64_t row = source(border, h, in.H), col = source(border, w, in.W);
    if (row >= 0 && col >= 0) return pack(image, row, col, to, pitch, 1);
    for (int64_t c = 0; c < in.C; c += kernels::panel_lanes, to += pitch) std::fill_n(to, kernels::panel_lanes, 0.0f);
  }

  /// `count` pixels that are seen, `step` apart, from (h, w) on: those inside of the picture at once where they are
  /// neighbours.
  void pack_run(int64_t image, int64_t h, int64_t w, int64_t step, int64_t count, float* to, int64_t pitch) const {
    const bool inside = step == 1 && h >= 0 && h < in.H;
    const int64_t first = inside ? std::clamp<int64_t>(-w, 0, count) : count;
    const int64_t last = inside ? std::clamp<int64_t>(in.W - w, first, count) : count;
    const auto beside = [&](int64_t i) { pack_seen(image, h, w + i * step, to + i * kernels::panel_lanes, pitch); };
    for (int64_t i = 0; i < first; ++i) beside(i);
    if (first < last) pack(image, h, w + first, to + first * kernels::panel_lanes, pitch, last - first);
    for (int64_t i = last; i < count; ++i) beside(i);
  }
};

}  // namespace upconv::internal
