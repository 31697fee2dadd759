#include "framework/layout.h"

#include <algorithm>

namespace upconv {

ImageShape image_shape(const Shape& shape) {
  switch (shape.size()) {
    case 4:
      return {shape[0], shape[1], shape[2], shape[3]};
    case 3:
      return {1, shape[0], shape[1], shape[2]};
    case 2:
      return {shape[0], shape[1], 1, 1};
    default:
      return {1, shape.empty() ? 1 : shape[0], 1, 1};
  }
}

bool same_in_both_layouts(const Shape& shape) {
  const ImageShape s = image_shape(shape);
  return shape.size() < 3 || s.C == 1 || s.H * s.W == 1;
}

void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  // Squares of 16 by 16: whole cache lines are read and written, 2 KiB at a time, whatever the strides.
  constexpr int64_t side = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += side)
    for (int64_t c0 = 0; c0 < columns; c0 += side) {
      const int64_t r1 = std::min(r0 + side, rows), c1 = std::min(c0 + side, columns);
      for (int64_t c = c0; c < c1; ++c)
        for (int64_t r = r0; r < r1; ++r) y[c * y_stride + r] = x[r * x_stride + c];
    }
}

}  // namespace upconv
