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

typedef float Quad __attribute__((vector_size(16), aligned(4), may_alias));

/// The vector whose quads are four floats at x, x + step, x + 2 * step, ...
template <int width>
struct Quads {
  typedef float Vector __attribute__((vector_size(width * sizeof(float)), aligned(4), may_alias));
  static UPCONV_INLINE Vector load(const float* x, int64_t step) {
    return join(Quads<width / 2>::load(x, step), Quads<width / 2>::load(x + width / 8 * step, step),
                std::make_integer_sequence<int, width>());
  }
  template <class Half, int... i>
  static UPCONV_INLINE Vector join(Half a, Half b, std::integer_sequence<int, i...>) {
    return __builtin_shufflevector(a, b, i...);
  }
};
template <>
struct Quads<4> {
  typedef Quad Vector;
  static UPCONV_INLINE Vector load(const float* x, int64_t) { return *reinterpret_cast<const Quad*>(x); }
};

/// Of each quad of a and b: a[first], b[first], a[first + 1], b[first + 1].
template <int first, class Vector, int... i>
UPCONV_INLINE Vector interleave(Vector a, Vector b, std::integer_sequence<int, i...>) {
  constexpr int width = sizeof...(i);
  return __builtin_shufflevector(a, b, (i / 4 * 4 + first + i % 4 / 2 + i % 2 * width)...);
}
/// Of each quad: a[first], a[first + 1], b[first], b[first + 1].
template <int first, class Vector, int... i>
UPCONV_INLINE Vector halves(Vector a, Vector b, std::integer_sequence<int, i...>) {
  constexpr int width = sizeof...(i);
  return __builtin_shufflevector(a, b, (i / 4 * 4 + first + i % 2 + i % 4 / 2 * width)...);
}

/// y[c][r] = x[r][c] for a square of vectors: loads put rows r, r + 4, ... into the quads of one vector, so that only
/// quads are left to transpose, and nothing crosses from one to another: that is what costs most (8 micro-operations on
/// Zen 1, the one port for shuffles on Intel).
template <class Arch>
UPCONV_INLINE void transpose_square(const float* x, int64_t x_stride, float* y, int64_t y_stride) {
  constexpr int width = Simd<Arch>::width < 4 ? 4 : Simd<Arch>::width;
  typedef typename Quads<width>::Vector Vector;
  constexpr auto lanes = std::make_integer_sequence<int, width>();
  UPCONV_UNROLL
  for (int c = 0; c < width; c += 4) {
    Vector rows[4];
    UPCONV_UNROLL
    for (int r = 0; r < 4; ++r) rows[r] = Quads<width>::load(x + r * x_stride + c, 4 * x_stride);
    const Vector low01 = interleave<0>(rows[0], rows[1], lanes), low23 = interleave<0>(rows[2], rows[3], lanes);
    const Vector high01 = interleave<2>(rows[0], rows[1], lanes), high23 = interleave<2>(rows[2], rows[3], lanes);
    *reinterpret_cast<Vector*>(y + c * y_stride) = halves<0>(low01, low23, lanes);
    *reinterpret_cast<Vector*>(y + (c + 1) * y_stride) = halves<2>(low01, low23, lanes);
    *reinterpret_cast<Vector*>(y + (c + 2) * y_stride) = halves<0>(high01, high23, lanes);
    *reinterpret_cast<Vector*>(y + (c + 3) * y_stride) = halves<2>(high01, high23, lanes);
  }
}

/// Squares first, what remains one by one. The side with the larger stride lies in as many places as a square has rows,
/// too many for the machine to see a pattern: asking for its lines two squares ahead halves the time (Cascade Lake;
/// stores past the caches, or asking for lines to be written, gain half of that). That side's squares are in the outer
/// loop, so that only as many of its lines are in use at a time: those of 16 channels that lie 16 KB apart share a set
/// of L1, and were all read twice (64-3 k4s2 64x64 is 10 to 20 % faster on Zen 3).
template <class Arch>
void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  constexpr int width = Simd<Arch>::width < 4 ? 4 : Simd<Arch>::width;
  const int64_t whole_rows = rows / width * width, whole_columns = columns / width * width;
  const auto square = [&](int64_t r, int64_t c) __attribute__((always_inline)) {
    const float* from = x + r * x_stride + c;
    float* to = y + c * y_stride + r;
    for (int i = 0; i < width; ++i)
      __builtin_prefetch(x_stride > y_stride ? from + i * x_stride + 2 * width : to + i * y_stride + 2 * width);
    transpose_square<Arch>(from, x_stride, to, y_stride);
  };
  if (x_stride > y_stride)
    for (int64_t r = 0; r < whole_rows; r += width)
      for (int64_t c = 0; c < whole_columns; c += width) square(r, c);
  else
    for (int64_t c = 0; c < whole_columns; c += width)
      for (int64_t r = 0; r < whole_rows; r += width) square(r, c);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c) y[c * y_stride + r] = x[r * x_stride + c];
}

}  // namespace
}  // namespace upconv::kernels
