#pragma once
// Convolutions of every channel with a kernel of its own: channels in the lanes. Contract: kernels.h, struct Depthwise.
//
// Registers: a tile of `pixels` by V vectors of channels is accumulated over all taps. Per tap V loads of weights and
// one of inputs for each multiply-add, (4 * 2 + 2) / 8 = 1.25: the load ports are the limit, and more pixels would gain
// little. L1: the weights of all taps and channels, read again by every tile; rows of inputs pass by in order.
#include "activation-inl.h"

namespace upconv::kernels {
namespace {

/// P pixels from `pixel` on and V vectors of channels from c on, or `count` of one vector where that is fewer.
template <class Arch, int P, int V>
__attribute__((noinline)) void depthwise_tile(const Depthwise& d, int64_t pixel, int64_t c, int count) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch acc[P][V];
  UPCONV_UNROLL
  for (int p = 0; p < P; ++p) UPCONV_UNROLL
  for (int v = 0; v < V; ++v) acc[p][v] = Batch(0.0f);
  const bool whole = count >= S::width;
  for (int64_t t = 0; t < d.tap_count; ++t) {
    const float* x = d.x + d.taps[t].x + pixel * d.x_pixel + c;
    const float* w = d.w + d.taps[t].index * d.w_tap + c;
    Batch weight[V];
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v) weight[v] = S::load(w + v * S::width);
    UPCONV_UNROLL
    for (int p = 0; p < P; ++p) UPCONV_UNROLL
    for (int v = 0; v < V; ++v) {
      const float* from = x + p * d.x_pixel + v * S::width;
      S::accumulate(acc[p][v], V > 1 || whole ? S::load(from) : load_partial<Arch>(from, count), weight[v]);
    }
  }
  Batch sums[P][V];  // a copy, so that acc itself never has an address
  UPCONV_UNROLL
  for (int p = 0; p < P; ++p) UPCONV_UNROLL
  for (int v = 0; v < V; ++v) sums[p][v] = acc[p][v];
  for (int v = 0; v < V; ++v) {
    const Batch shift = S::load(d.shift + c + v * S::width);
    for (int p = 0; p < P; ++p)
      store_activated<Arch>(d.y + (pixel + p) * d.y_pixel + c + v * S::width, sums[p][v] + shift, count, d.residual,
                            d.activation);
  }
}

/// All channels of P pixels. Channels that fill no vector are computed with those before them, once more.
template <class Arch, int P>
void depthwise_pixels(const Depthwise& d, int64_t pixel) {
  constexpr int width = Simd<Arch>::width;
  int64_t c = 0;
  for (; c + 2 * width <= d.channels; c += 2 * width) depthwise_tile<Arch, P, 2>(d, pixel, c, width);
  for (; c < d.channels; c += width) {
    const int64_t first = d.channels < width || c + width <= d.channels ? c : d.channels - width;
    const int64_t rest = d.channels - first;
    depthwise_tile<Arch, P, 1>(d, pixel, first, rest < width ? static_cast<int>(rest) : width);
  }
}

template <class Arch>
void depthwise(const Depthwise& d) {
  assert(d.pixels >= 1 && d.channels >= 1 && d.tap_count >= 0);
  constexpr int pixels = 4;
  int64_t p = 0;
  for (; p + pixels <= d.pixels; p += pixels) depthwise_pixels<Arch, pixels>(d, p);
  for (; p < d.pixels; ++p) depthwise_pixels<Arch, 1>(d, p);
}

}  // namespace
}  // namespace upconv::kernels
