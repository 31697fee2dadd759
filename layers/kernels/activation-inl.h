#pragma once
// act(v), for vectors in registers and for runs of memory. Included by the files of the instruction sets.
#include "kernels.h"
#include "math-inl.h"
#include "pointwise-inl.h"
#include "simd.h"

namespace upconv::kernels {
namespace {

// A comparison with NaN is false, so both hand a NaN through, as PyTorch does.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch relu(Batch v) {
  return Simd<Arch>::select(v < Batch(0.0f), Batch(0.0f), v);
}
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch leaky_relu(Batch v, Batch slope) {
  return Simd<Arch>::select(v < Batch(0.0f), v * slope, v);
}

/// The kinds that cost tens of instructions. One copy out of line: a call does not matter to them, and they weigh
/// nothing where others are applied.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
__attribute__((noinline)) Batch heavy(Batch v, Activation act) {
  if (act.kind == Activation::tanh) return tanh<Arch>(v);
  if (act.kind == Activation::sigmoid) return sigmoid<Arch>(v);
  return rare<Arch>(v, act);
}

template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch activate(Batch v, Activation act) {
  // So improbable that nobody keeps registers free for the call.
  if (__builtin_expect_with_probability(act.kind >= Activation::tanh, 0, 0.9999)) return heavy<Arch>(v, act);
  switch (act.kind) {
    case Activation::identity:
      return v;
    case Activation::relu:
      return relu<Arch>(v);
    case Activation::leaky_relu:
      return leaky_relu<Arch>(v, Batch(act.a));
    default:
      return clamp<Arch>(v, Batch(act.a), Batch(act.b));
  }
}

/// Whether kernels of Arch store outputs as bfloat16 where they are asked to.
template <class Arch>
constexpr bool stores_rounded = requires { Simd<Arch>::is_pairs; };

/// Stores act(v + residual) in the first `count` floats, or bfloat16, at y, or in all of a vector where it is more.
template <class Arch, class Y, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE void store_activated(Y* y, Batch v, int count, const Residual& residual, Activation act) {
  constexpr int width = Simd<Arch>::width;
  if (residual.values) {
    const float* other = residual.values + (y - static_cast<const Y*>(residual.outputs));
    v = v + (count >= width ? Simd<Arch>::load(other) : load_partial<Arch>(other, count));
  }
  v = activate<Arch>(v, act);
  if (count >= width)
    Simd<Arch>::store(y, v);
  else
    store_partial<Arch>(y, v, count);
}

/// Calls f(act) for the activations of most layers, which the compiler then sees; false where it is another one.
template <class Arch, class F>
UPCONV_INLINE bool with_usual(const Activation& activation, const F& f) {
  using Batch = typename Simd<Arch>::Batch;
  if (activation.kind == Activation::identity)
    f([](Batch v) __attribute__((always_inline)) { return v; });
  else if (activation.kind == Activation::relu)
    f([](Batch v) __attribute__((always_inline)) { return relu<Arch>(v); });
  else
    return false;
  return true;
}

/// y[i] = act(f(x vector, i)) for i < count; the tail is the same vector code on fewer floats, so that it rounds alike.
template <class Arch, class F>
UPCONV_INLINE void map(const float* x, float* y, int64_t count, F f) {
  constexpr int width = Simd<Arch>::width;
  int64_t i = 0;
  for (; i + width <= count; i += width) Simd<Arch>::store(y + i, f(Simd<Arch>::load(x + i), i, width));
  if (i < count) {
    const int rest = static_cast<int>(count - i);
    store_partial<Arch>(y + i, f(load_partial<Arch>(x + i, rest), i, rest), rest);
  }
}

/// Those of few instructions are chosen before the loop, which a choice for each vector would take longer than.
template <class Arch>
void activate_run(const float* x, float* y, int64_t count, Activation act) {
  using Batch = typename Simd<Arch>::Batch;
  const auto run = [=](auto f) __attribute__((always_inline)) {
    map<Arch>(
        x, y, count, [=](Batch v, int64_t, int) __attribute__((always_inline)) { return f(v); });
  };
  const Batch slope(act.a);
  switch (act.kind) {
    case Activation::relu:
      return run([](Batch v) __attribute__((always_inline)) { return relu<Arch>(v); });
    case Activation::leaky_relu:
      return run([=](Batch v) __attribute__((always_inline)) { return leaky_relu<Arch>(v, slope); });
    case Activation::abs:
      return run([](Batch v) __attribute__((always_inline)) { return absolute<Arch>(v); });
    default:
      return run([=](Batch v) __attribute__((always_inline)) { return activate<Arch>(v, act); });
  }
}

template <class Arch>
void affine_run(const float* x, float* y, int64_t count, float scale, float shift, Activation act) {
  using Batch = typename Simd<Arch>::Batch;
  const Batch s(scale), t(shift);
  const auto run = [=](auto f) __attribute__((always_inline)) {
    map<Arch>(
        x, y, count, [=](Batch v, int64_t, int) __attribute__((always_inline)) { return f(Simd<Arch>::fma(v, s, t)); });
  };
  if (!with_usual<Arch>(act, run)) run([=](Batch v) __attribute__((always_inline)) { return activate<Arch>(v, act); });
}

}  // namespace
}  // namespace upconv::kernels
