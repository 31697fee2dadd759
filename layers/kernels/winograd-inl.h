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

/// sum_j row[j] * d[j], where the compiler sees the row: additions for 1 and -1, nothing for 0.
template <class Arch, int n>
UPCONV_INLINE typename Simd<Arch>::Batch combine(const float (&row)[n], const typename Simd<Arch>::Batch* d) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch sum(0.0f);
  bool first = true;
  UPCONV_UNROLL
  for (int pass = 0; pass < 2; ++pass)  // a positive term first: no negation
    UPCONV_UNROLL
  for (int j = 0; j < n; ++j) {
    if (row[j] == 0 || (pass == 0) != (row[j] > 0)) continue;
    const Batch term = d[j];
    if (row[j] == 1 || row[j] == -1)
      sum = first ? term : row[j] > 0 ? sum + term : sum - term;
    else
      sum = first ? Batch(row[j]) * term : S::fma(Batch(row[j]), term, sum);
    first = false;
  }
  return sum;
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
    UPCONV_UNROLL
    for (int i = 0; i < n; ++i) rows[i * n + j] = combine<Arch, n>(W::BT[i], d);
  }
  UPCONV_UNROLL
  for (int i = 0; i < n; ++i) UPCONV_UNROLL
  for (int j = 0; j < n; ++j) store(i * n + j, combine<Arch, n>(W::BT[j], rows + i * n));
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
      UPCONV_UNROLL
      for (int i = 0; i < m; ++i) rows[i * n + j] = combine<Arch, n>(W::AT[i], d);
    }
    const Batch shift = S::load(t.shift + v * S::width);
    const int rest = t.lanes - v * S::width;
    for (int i = t.row_begin; i < t.row_end; ++i) {
      float* y = t.y + i * t.row + v * S::width;
      UPCONV_UNROLL
      for (int j = 0; j < m; ++j) {
        if (j < t.col_begin || j >= t.col_end) continue;
        const Batch value = activate<Arch>(combine<Arch, n>(W::AT[j], rows + i * n) + shift, t.activation);
        if (rest >= S::width)
          S::store(y + j * t.column, value);
        else
          store_partial<Arch>(y + j * t.column, value, rest);
      }
    }
  }
}

}  // namespace
}  // namespace upconv::kernels
