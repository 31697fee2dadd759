#pragma once
// The direct convolution kernel. Contract: kernels.h, struct Direct.
//
// Registers: a tile of `pixels` pixels by `vectors` vectors of output channels is accumulated in registers over all
// taps and channels. Per channel it loads `vectors` weights and broadcasts `pixels` inputs for pixels * vectors
// multiply-adds: on AVX-512 (2 + 14) / 28 = 0.57 loads per multiply-add, under the 1 that two load ports allow beside
// two FMA ports, and 28 chains cover the latency of 4 cycles twice over. L1: the tile's inputs, taps * IC * 15 pixels
// of a panel. L2: the weights of the block run, streamed once per tile. Few pixels (pixels / 2 or less) leave registers
// idle, so two blocks are taken at once.
//
// Instructions: pixels are 64 bytes apart, so every input is base + constant, and one pointer steps through the
// channels. On AVX-512 every third pixel broadcasts inside its multiply-adds, which saves an instruction and costs a
// load: a core that shares its front end with a busy sibling gets 2 instructions and a good load a cycle, and this
// mixture is where the two limits meet. With one vector of outputs all pixels do, since each broadcast serves but one
// multiply-add: on Zen 4 14 of them take 14 cycles, or 18.5 with broadcasts of their own. Accumulators are added to in
// place: GCC, left alone, moves them between registers.
// On NEON all multiply-adds take their pixel from a lane of a register, into which one load brings 4 channels of it: 16
// loads, of which 8 come in pairs, for 64 multiply-adds of 8 pixels and 2 vectors.
//
// Caches: a line of 16 channels of 14 pixels is 14 lines that no prefetcher foresees, so the next one is asked for a
// pixel a channel. Weights are asked for where the caller says: 16 channels ahead, or those of the work that follows, a
// share by each register tile, so that memory and multiply-adds are at work at the same time: in Winograd's products a
// fifth on Zen 3 for 256-128 k4s2 64x64. A few channels, as those of a colour picture, ask for nothing, a fifth again.
//
// Measured, Cascade Lake, GFLOP/s with the sibling idle and busy, of a peak of 152. Weights in L1: this 143 and 96; no
// broadcast inside 147 and 82; all inside 117 and 80; channels outermost, [channel][pixel], 145 and 88. Weights from
// L3, as in Winograd's products at 128 channels: this 133 and 85; not unrolled and nothing asked for 104 and 70; inputs
// asked for 124 and 81. AVX2, of 76, in L1: 66 and 37. Tried and lost: unrolled by 4 (spills), 28 x 1 (the load ports
// are the limit), 9 x 3, 7 x 4, 6 x 4 (96 and 67: 4 lines of weights a channel).
#include <utility>

#include "activation-inl.h"

namespace upconv::kernels {
namespace {

/// act(sums + shift + residual) of one block for `pixels` pixels, sums[r * stride + v]. Not inlined: it runs once per
/// IC
/// * taps multiply-adds of each accumulator.
template <class Arch, int V, class Y>
__attribute__((noinline)) void finish(const typename Simd<Arch>::Batch* sums, int pixels, int stride,
                                      const Block& block, const Direct& d) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const int64_t at = block.oc - d.blocks->oc;
  const auto whole = [&](auto act) __attribute__((always_inline)) {
    Batch shift[V];
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v) shift[v] = S::load(block.shift + v * S::width);
    for (int r = 0; r < pixels; ++r, sums += stride) {
      Y* y = static_cast<Y*>(d.y[r]) + at;
      UPCONV_UNROLL
      for (int v = 0; v < V; ++v) S::store(y + v * S::width, act(sums[v] + shift[v]));
    }
  };
  if (block.lanes == V * S::width && !d.residual.values && with_usual<Arch>(d.activation, whole)) return;
  for (int v = 0; v < V; ++v) {
    const auto shift = S::load(block.shift + v * S::width);
    const int rest = block.lanes - v * S::width;
    for (int r = 0; r < pixels; ++r)
      store_activated<Arch>(static_cast<Y*>(d.y[r]) + at + v * S::width, sums[r * stride + v] + shift, rest, d.residual,
                            d.activation);
  }
}

/// acc[r][v] += x[r] * weight[v] for one channel. x: pixel 0; `weight`: B blocks of V vectors.
template <class Arch, int R, int B, int V>
UPCONV_INLINE void multiply(typename Simd<Arch>::Batch (&acc)[R][B * V], const float* x,
                            const typename Simd<Arch>::Batch (&weight)[B * V]) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) {
    if constexpr (S::folds_broadcast && B * V <= 2) {
      if (B * V == 1 || r % 3 == 0) {
        UPCONV_UNROLL
        for (int v = 0; v < B * V; ++v) S::accumulate(acc[r][v], x + r * panel_lanes, weight[v]);
        continue;
      }
    }
    const Batch input(x[r * panel_lanes]);
    UPCONV_UNROLL
    for (int v = 0; v < B * V; ++v) S::accumulate(acc[r][v], input, weight[v]);
  }
}

