#pragma once
// Convolutions of few output channels: pixels of a row in the lanes, not channels. Contract: kernels.h, struct Rows.
//
// Registers: OC x V accumulators for V vectors of pixels; per channel and tap V loads of inputs, which need not be
// aligned, and OC broadcast weights for OC * V multiply-adds: on AVX2, 3 x 4, (4 + 3) / 12 = 0.58 loads each, on
// AVX-512, 3 x 8, 0.46. The direct kernel would leave 13 of 16 lanes without use. L1: of each row of each channel the
// strip of V vectors and the kernel's width, which its KW taps read again.
#include "activation-inl.h"

namespace upconv::kernels {
namespace {

/// One strip of V vectors from pixel `first` on, the last one of `rest` pixels.
template <class Arch, int OC, int V>
void rows_strip(const Rows& r, int64_t first, int rest) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch acc[OC][V];
  UPCONV_UNROLL
  for (int o = 0; o < OC; ++o) UPCONV_UNROLL
  for (int v = 0; v < V; ++v) acc[o][v] = Batch(0.0f);
  for (int64_t ic = 0; ic < r.IC; ++ic) {
    const float* x = r.x + ic * r.channel + first;
    const float* weights = r.w + ic * r.w_channel;
    for (int64_t t = 0; t < r.tap_count; ++t) {
      const float* from = x + r.taps[t].x;
      const float* w = weights + r.taps[t].index * OC;
      Batch weight[OC];
      UPCONV_UNROLL
      for (int o = 0; o < OC; ++o) weight[o] = Batch(w[o]);
      UPCONV_UNROLL
      for (int v = 0; v < V; ++v) {
        const Batch input = S::load(from + v * S::width);
        UPCONV_UNROLL
        for (int o = 0; o < OC; ++o) S::accumulate(acc[o][v], input, weight[o]);
      }
    }
  }
  for (int o = 0; o < OC; ++o)
    for (int v = 0; v < V; ++v) {
      const int count = v < V - 1 ? S::width : rest;
      store_activated<Arch>(r.y[o] + first + v * S::width, acc[o][v] + Batch(r.shift[o]), count, r.residual,
                            r.activation);
    }
}

/// The last strip, of at most V vectors.
template <class Arch, int OC, int V>
void rows_tail(const Rows& r, int64_t first) {
  constexpr int width = Simd<Arch>::width;
  const int64_t left = r.pixels - first;
  if constexpr (V > 1) {
    if (left <= (V - 1) * width) return rows_tail<Arch, OC, V - 1>(r, first);
  }
  rows_strip<Arch, OC, V>(r, first, static_cast<int>(left - (V - 1) * width));
}

template <class Arch, int OC>
void rows_of(const Rows& r) {
  using S = Simd<Arch>;
  constexpr int fit = S::rows * S::vectors / OC, V = fit < 8 ? fit : 8;
  int64_t first = 0;
  for (; first + V * S::width < r.pixels; first += V * S::width) rows_strip<Arch, OC, V>(r, first, S::width);
  rows_tail<Arch, OC, V>(r, first);
}

template <class Arch>
void rows(const Rows& r) {
  switch (r.OC) {
    case 1:
      return rows_of<Arch, 1>(r);
    case 2:
      return rows_of<Arch, 2>(r);
    case 3:
      return rows_of<Arch, 3>(r);
    default:
      return rows_of<Arch, 4>(r);
  }
}

}  // namespace
}  // namespace upconv::kernels
