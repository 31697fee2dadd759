#pragma once
// The two transforms around Winograd's products; the products themselves are Table::direct over the transformed panel.
// Contracts: kernels.h, structs WinogradInput and WinogradOutput.
//
// Both work on one vector of channels at a time: n * n loads, 2 n (or 2 m) passes of additions along one axis, and the
// stores. Rows first into memory that stays in L1, then columns: n * n vectors do not fit 16 registers, and the
// compiler keeps what fits.
#include "activation-inl.h"
#include "winograd_schemes.h"

namespace upconv::kernels {
namespace {

/// sum of row[j] * d[j] over the j that `takes` names, where the compiler sees the row: additions for 1 and -1, nothing
/// for 0. At least one is not 0.
template <class Arch, int n, class Takes>
UPCONV_INLINE typename Simd<Arch>::Batch combine(const float (&row)[n], const typename Simd<Arch>::Batch* d,
                                                 Takes takes) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch sum(0.0f);
  bool first = true;
  UPCONV_UNROLL
  for (int pass = 0; pass < 2; ++pass)  // a positive term first: no negation
    UPCONV_UNROLL
  for (int j = 0; j < n; ++j) {
    if (row[j] == 0 || (pass == 0) != (row[j] > 0) || !takes(j)) continue;
    const Batch term = d[j];
    if (row[j] == 1 || row[j] == -1)
      sum = first ? (row[j] > 0 ? term : -term) : row[j] > 0 ? sum + term : sum - term;
    else
      sum = first ? Batch(row[j]) * term : S::fma(Batch(row[j]), term, sum);
    first = false;
  }
  return sum;
}

/// Whether row i of BT is that of a point a and row i + 1 that of -a: the same but for the signs of some columns.
template <int n>
constexpr bool mirrored_rows(const float (&BT)[n][n], int i) {
  bool same = false, opposite = false;
  for (int j = 0; j < n && i + 1 < n; ++j) {
    if (BT[i][j] == 0 && BT[i + 1][j] == 0) continue;
    if (BT[i][j] != BT[i + 1][j] && BT[i][j] != -BT[i + 1][j]) return false;
    (BT[i][j] == BT[i + 1][j] ? same : opposite) = true;
  }
  return same && opposite;
}

/// out[i * step] = sum_j BT[i][j] d[j]: for points a and -a once what is even and once what is odd in them.
template <class Arch, class W, int i = 0>
UPCONV_INLINE void combine_inputs(const typename Simd<Arch>::Batch* d, typename Simd<Arch>::Batch* out, int step) {
  using Batch = typename Simd<Arch>::Batch;
  constexpr int n = W::n;
  if constexpr (i < n) {
    if constexpr (mirrored_rows(W::BT, i)) {
      const Batch even = combine<Arch>(
          W::BT[i], d, [](int j) __attribute__((always_inline)) { return W::BT[i][j] == W::BT[i + 1][j]; });
      const Batch odd = combine<Arch>(
          W::BT[i], d, [](int j) __attribute__((always_inline)) { return W::BT[i][j] != W::BT[i + 1][j]; });
      out[i * step] = even + odd;
      out[(i + 1) * step] = even - odd;
      combine_inputs<Arch, W, i + 2>(d, out, step);
    } else {
      out[i * step] = combine<Arch>(
          W::BT[i], d, [](int) __attribute__((always_inline)) { return true; });
      combine_inputs<Arch, W, i + 1>(d, out, step);
    }
  }
}

/// Whether columns j and j + 1 of AT are those of a point a and of -a: the same but for the signs of odd rows.
template <int m, int n>
constexpr bool mirrored_columns(const float (&AT)[m][n], int j) {
  bool opposite = false;
  for (int i = 0; i < m; ++i) {
    if (j + 1 >= n || AT[i][j] != (i % 2 == 0 ? AT[i][j + 1] : -AT[i][j + 1])) return false;
    opposite = opposite || (i % 2 == 1 && AT[i][j] != 0);
  }
  return opposite;
}

/// mirrored_columns() of every column, where the compiler sees it.
template <class W>
struct Mirrored {
  bool column[W::n] = {};
  constexpr Mirrored() {
    for (int j = 0; j < W::n; ++j) column[j] = mirrored_columns(W::AT, j);
  }
};

/// Puts the sum of products at a and -a in the place of the first, their difference, the second less the first, in that
/// of the second: what AT multiplies them by stays as it is.
template <class Arch, class W, int j = 0>
UPCONV_INLINE void pair_products(typename Simd<Arch>::Batch* d) {
  if constexpr (j < W::n) {
    if constexpr (mirrored_columns(W::AT, j)) {
      const typename Simd<Arch>::Batch sum = d[j] + d[j + 1], difference = d[j + 1] - d[j];
      d[j] = sum;
      d[j + 1] = difference;
      pair_products<Arch, W, j + 2>(d);
    } else {
      pair_products<Arch, W, j + 1>(d);
    }
  }
}

/// sum_j AT[i][j] d[j] for products that pair_products() has been at: even rows take the sums, odd ones the
/// differences.
template <class Arch, class W>
UPCONV_INLINE typename Simd<Arch>::Batch combine_products(int i, const typename Simd<Arch>::Batch* d) {
  constexpr Mirrored<W> mirrored;
  return combine<Arch>(
      W::AT[i], d, [&mirrored, i ](int j) __attribute__((always_inline)) {
        if (mirrored.column[j]) return i % 2 == 0;
        if (j > 0 && mirrored.column[j - 1]) return i % 2 == 1;
        return true;
      });
}

/// One vector of channels of a tile.
template <class Arch, class W, class Load, class Store>
UPCONV_INLINE void transform_input(Load load, Store store) {
  using Batch = typename Simd<Arch>::Batch;
  constexpr int n = W::n;
  Batch rows[n * n];
  UPCONV_UNROLL
  for (int j = 0; j < n; ++j) {
    Batch d[n];
    UPCONV_UNROLL
    for (int i = 0; i < n; ++i) d[i] = load(i, j);
    combine_inputs<Arch, W>(d, rows + j, n);
  }
  UPCONV_UNROLL
  for (int i = 0; i < n; ++i) {
    Batch points[n];
    combine_inputs<Arch, W>(rows + i * n, points, 1);
    UPCONV_UNROLL
    for (int j = 0; j < n; ++j) store(i * n + j, points[j]);
  }
}

template <class Arch, class W>
void winograd_input(const WinogradInput& t) {
  using S = Simd<Arch>;
  for (int64_t tile = 0; tile < t.tiles; ++tile)
    for (int64_t c = 0; c < t.channels; c += S::width) {
      const float* x = t.x + tile * W::m * panel_lanes + c;
      float* v = t.v + tile * panel_lanes + c;
      transform_input<Arch, W>(
          [&](int i, int j) __attribute__((always_inline)) { return S::load(x + i * t.row + j * panel_lanes); },
          [&](int point, typename S::Batch value)
              __attribute__((always_inline)) { S::store(v + point * t.point, value); });
    }
}

template <class Arch, class W>
void winograd_output(const WinogradOutput& t) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int n = W::n, m = W::m;
  for (int v = 0; v * S::width < t.lanes; ++v) {
    Batch rows[m * n];
    UPCONV_UNROLL
    for (int j = 0; j < n; ++j) {
      Batch d[n];
      UPCONV_UNROLL
      for (int i = 0; i < n; ++i) d[i] = S::load(t.m + (i * n + j) * t.point + v * S::width);
      pair_products<Arch, W>(d);
      UPCONV_UNROLL
      for (int i = 0; i < m; ++i) rows[i * n + j] = combine_products<Arch, W>(i, d);
    }
    const Batch shift = S::load(t.shift + v * S::width);
    const int rest = t.lanes - v * S::width;
    for (int i = t.row_begin; i < t.row_end; ++i) {
      float* y = t.y + i * t.row + v * S::width;
      pair_products<Arch, W>(rows + i * n);
      Batch sums[m];
      UPCONV_UNROLL
      for (int j = 0; j < m; ++j) sums[j] = combine_products<Arch, W>(j, rows + i * n) + shift;
      const auto put = [&](int j) __attribute__((always_inline)) {
        store_activated<Arch>(y + j * t.column, sums[j], rest, t.residual, t.activation);
      };
      if constexpr (m > 4) {  // one copy of the activations, not six
        for (int j = t.col_begin; j < t.col_end; ++j) put(j);
      } else {
        UPCONV_UNROLL
        for (int j = 0; j < m; ++j)
          if (j >= t.col_begin && j < t.col_end) put(j);
      }
    }
  }
}

}  // namespace
}  // namespace upconv::kernels