/// The same for as many channels as a vector has, where a multiply-add takes a factor from a lane of a register: a load
/// of a pixel's channels serves all of them.
template <class Arch, int R, int B, int V, int... lane>
UPCONV_INLINE void multiply_lanes(typename Simd<Arch>::Batch (&acc)[R][B * V], const float* x,
                                  const float* const (&w)[B], std::integer_sequence<int, lane...>) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch input[R];
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) input[r] = S::load(x + r * panel_lanes);
  const auto channel = [&]<int c>(std::integral_constant<int, c>) __attribute__((always_inline)) {
    // Of two channels in a word the odd one first, as PairKernels do.
    constexpr int words = in_word<Arch>, from = words == 2 ? c ^ 1 : c;
    Batch weight[B * V];
    UPCONV_UNROLL
    for (int v = 0; v < B * V; ++v) {
      weight[v] = S::load(w[v / V] + (c / words * V + v % V) * S::width);
      if constexpr (words == 2) weight[v] = from % 2 ? S::odd(weight[v]) : S::even(weight[v]);
    }
    UPCONV_UNROLL
    for (int r = 0; r < R; ++r) UPCONV_UNROLL
    for (int v = 0; v < B * V; ++v) S::template accumulate_lane<from>(acc[r][v], input[r], weight[v]);
  };
  (channel(std::integral_constant<int, lane>()), ...);
}

/// The same for a whole line of channels. A vector of them asks for its share of the next line's pixels, and for a line
/// of weights for each of V.
template <class Arch, int R, int B, int V>
UPCONV_INLINE void multiply_whole_line(typename Simd<Arch>::Batch (&acc)[R][B * V], const float* x, const float* next,
                                       const float* (&w)[B], const float* (&ahead)[B], int64_t step) {
  constexpr int channels = Simd<Arch>::width, share = (R * channels + panel_lanes - 1) / panel_lanes;
  for (int i = 0; i < panel_lanes; i += channels, next += share * panel_lanes) {
    UPCONV_UNROLL
    for (int j = 0; j < share; ++j) __builtin_prefetch(next + j * panel_lanes);
    UPCONV_UNROLL
    for (int b = 0; b < B; ++b) {
      UPCONV_UNROLL
      for (int v = 0; v < V; ++v) __builtin_prefetch(ahead[b] + v * channels / V * step);
      ahead[b] += channels * step;
    }
    multiply_lanes<Arch, R, B, V>(acc, x + i, w, std::make_integer_sequence<int, channels>());
    UPCONV_UNROLL
    for (int b = 0; b < B; ++b) w[b] += channels / in_word<Arch> * V * channels;
  }
}

/// The same for the channels of one word of weights: the odd one first, as PairKernels do.
template <class Arch, int R, int B, int V>
UPCONV_INLINE void multiply(typename Simd<Arch>::Batch (&acc)[R][B * V], const float* x, const float* const (&w)[B]) {
  using S = Simd<Arch>;
  typename S::Batch weight[B * V];
  if constexpr (in_word<Arch> == 2) {
    UPCONV_UNROLL
    for (int v = 0; v < B * V; ++v) weight[v] = S::odd(S::load(w[v / V] + v % V * S::width));
    multiply<Arch, R, B, V>(acc, x + 1, weight);
    UPCONV_UNROLL
    for (int v = 0; v < B * V; ++v) weight[v] = S::even(S::load(w[v / V] + v % V * S::width));
  } else {
    UPCONV_UNROLL
    for (int v = 0; v < B * V; ++v) weight[v] = S::load(w[v / V] + v % V * S::width);
  }
  multiply<Arch, R, B, V>(acc, x, weight);
}

/// The same for `count` channels in a row, 16 or those of a line that a group has. Asks for what comes next: weights at
/// `ahead`, which moves by `step` for each channel done, and of the next line of channels, at `next`, one pixel.
template <class Arch, int R, int B, int V>
UPCONV_INLINE void multiply_line(typename Simd<Arch>::Batch (&acc)[R][B * V], const float* x, const float* next,
                                 const float* (&w)[B], const float* (&ahead)[B], int64_t step, int64_t count) {
  constexpr int lanes = V * Simd<Arch>::width;
  constexpr int words = in_word<Arch>;
  const auto run = [&](int channels) __attribute__((always_inline)) {
    UPCONV_UNROLL
    for (int i = 0; i < channels; i += words) {
      UPCONV_UNROLL
      for (int j = 0; j < words; ++j) __builtin_prefetch(next + (i + j) * panel_lanes);
      const float* weights[B];
      UPCONV_UNROLL
      for (int b = 0; b < B; ++b) {
        weights[b] = w[b] + i / words * lanes;
        UPCONV_UNROLL
        for (int j = 0; j < lanes; j += panel_lanes) __builtin_prefetch(ahead[b] + j);
        ahead[b] += step;
        asm("" : "+r"(ahead[b]));  // one register for all that is asked for, as in rows-inl.h
      }
      multiply<Arch, R, B, V>(acc, x + i, weights);
    }
    x += channels;
    next += channels * panel_lanes;
    UPCONV_UNROLL
    for (int b = 0; b < B; ++b) w[b] += channels / words * lanes;
  };
  if constexpr (requires { Simd<Arch>::folds_lane; })
    if (count == panel_lanes) return multiply_whole_line<Arch, R, B, V>(acc, x, next, w, ahead, step);
  if (count == panel_lanes)
    for (int i = 0; i < panel_lanes; i += 2) run(2);
  else
    for (; count > 0; count -= words) run(words);
}

