#pragma once
// Panels, the form in which kernels read pictures (kernels.h, panel_lanes), and how they are packed.
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>

#include "../../framework/layout.h"
#include "../kernels/kernels.h"
#include "axis.h"
#include "geometry.h"

namespace upconv::internal {

/// `count` neighbouring pixels of a picture, from (h, w) on.
struct Pixels {
  int64_t image, h, w, count;
};

/// `count` pixels that are seen inside or beside a picture, `step` apart, from (h, w) on.
struct SeenPixels {
  int64_t image, h, w, step, count;
};

/// A picture from which panels are packed: the channels of `inputs` one after another, of each but the last a multiple
/// of panel_lanes.
struct PanelSource {
  const kernels::Table& table;
  const ImageShape& in;
  bool planar;  ///< (N, C, H, W)
  Border border;
  const void* const* inputs;
  std::span<const int64_t> parts;  ///< channels of each input
  std::span<const DType> types;    ///< what each input is in memory
  bool pairs = false;              ///< whether panels are of pairs of bfloat16 (kernels::PairKernels)

  /// Pixels that all lie in one row inside of the picture, or, of whole rows, in several.
  void pack(const Pixels& pixels, float* to, int64_t pitch) const {
    const auto [image, h, w, count] = pixels;
    assert(image >= 0 && image < in.N && h >= 0 && w >= 0 && count >= 1 && h * in.W + w + count <= in.H * in.W);
    int64_t first = 0;  // channel
    for (size_t i = 0; i < parts.size(); first += parts[i++]) {
      const int64_t C = parts[i], at = ((image * in.H + h) * in.W + w) * C;  // of the first pixel, channels-last
      const bool stored = types[i] == DType::bfloat16;
      assert(!stored || !planar);
      if (pairs) {
        pack_pairs(inputs[i], stored, pixels, {first, first + C}, to, pitch);
        continue;
      }
      if (i > 0) to += parts[i - 1] / kernels::panel_lanes * pitch;
      if (planar)
        pack_planar(static_cast<const float*>(inputs[i]) + (image * C * in.H + h) * in.W + w, C, to, pitch, count);
      else if (stored)
        table.pack_stored(static_cast<const uint16_t*>(inputs[i]) + at, C, C, to, pitch, count);
      else
        table.pack(static_cast<const float*>(inputs[i]) + at, C, C, to, pitch, count);
    }
  }

  /// Those that are inside of the picture at once where they are neighbours.
  void pack_seen(const SeenPixels& pixels, float* to, int64_t pitch) const {
    const auto [image, h, w, step, count] = pixels;
    constexpr int64_t lanes = kernels::panel_lanes;
    const bool inside = step == 1 && h >= 0 && h < in.H;
    const int64_t first = inside ? std::clamp<int64_t>(-w, 0, count) : count;
    const int64_t last = inside ? std::clamp<int64_t>(in.W - w, first, count) : count;
    for (int64_t i = 0; i < first; ++i) pack_pixel(image, h, w + i * step, to + i * lanes, pitch);
    if (first < last) pack({image, h, w + first, last - first}, to + first * lanes, pitch);
    for (int64_t i = last; i < count; ++i) pack_pixel(image, h, w + i * step, to + i * lanes, pitch);
  }

 private:
  /// The pixel that is seen at (h, w).
  void pack_pixel(int64_t image, int64_t h, int64_t w, float* to, int64_t pitch) const {
    const int64_t row = seen_at(border, h, in.H), col = seen_at(border, w, in.W);
    if (row >= 0 && col >= 0) return pack({image, row, col, 1}, to, pitch);
    const int64_t of_line = kernels::panel_lanes * (pairs ? 2 : 1);
    for (int64_t c = 0; c < in.C; c += of_line, to += pitch) std::fill_n(to, kernels::panel_lanes, 0.0f);
  }

  /// The channels of one input, which are these of the panel's. Planar ones are turned first, some pixels at a time.
  void pack_pairs(const void* input, bool stored, const Pixels& pixels, Range channels, float* to,
                  int64_t pitch) const {
    constexpr int64_t lanes = kernels::panel_lanes, some = 32;
    const auto [image, h, w, count] = pixels;
    const int64_t C = channels.count(), plane = in.H * in.W;
    const int64_t element = stored ? sizeof(uint16_t) : sizeof(float);
    if (!planar)
      return table.pairs->pack(
          {.x = static_cast<const std::byte*>(input) + ((image * in.H + h) * in.W + w) * C * element,
           .stride = C,
           .first = channels.begin,
           .channels = C,
           .panel = to,
           .pitch = pitch,
           .pixels = count,
           .stored = stored});
    const float* x = static_cast<const float*>(input) + (image * C * in.H + h) * in.W + w;
    float turned[some * lanes];
    for (int64_t c = 0; c < C; c += lanes)
      for (int64_t p = 0; p < count; p += some) {
        const int64_t these = std::min(lanes, C - c), here = std::min(some, count - p);
        table.transpose(x + c * plane + p, plane, turned, lanes, these, here);
        table.pairs->pack({.x = turned,
                           .stride = lanes,
                           .first = channels.begin + c,
                           .channels = these,
                           .panel = to + p * lanes,
                           .pitch = pitch,
                           .pixels = here});
      }
  }

  void pack_planar(const float* x, int64_t C, float* to, int64_t pitch, int64_t count) const {
    constexpr int64_t lanes = kernels::panel_lanes;
    const int64_t plane = in.H * in.W;
    for (int64_t c = 0; c < C; c += lanes, to += pitch)
      table.transpose(x + c * plane, plane, to, lanes, std::min(lanes, C - c), count);
  }
};

}  // namespace upconv::internal
