#pragma once
// Moving numbers without changing them. Contracts: kernels.h, Table::pack, Table::transpose and Table::copy.
#include <utility>

#include "kernels.h"
#include "simd.h"

namespace upconv::kernels {
namespace {

/// Pixels in the outer loop: reading is in order, and every line that is written is written whole.
template <class Arch, class X>
void pack(const X* x, int64_t stride, int64_t C, float* panel, int64_t pitch, int64_t pixels) {
  assert(C >= 1 && pixels >= 0 && stride >= C && (C <= panel_lanes || pitch >= pixels * panel_lanes));
  using S = Simd<Arch>;
  const int64_t whole = C / panel_lanes * panel_lanes;
  for (int64_t p = 0; p < pixels; ++p, x += stride, panel += panel_lanes) {
    float* line = panel;
    for (int64_t c = 0; c < whole; c += panel_lanes, line += pitch) {
      UPCONV_UNROLL
      for (int i = 0; i < panel_lanes; i += S::width) S::store(line + i, S::load(x + c + i));
    }
    for (int64_t c = whole; c < C; ++c) line[c - whole] = Simd<Scalar>::load(x + c);
  }
}

/// Contract: Table::round.
template <class Arch>
void round_run(const float* x, uint16_t* y, int64_t count) {
  using S = Simd<Arch>;
  int64_t i = 0;
  for (; i + S::width <= count; i += S::width) S::store(y + i, S::load(x + i));
  for (; i < count; ++i) {
    Simd<Scalar>::store(y + i, x[i]);
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

/// y[c][r] = x[r][c] for a tile of R x C: loads put rows r, r + 4, ... into the quads of one vector, so that only quads
/// are left to transpose, and nothing crosses from one to another: that is what costs most (8 micro-operations on Zen
/// 1, the one port for shuffles on Intel).
template <int R, int C>
UPCONV_INLINE void transpose_tile(const float* x, int64_t x_stride, float* y, int64_t y_stride) {
  typedef typename Quads<R>::Vector Vector;
  constexpr auto lanes = std::make_integer_sequence<int, R>();
  UPCONV_UNROLL
  for (int c = 0; c < C; c += 4) {
    Vector rows[4];
    UPCONV_UNROLL
    for (int r = 0; r < 4; ++r) rows[r] = Quads<R>::load(x + r * x_stride + c, 4 * x_stride);
    const Vector low01 = interleave<0>(rows[0], rows[1], lanes), low23 = interleave<0>(rows[2], rows[3], lanes);
    const Vector high01 = interleave<2>(rows[0], rows[1], lanes), high23 = interleave<2>(rows[2], rows[3], lanes);
    *reinterpret_cast<Vector*>(y + c * y_stride) = halves<0>(low01, low23, lanes);
    *reinterpret_cast<Vector*>(y + (c + 1) * y_stride) = halves<2>(low01, low23, lanes);
    *reinterpret_cast<Vector*>(y + (c + 2) * y_stride) = halves<0>(high01, high23, lanes);
    *reinterpret_cast<Vector*>(y + (c + 3) * y_stride) = halves<2>(high01, high23, lanes);
  }
}

/// Tiles first, what remains in smaller ones, and then one by one: along rows, whose floats two tiles further are asked
/// for, or down the columns.
template <int R, int C, bool along_rows>
void transpose_tiles(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  const int64_t whole_rows = rows / R * R, whole_columns = columns / C * C;
  if constexpr (along_rows) {
    for (int64_t r = 0; r < whole_rows; r += R)
      for (int64_t c = 0; c < whole_columns; c += C) {
        const float* from = x + r * x_stride + c;
        for (int i = 0; i < R; ++i) __builtin_prefetch(from + i * x_stride + 2 * C);
        transpose_tile<R, C>(from, x_stride, y + c * y_stride + r, y_stride);
      }
  } else {
    for (int64_t c = 0; c < whole_columns; c += C)
      for (int64_t r = 0; r < whole_rows; r += R)
        transpose_tile<R, C>(x + r * x_stride + c, x_stride, y + c * y_stride + r, y_stride);
  }
  const auto rest = [&](int64_t row, int64_t count, int64_t column) {
    for (int64_t r = row; r < row + count; ++r)
      for (int64_t c = column; c < columns; ++c) y[c * y_stride + r] = x[r * x_stride + c];
  };
  if constexpr (C > 4)
    transpose_tiles<R, 4, false>(x + whole_columns, x_stride, y + whole_columns * y_stride, y_stride, whole_rows,
                                 columns - whole_columns);
  else
    rest(0, whole_rows, whole_columns);
  if constexpr (R > 4)
    transpose_tiles<4, 4, false>(x + whole_rows * x_stride, x_stride, y + whole_rows, y_stride, rows - whole_rows,
                                 columns);
  else
    rest(whole_rows, rows - whole_rows, 0);
}

/// The side with the larger stride lies in as many places as a tile has rows there, often a power of two apart, which
/// then share a set of L1: 8 are read at a time, or 4 written. 16 lose their lines before all of them was used: reading
/// 64 channels of 128 x 128 gave 17 GB/s with AVX-512, 33 with 8 (Zen 4; 64-3 k4s2 became 8 % faster).
template <class Arch>
void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns) {
  assert(rows >= 0 && columns >= 0 && (rows <= 1 || x_stride >= columns) && (columns <= 1 || y_stride >= rows));
  constexpr int width = Simd<Arch>::width < 4 ? 4 : Simd<Arch>::width;
  if (x_stride > y_stride)
    transpose_tiles<(width < 8 ? width : 8), width, true>(x, x_stride, y, y_stride, rows, columns);
  else
    transpose_tiles<width, 4, false>(x, x_stride, y, y_stride, rows, columns);
}

/// The last vector of a row begins early enough to be whole.
template <class Arch>
void copy(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns, int64_t ahead) {
  assert(rows >= 0 && columns >= 0);
  using S = Simd<Arch>;
  for (int64_t r = 0; r < rows; ++r, x += x_stride, y += y_stride) {
    for (int64_t i = 0; i < columns; i += panel_lanes) __builtin_prefetch(x + ahead + i);
    int64_t i = 0;
    for (; i + S::width <= columns; i += S::width) S::store(y + i, S::load(x + i));
    if (i == columns) continue;
    if (columns > S::width)
      S::store(y + columns - S::width, S::load(x + columns - S::width));
    else
      for (; i < columns; ++i) y[i] = x[i];
  }
}

}  // namespace
}  // namespace upconv::kernels