/// R pixels by B neighbouring blocks of V vectors.
template <class Arch, int R, int B, int V>
UPCONV_INLINE void direct_tile(const Direct& d, const Block* block) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int lanes = V * S::width;
  Batch acc[R][B * V];
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) UPCONV_UNROLL
  for (int v = 0; v < B * V; ++v) acc[r][v] = Batch(0.0f);

  const int64_t first = block->ic % panel_lanes;
  const float* x = d.x + block->ic / panel_lanes * d.pitch + first;
  const bool few = first + d.IC < panel_lanes;  // as of a colour picture: nothing is asked for
  for (int64_t t = 0; few && t < d.tap_count; ++t) {
    const float* w[B];
    UPCONV_UNROLL
    for (int b = 0; b < B; ++b) w[b] = block[b].w + d.taps[t].index * (d.IC / in_word<Arch>)*lanes;
    for (int64_t i = 0; i < d.IC; i += in_word<Arch>) {
      multiply<Arch, R, B, V>(acc, x + d.taps[t].x + i, w);
      UPCONV_UNROLL
      for (int b = 0; b < B; ++b) w[b] += lanes;
    }
  }
  for (int64_t t = 0; !few && t < d.tap_count; ++t) {
    const float* w[B];
    UPCONV_UNROLL
    for (int b = 0; b < B; ++b) w[b] = block[b].w + d.taps[t].index * (d.IC / in_word<Arch>)*lanes;
    const float* ahead[B];
    UPCONV_UNROLL
    for (int b = 0; b < B; ++b) ahead[b] = w[b] + d.ahead;
    int64_t lane = first, rest = d.IC;
    const float* line = x + d.taps[t].x - first;
    while (rest > 0) {
      const int64_t count = rest < panel_lanes - lane ? rest : panel_lanes - lane;
      multiply_line<Arch, R, B, V>(acc, line + lane, line + d.pitch, w, ahead, d.ahead_step, count);
      rest -= count;
      lane = 0;
      line += d.pitch;
    }
  }

  Batch sums[R][B * V];  // a copy, so that acc itself never has an address
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) UPCONV_UNROLL
  for (int v = 0; v < B * V; ++v) sums[r][v] = acc[r][v];
  for (int b = 0; b < B; ++b) {
    if constexpr (stores_rounded<Arch>)
      if (d.rounded) {
        finish<Arch, V, uint16_t>(&sums[0][b * V], R, B * V, block[b], d);
        continue;
      }
    assert(!d.rounded);
    finish<Arch, V, float>(&sums[0][b * V], R, B * V, block[b], d);
  }
}

template <class Arch, int R>
void direct_pixels(const Direct& d) {
  constexpr int two = Simd<Arch>::vectors;
  constexpr bool few = R <= Simd<Arch>::pixels / 2;
  for (int64_t b = 0; b < d.block_count; ++b) {
    const Block* block = d.blocks + b;
    if constexpr (few) {
      const bool pair =
          b + 1 < d.block_count && block[0].vectors == two && block[1].vectors == two && block[0].ic == block[1].ic;
      if (pair) {
        direct_tile<Arch, R, 2, two>(d, block);
        ++b;
        continue;
      }
    }
    if (block->vectors == two)
      direct_tile<Arch, R, 1, two>(d, block);
    else
      direct_tile<Arch, R, 1, 1>(d, block);
  }
}

/// Calls direct_pixels for d.pixels of them, 1 <= d.pixels <= R: one template, every tail.
template <class Arch, int R = Simd<Arch>::pixels>
void direct(const Direct& d) {
  if constexpr (R == Simd<Arch>::pixels) {
    assert(d.pixels >= 1 && d.pixels <= R && d.tap_count >= 0 && d.IC >= 1 && d.IC % in_word<Arch> == 0);
    for ([[maybe_unused]] int64_t b = 0; b < d.block_count; ++b)
      assert(is_aligned(d.blocks[b].w, 64) && d.blocks[b].vectors >= 1 && d.blocks[b].vectors <= Simd<Arch>::vectors &&
             d.blocks[b].lanes >= 1 && d.blocks[b].lanes <= d.blocks[b].vectors * Simd<Arch>::width);
  }
  if constexpr (R > 1) {
    if (d.pixels < R) return direct<Arch, R - 1>(d);
  }
  direct_pixels<Arch, R>(d);
}

}  // namespace
}  // namespace upconv::kernels
