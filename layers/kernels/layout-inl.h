#pragma once
// Between (C, H, W) at the surface and channels-last inside. Contract: kernels.h, Table::transpose.
#include "kernels.h"
#include "simd.h"

namespace upconv::kernels {
namespace {

/// Square tiles: 16 rows of 64 bytes are read and written as whole cache lines, 2 KiB in all, whatever the strides.
template <class Arch>
void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  constexpr int64_t side = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += side)
    for (int64_t c0 = 0; c0 < columns; c0 += side) {
      const int64_t r1 = r0 + side < rows ? r0 + side : rows;
      const int64_t c1 = c0 + side < columns ? c0 + side : columns;
      for (int64_t c = c0; c < c1; ++c)
        for (int64_t r = r0; r < r1; ++r) y[c * y_stride + r] = x[r * x_stride + c];
    }
}

}  // namespace
}  // namespace upconv::kernels
