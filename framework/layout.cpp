#include "framework/layout.h"

#include <algorithm>
#include <cstring>

namespace upconv::internal {

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

bool planar(Layout layout, const ImageShape& shape) {
  return layout == Layout::contiguous && shape.C > 1 && shape.H * shape.W > 1;
}

bool same_in_both_layouts(const Shape& shape) {
  return shape.size() < 3 || !planar(Layout::contiguous, image_shape(shape));
}

namespace {

using Four = float __attribute__((vector_size(16)));

Four load(const float* p) {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
void store(float* p, Four v) { std::memcpy(p, &v, sizeof v); }
Four low(Four a, Four b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
Four high(Four a, Four b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }

/// Four rows of four: interleaving rows 0, 2 and 1, 3, and then the results, is the transposition.
void transpose_four(const float* x, int64_t x_stride, float* y, int64_t y_stride) {
  const Four r0 = load(x), r1 = load(x + x_stride), r2 = load(x + 2 * x_stride), r3 = load(x + 3 * x_stride);
  const Four a = low(r0, r2), b = low(r1, r3), c = high(r0, r2), d = high(r1, r3);
  store(y, low(a, b));
  store(y + y_stride, high(a, b));
  store(y + 2 * y_stride, low(c, d));
  store(y + 3 * y_stride, high(c, d));
}

void transpose_block(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  const int64_t quad_rows = rows / 4 * 4, quad_columns = columns / 4 * 4;
  for (int64_t r = 0; r < quad_rows; r += 4)
    for (int64_t c = 0; c < quad_columns; c += 4)
      transpose_four(x + r * x_stride + c, x_stride, y + c * y_stride + r, y_stride);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = r < quad_rows ? quad_columns : 0; c < columns; ++c) y[c * y_stride + r] = x[r * x_stride + c];
}

}  // namespace

void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  // Blocks are one cache line long on the side with the larger stride, and cross it only four times: strides are often
  // powers of two, and sixteen such lines would share one set of a cache that holds eight.
  if (x_stride >= y_stride) {
    for (int64_t c = 0; c < columns; c += 16)
      for (int64_t r = 0; r < rows; r += 4) {
        const float* from = x + r * x_stride + c;
        for (int i = 0; i < 4; ++i) __builtin_prefetch(from + i * x_stride + 16);  // too many rows to be foreseen
        transpose_block(from, x_stride, y + c * y_stride + r, y_stride, std::min<int64_t>(4, rows - r),
                        std::min<int64_t>(16, columns - c));
      }
  } else {
    for (int64_t r = 0; r < rows; r += 16)
      for (int64_t c = 0; c < columns; c += 4)
        transpose_block(x + r * x_stride + c, x_stride, y + c * y_stride + r, y_stride, std::min<int64_t>(16, rows - r),
                        std::min<int64_t>(4, columns - c));
  }
}

void transpose(const int64_t* x, int64_t x_stride, int64_t* y, int64_t y_stride, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) y[c * y_stride + r] = x[r * x_stride + c];
}

}  // namespace upconv::internal
