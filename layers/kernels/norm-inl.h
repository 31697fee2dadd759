#pragma once
// What norms compute: the moments of a run, and arguments that differ from channel to channel. Contracts: kernels.h,
// Table::moments, moments_channels, affine_channels, affine_elements, prelu_channels.
//
// Moments take two passes, so that nothing cancels: the mean, then how far the numbers lie from it. The sum of those
// distances is what rounding left of the mean; whoever merges runs does so in float64 and puts it right. A run is what
// the second cache holds, so the second pass does not go to memory.
#include "activation-inl.h"

namespace upconv::kernels {
namespace {

/// f(vector, chain) for all of a run; the last vector is filled up with `fill`. Four chains cover the latency of
/// additions.
template <class Arch, class F>
UPCONV_INLINE void each(const float* x, int64_t count, float fill, F f) {
  using S = Simd<Arch>;
  int64_t i = 0;
  for (; i + 4 * S::width <= count; i += 4 * S::width) {
    UPCONV_UNROLL
    for (int chain = 0; chain < 4; ++chain) f(S::load(x + i + chain * S::width), chain);
  }
  for (; i + S::width <= count; i += S::width) f(S::load(x + i), 0);
  if (i < count) {
    float all[S::width];
    for (int lane = 0; lane < S::width; ++lane) all[lane] = i + lane < count ? x[i + lane] : fill;
    f(S::load(all), 0);
  }
}

template <class Arch>
UPCONV_INLINE float sum_of(const typename Simd<Arch>::Batch (&chains)[4]) {
  float lanes[Simd<Arch>::width], sum = 0;
  Simd<Arch>::store(lanes, (chains[0] + chains[1]) + (chains[2] + chains[3]));
  for (float lane : lanes) sum += lane;
  return sum;
}

template <class Arch>
void moments(const float* x, int64_t count, float* m) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const Batch zero(0.0f);
  Batch sums[4] = {zero, zero, zero, zero}, rests[4] = {zero, zero, zero, zero}, squares[4] = {zero, zero, zero, zero};
  each<Arch>(
      x, count, 0, [&](Batch v, int chain) __attribute__((always_inline)) { sums[chain] = sums[chain] + v; });
  m[0] = sum_of<Arch>(sums) / static_cast<float>(count);
  const Batch mean(m[0]);
  each<Arch>(
      x, count, m[0], [&](Batch v, int chain) __attribute__((always_inline)) {
        const Batch distance = v - mean;
        rests[chain] = rests[chain] + distance;
        squares[chain] = S::fma(distance, distance, squares[chain]);
      });
  m[1] = sum_of<Arch>(rests);
  m[2] = sum_of<Arch>(squares);
}

/// V vectors of channels: one chain each, so a channel's bits do not depend on the block that it fell into.
template <class Arch, int V, class Load, class Store>
UPCONV_INLINE void moments_block(const float* x, int64_t pixels, int64_t C, float* m, Load load, Store store) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch mean[V], rest[V], squares[V];
  UPCONV_UNROLL
  for (int v = 0; v < V; ++v) mean[v] = rest[v] = squares[v] = Batch(0.0f);
  for (int64_t p = 0; p < pixels; ++p) {
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v) mean[v] = mean[v] + load(x + p * C + v * S::width);
  }
  UPCONV_UNROLL
  for (int v = 0; v < V; ++v) mean[v] = mean[v] / Batch(static_cast<float>(pixels));
  for (int64_t p = 0; p < pixels; ++p) {
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v) {
      const Batch distance = load(x + p * C + v * S::width) - mean[v];
      rest[v] = rest[v] + distance;
      squares[v] = S::fma(distance, distance, squares[v]);
    }
  }
  UPCONV_UNROLL
  for (int v = 0; v < V; ++v) {
    store(m + v * S::width, mean[v]);
    store(m + C + v * S::width, rest[v]);
    store(m + 2 * C + v * S::width, squares[v]);
  }
}

template <class Arch>
void moments_channels(const float* x, int64_t pixels, int64_t C, float* m) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const auto load = [](const float* p) __attribute__((always_inline)) { return S::load(p); };
  const auto store = [](float* p, Batch v) __attribute__((always_inline)) { S::store(p, v); };
  int64_t c = 0;
  for (; c + 4 * S::width <= C; c += 4 * S::width) moments_block<Arch, 4>(x + c, pixels, C, m + c, load, store);
  for (; c + S::width <= C; c += S::width) moments_block<Arch, 1>(x + c, pixels, C, m + c, load, store);
  if (c == C) return;
  const int rest = static_cast<int>(C - c);
  moments_block<Arch, 1>(
      x + c, pixels, C,
      m + c, [rest](const float* p) __attribute__((always_inline)) { return load_partial<Arch>(p, rest); },
      [rest](float* p, Batch v) __attribute__((always_inline)) { store_partial<Arch>(p, v, rest); });
}

/// The vector of arguments of channels i .. i + n.
template <class Arch>
UPCONV_INLINE typename Simd<Arch>::Batch arguments(const float* p, int64_t i, int n) {
  return n == Simd<Arch>::width ? Simd<Arch>::load(p + i) : load_partial<Arch>(p + i, n);
}

template <class Arch>
void affine_channels(const float* x, float* y, int64_t pixels, int64_t C, const float* scale, const float* shift,
                     Activation act) {
  using Batch = typename Simd<Arch>::Batch;
  for (int64_t p = 0; p < pixels; ++p)
    map<Arch>(
        x + p * C, y + p * C, C, [=](Batch v, int64_t c, int n) __attribute__((always_inline)) {
          return activate<Arch>(Simd<Arch>::fma(v, arguments<Arch>(scale, c, n), arguments<Arch>(shift, c, n)), act);
        });
}

template <class Arch>
void affine_elements(const float* x, float* y, int64_t count, float scale, float shift, const float* weight,
                     const float* bias, Activation act) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const Batch s(scale), t(shift);
  map<Arch>(
      x, y, count, [=](Batch v, int64_t i, int n) __attribute__((always_inline)) {
        const Batch normal = S::fma(v, s, t);
        return activate<Arch>(S::fma(normal, arguments<Arch>(weight, i, n), arguments<Arch>(bias, i, n)), act);
      });
}

template <class Arch>
void prelu_channels(const float* x, float* y, int64_t pixels, int64_t C, const float* slope) {
  using Batch = typename Simd<Arch>::Batch;
  for (int64_t p = 0; p < pixels; ++p)
    map<Arch>(
        x + p * C, y + p * C, C, [=](Batch v, int64_t c, int n) __attribute__((always_inline)) {
          return leaky_relu<Arch>(v, arguments<Arch>(slope, c, n));
        });
}

}  // namespace
}  // namespace upconv::kernels
