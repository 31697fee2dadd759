#pragma once
// The product of two matrices that are both known only while a program runs. Contract: kernels.h, struct MatMul.
//
// Registers: as in direct-inl.h, `rows` rows of A by two vectors of B's columns stay in registers over all of K; each
// step loads two vectors and broadcasts `rows` numbers. L1: a stripe of B, K rows of two vectors, is read again for
// every `rows` rows of A. Nothing is packed: the stripes of attention, whose K is the size of a head or the number of
// pixels, are in L1 or L2 as they are.
#include "kernels.h"
#include "simd.h"

namespace upconv::kernels {
namespace {

/// R rows of A by V vectors of B's columns, the last of them `count` long.
template <class Arch, int R, int V>
UPCONV_INLINE void matmul_tile(const MatMul& m, const float* a, const float* b, float* y, int count) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch acc[R][V];
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) UPCONV_UNROLL
  for (int v = 0; v < V; ++v) acc[r][v] = Batch(0.0f);
  for (int64_t k = 0; k < m.K; ++k) {
    Batch column[V];
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v)
      column[v] = count == S::width ? S::load(b + k * m.ldb + v * S::width) : load_partial<Arch>(b + k * m.ldb, count);
    UPCONV_UNROLL
    for (int r = 0; r < R; ++r) {
      const Batch row(a[r * m.lda + k]);
      UPCONV_UNROLL
      for (int v = 0; v < V; ++v) S::accumulate(acc[r][v], row, column[v]);
    }
  }
  for (int r = 0; r < R; ++r) {
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v) {
      float* to = y + r * m.ldy + v * S::width;
      if (count == S::width)
        S::store(to, acc[r][v]);
      else
        store_partial<Arch>(to, acc[r][v], count);
    }
  }
}

/// All columns of R rows from `a` on.
template <class Arch, int R>
void matmul_rows(const MatMul& m, const float* a, float* y) {
  constexpr int width = Simd<Arch>::width, two = 2 * width;
  int64_t n = 0;
  for (; n + two <= m.N; n += two) matmul_tile<Arch, R, 2>(m, a, m.b + n, y + n, width);
  for (; n + width <= m.N; n += width) matmul_tile<Arch, R, 1>(m, a, m.b + n, y + n, width);
  if (n < m.N) matmul_tile<Arch, R, 1>(m, a, m.b + n, y + n, static_cast<int>(m.N - n));
}

/// The last rows, fewer than R + 1 of them: one template, every tail.
template <class Arch, int R>
void matmul_tail(const MatMul& m, const float* a, float* y, int64_t rows) {
  if constexpr (R > 0) {
    if (rows == R)
      matmul_rows<Arch, R>(m, a, y);
    else
      matmul_tail<Arch, R - 1>(m, a, y, rows);
  }
}

template <class Arch>
void matmul(const MatMul& m) {
  assert(m.M >= 0 && m.N >= 0 && m.K >= 0);
  constexpr int R = Simd<Arch>::pixels;
  int64_t row = 0;
  for (; row + R <= m.M; row += R) matmul_rows<Arch, R>(m, m.a + row * m.lda, m.y + row * m.ldy);
  matmul_tail<Arch, R - 1>(m, m.a + row * m.lda, m.y + row * m.ldy, m.M - row);
}

}  // namespace
}  // namespace upconv::kernels
