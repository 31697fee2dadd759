#pragma once
// Internal: what the drivers of convolutions share when they cut work and pack memory.
#include <algorithm>
#include <cstdint>

#include "../framework/layout.h"
#include "kernels/kernels.h"

namespace upconv {

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// So many floats, and as many more as fill their last cache line.
inline int64_t whole_lines(int64_t floats) { return ceil_div(floats, 16) * 16; }

/// `total` in equal parts of at most `most`: the size of a part, at least 1.
inline int64_t even(int64_t total, int64_t most) {
  const int64_t parts = std::max<int64_t>(1, ceil_div(total, std::max<int64_t>(1, most)));
  return std::max<int64_t>(1, ceil_div(total, parts));
}

/// Copies `count` pixels of x (N, C, H, W) into a panel, from (h, w) on and into the rows that follow.
inline void pack_planar(const kernels::Table& table, const ImageShape& in, const float* x, int64_t image, int64_t h,
                        int64_t w, float* panel, int64_t pitch, int64_t count) {
  const int64_t plane = in.H * in.W, lanes = kernels::panel_lanes;
  const float* from = x + (image * in.C * in.H + h) * in.W + w;
  for (int64_t c = 0; c < in.C; c += lanes, panel += pitch)
    table.transpose(from + c * plane, plane, panel, lanes, std::min(lanes, in.C - c), count);
}

}  // namespace upconv
