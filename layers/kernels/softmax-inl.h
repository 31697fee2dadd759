#pragma once
// Softmax of a run, and of the columns of a matrix. Contracts: kernels.h, Table::softmax and softmax_columns.
//
// Three passes: the largest number, the exponentials and their sum, the quotients. Infinities need no care: the largest
// being inf or -inf makes NaN of itself minus itself, the sum is NaN, and so is every quotient, as in PyTorch. A NaN is
// never the largest and makes the sum NaN in the same way.
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

template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch larger(Batch a, Batch b) {
  return Simd<Arch>::select(a < b, b, a);
}

template <class Arch>
void softmax(const float* x, float* y, int64_t count) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr float lowest = -__builtin_inff();
  const Batch low(lowest), zero(0.0f);
  Batch largest[4] = {low, low, low, low}, sums[4] = {zero, zero, zero, zero};
  each<Arch>(
      x, count, lowest, [&](Batch v, int chain) __attribute__((always_inline)) {
        largest[chain] = larger<Arch>(largest[chain], v);
      });
  float lanes[S::width], top = lowest;
  S::store(lanes, larger<Arch>(larger<Arch>(largest[0], largest[1]), larger<Arch>(largest[2], largest[3])));
  for (float lane : lanes) top = top < lane ? lane : top;

  const Batch shift(top);
  map<Arch>(
      x, y, count, [=](Batch v, int64_t, int) __attribute__((always_inline)) { return S::exp(v - shift); });
  each<Arch>(
      y, count, 0, [&](Batch v, int chain) __attribute__((always_inline)) { sums[chain] = sums[chain] + v; });
  const Batch sum(sum_of<Arch>(sums));
  map<Arch>(
      y, y, count, [=](Batch v, int64_t, int) __attribute__((always_inline)) { return v / sum; });
}

/// One vector of columns.
template <class Arch, class Load, class Store>
UPCONV_INLINE void softmax_column(const float* x, float* y, int64_t stride, int64_t count, Load load, Store store) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch top(-__builtin_inff()), sum(0.0f);
  for (int64_t r = 0; r < count; ++r) top = larger<Arch>(top, load(x + r * stride));
  for (int64_t r = 0; r < count; ++r) {
    const Batch v = S::exp(load(x + r * stride) - top);
    sum = sum + v;
    store(y + r * stride, v);
  }
  for (int64_t r = 0; r < count; ++r) store(y + r * stride, load(y + r * stride) / sum);
}

template <class Arch>
void softmax_columns(const float* x, float* y, int64_t stride, int64_t count, int64_t columns) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  int64_t c = 0;
  for (; c + S::width <= columns; c += S::width)
    softmax_column<Arch>(
        x + c, y + c, stride, count, [](const float* p) __attribute__((always_inline)) { return S::load(p); },
        [](float* p, Batch v) __attribute__((always_inline)) { S::store(p, v); });
  if (c == columns) return;
  const int rest = static_cast<int>(columns - c);
  softmax_column<Arch>(
      x + c, y + c, stride,
      count, [rest](const float* p) __attribute__((always_inline)) { return load_partial<Arch>(p, rest); },
      [rest](float* p, Batch v) __attribute__((always_inline)) { store_partial<Arch>(p, v, rest); });
}

}  // namespace
}  // namespace upconv::kernels
