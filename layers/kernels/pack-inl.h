#pragma once
// Moving numbers without changing them. Contracts: kernels.h, Table::pack and Table::transpose.
#include <utility>

#include "kernels.h"
#include "simd.h"

namespace upconv::kernels {
namespace {

/// Pixels in the outer loop: reading is in order, and every line that is written is written whole.
template <class Arch>
void pack(const float* x, int64_t stride, int64_t C, float* panel, int64_t pitch, int64_t pixels) {
  using S = Simd<Arch>;
  const int64_t whole = C / panel_lanes * panel_lanes;
  for (int64_t p = 0; p < pixels; ++p, x += stride, panel += panel_lanes) {
    float* line = panel;
    for (int64_t c = 0; c < whole; c += panel_lanes, line += pitch) {
      UPCONV_UNROLL
      for (int i = 0; i < panel_lanes; i += S::width) S::store(line + i, S::load(x + c + i));
    }
    for (int64_t c = whole; c < C; ++c) line[c - whole] = x[c];
  }
}

/// a0 b0 a1 b1 ... from the lower (first = 0) or upper (first = width / 2) halves of a and b.
template <int first, class Vector, int... i>
UPCONV_INLINE Vector interleave(Vector a, Vector b, std::integer_sequence<int, i...>) {
  constexpr int width = sizeof...(i);
  return __builtin_shufflevector(a, b, (first + i / 2 + i % 2 * width)...);
}

/// y[c][r] = x[r][c] for a square of vectors: interleaving row r with row r + width / 2 log2(width) times is the
/// transposition, as it turns the number of every element's place by one bit.
template <class Arch>
UPCONV_INLINE void transpose_square(const float* x, int64_t x_stride, float* y, int64_t y_stride) {
  constexpr int width = Simd<Arch>::width < 4 ? 4 : Simd<Arch>::width;
  typedef float Vector __attribute__((vector_size(width * sizeof(float)), aligned(4), may_alias));
  constexpr auto lanes = std::make_integer_sequence<int, width>();
  Vector rows[width], next[width];
  UPCONV_UNROLL
  for (int r = 0; r < width; ++r) rows[r] = *reinterpret_cast<const Vector*>(x + r * x_stride);
  UPCONV_UNROLL
  for (int round = 1; round < width; round *= 2) {
    UPCONV_UNROLL
    for (int r = 0; r < width / 2; ++r) {
      next[2 * r] = interleave<0>(rows[r], rows[r + width / 2], lanes);
      next[2 * r + 1] = interleave<width / 2>(rows[r], rows[r + width / 2], lanes);
    }
    UPCONV_UNROLL
    for (int r = 0; r < width; ++r) rows[r] = next[r];
  }
  UPCONV_UNROLL
  for (int c = 0; c < width; ++c) *reinterpret_cast<Vector*>(y + c * y_stride) = rows[c];
}

/// Squares first, what remains one by one. The side with the larger stride lies in as many places as a square has rows,
/// too many for the machine to see a pattern: asking for its lines two squares ahead halves the time (Cascade Lake;
/// stores past the caches, or asking for lines to be written, gain half of that).
template <class Arch>
void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  constexpr int width = Simd<Arch>::width < 4 ? 4 : Simd<Arch>::width;
  const int64_t whole_rows = rows / width * width, whole_columns = columns / width * width;
  for (int64_t c = 0; c < whole_columns; c += width)
    for (int64_t r = 0; r < whole_rows; r += width) {
      const float* from = x + r * x_stride + c;
      float* to = y + c * y_stride + r;
      for (int i = 0; i < width; ++i)
        __builtin_prefetch(x_stride > y_stride ? from + i * x_stride + 2 * width : to + i * y_stride + 2 * width);
      transpose_square<Arch>(from, x_stride, to, y_stride);
    }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c) y[c * y_stride + r] = x[r * x_stride + c];
}

}  // namespace
}  // namespace upconv::kernels
