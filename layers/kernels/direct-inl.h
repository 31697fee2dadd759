#pragma once
// The direct convolution kernel. Contract: kernels.h, struct Direct.
//
// Registers: a tile of `rows` pixels by `vectors` vectors of output channels is accumulated in registers over all taps
// and channels. Per channel it loads `vectors` weights and broadcasts `rows` inputs for rows * vectors multiply-adds:
// on AVX-512 (2 + 14) / 28 = 0.57 loads per multiply-add, under the 1 that two load ports allow beside two FMA ports,
// and 28 chains cover the latency of 4 cycles twice over. L1: the tile's input window (14 pixels x taps x IC). L2: the
// weights of the block run, streamed once per tile. Few pixels (rows / 2 or less) leave registers idle, so two blocks
// are taken at once.
//
// Tried and lost: the channel loop unrolled by 4 (AVX-512, Cascade Lake: 4 % slower, spills); 28 x 1 with the broadcast
// inside the multiply-add (the same machine: 30 % slower, its two load ports are then the limit).
#include "activation-inl.h"

namespace upconv::kernels {
namespace {

/// Pixels at one distance. Every fifth has a pointer of its own; x86 reaches the four after it by folding 1, 2, 4 times
/// the stride, or the register that holds 3 times it, into the load: 14 pixels in 5 registers.
template <int R>
struct Strided {
  static constexpr int bases = (R + 4) / 5;
  const char* base[bases];
  int64_t stride, stride3;

  UPCONV_INLINE Strided(const float* const* x, int64_t offset) {
    stride = R > 1 ? reinterpret_cast<const char*>(x[R > 1]) - reinterpret_cast<const char*>(x[0]) : 0;
    stride3 = 3 * stride;
    UPCONV_UNROLL
    for (int b = 0; b < bases; ++b) base[b] = reinterpret_cast<const char*>(x[0] + offset) + 5 * b * stride;
    UPCONV_OPAQUE(stride);
    UPCONV_OPAQUE(stride3);
  }
  /// The current channel of pixel r.
  UPCONV_INLINE float at(int r) const {
    const char* b = base[r / 5];
    const int64_t step[5] = {0, stride, 2 * stride, stride3, 4 * stride};
    return *reinterpret_cast<const float*>(b + step[r % 5]);
  }
  UPCONV_INLINE void next() {
    UPCONV_UNROLL
    for (int b = 0; b < bases; ++b) {
      base[b] += sizeof(float);
      UPCONV_OPAQUE(base[b]);
    }
  }
};

/// Pixels anywhere: one more load per pixel and channel, so only small maps use it.
template <int R>
struct Gathered {
  const float* const* x;
  int64_t offset;

  UPCONV_INLINE Gathered(const float* const* x, int64_t offset) : x(x), offset(offset) {}
  UPCONV_INLINE float at(int r) const { return x[r][offset]; }
  UPCONV_INLINE void next() { ++offset; }
};

/// act(value + shift) of one pixel and block. Not inlined: it runs once per IC * taps multiply-adds of each
/// accumulator.
template <class Arch, int V>
__attribute__((noinline)) void finish(const typename Simd<Arch>::Batch* sums, const Block& block, float* y,
                                      Activation act) {
  using S = Simd<Arch>;
  UPCONV_UNROLL
  for (int v = 0; v < V; ++v) {
    const auto value = activate<Arch>(sums[v] + S::load(block.shift + v * S::width), act);
    const int rest = block.lanes - v * S::width;
    if (rest >= S::width)
      S::store(y + v * S::width, value);
    else if (rest > 0)
      store_partial<Arch>(y + v * S::width, value, rest);
  }
}

/// R pixels by B neighbouring blocks of V vectors.
template <class Arch, int R, int B, int V, template <int> class Pixels>
UPCONV_INLINE void direct_tile(const Direct& d, const Block* block, const float* const* x, float* const* y) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int lanes = V * S::width;
  Batch acc[R][B * V];
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) UPCONV_UNROLL
  for (int v = 0; v < B * V; ++v) acc[r][v] = Batch(0.0f);

  for (int64_t t = 0; t < d.tap_count; ++t) {
    Pixels<R> pixels(x, d.taps[t].x + block->ic);
    const float* w[B];
    UPCONV_UNROLL
    for (int b = 0; b < B; ++b) w[b] = block[b].w + d.taps[t].index * d.IC * lanes;
    for (int64_t ic = 0; ic < d.IC; ++ic) {
      Batch weight[B * V];
      UPCONV_UNROLL
      for (int v = 0; v < B * V; ++v) weight[v] = S::load(w[v / V] + v % V * S::width);
      UPCONV_UNROLL
      for (int r = 0; r < R; ++r) {
        const Batch input(pixels.at(r));
        UPCONV_UNROLL
        for (int v = 0; v < B * V; ++v) acc[r][v] = S::fma(input, weight[v], acc[r][v]);
      }
      pixels.next();
      UPCONV_UNROLL
      for (int b = 0; b < B; ++b) w[b] += lanes;
    }
  }

  Batch sums[R][B * V];  // a copy, so that acc itself never has an address
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) UPCONV_UNROLL
  for (int v = 0; v < B * V; ++v) sums[r][v] = acc[r][v];
  for (int r = 0; r < R; ++r)
    for (int b = 0; b < B; ++b) finish<Arch, V>(&sums[r][b * V], block[b], y[r] + block[b].oc, d.activation);
}

template <class Arch, int R, template <int> class Pixels>
void direct_rows(const Direct& d, const float* const* x, float* const* y) {
  constexpr int two = Simd<Arch>::vectors;
  constexpr bool few = R <= Simd<Arch>::rows / 2;
  for (int64_t b = 0; b < d.block_count; ++b) {
    const Block* block = d.blocks + b;
    if constexpr (few) {
      const bool pair =
          b + 1 < d.block_count && block[0].vectors == two && block[1].vectors == two && block[0].ic == block[1].ic;
      if (pair) {
        direct_tile<Arch, R, 2, two, Pixels>(d, block, x, y);
        ++b;
        continue;
      }
    }
    if (block->vectors == two)
      direct_tile<Arch, R, 1, two, Pixels>(d, block, x, y);
    else
      direct_tile<Arch, R, 1, 1, Pixels>(d, block, x, y);
  }
}

/// Calls direct_rows for `pixels` of them, 1 <= pixels <= R: one template, every tail.
template <class Arch, int R, template <int> class Pixels>
UPCONV_INLINE void direct_any(const Direct& d, const float* const* x, float* const* y, int64_t count) {
  if constexpr (R > 1) {
    if (count < R) return direct_any<Arch, R - 1, Pixels>(d, x, y, count);
  }
  direct_rows<Arch, R, Pixels>(d, x, y);
}

template <class Arch>
void direct(const Direct& d) {
  constexpr int rows = Simd<Arch>::rows;
  for (int64_t p = 0; p < d.pixels; p += rows) {
    const int64_t count = d.pixels - p < rows ? d.pixels - p : rows;
    const int64_t stride = count > 1 ? d.x[p + 1] - d.x[p] : 0;
    bool strided = true;
    for (int64_t r = 2; r < count; ++r) strided = strided && d.x[p + r] - d.x[p + r - 1] == stride;
    if (strided)
      direct_any<Arch, rows, Strided>(d, d.x + p, d.y + p, count);
    else
      direct_any<Arch, rows, Gathered>(d, d.x + p, d.y + p, count);
  }
}

}  // namespace
}  // namespace upconv::kernels
