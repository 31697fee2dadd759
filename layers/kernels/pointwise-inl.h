#pragma once
// The element-wise functions that networks use less often. Each is written for what rounding leaves of it, so that
// small results keep their digits, and on exp alone; NaN in gives NaN, and infinities become what PyTorch makes of
// them.
#include "kernels.h"
#include "simd.h"

namespace upconv::kernels {
namespace {

/// c[0] + c[1] v + c[2] v^2 ...
template <class Arch, int n, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch polynomial(Batch v, const float (&c)[n]) {
  Batch sum(c[n - 1]);
  UPCONV_UNROLL
  for (int i = n - 2; i >= 0; --i) sum = Simd<Arch>::fma(sum, v, Batch(c[i]));
  return sum;
}

/// v within [low, high]; a comparison with NaN is false, so a NaN stays one.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch clamp(Batch v, Batch low, Batch high) {
  return Simd<Arch>::select(v < low, low, Simd<Arch>::select(v > high, high, v));
}

template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch absolute(Batch v) {
  return Simd<Arch>::select(v < Batch(0.0f), -v, v);
}

/// exp(v) - 1 for v <= 0. Near 0, where the difference would cancel, its series: the first term left out is less than
/// 2e-8 of the sum.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch expm1(Batch v) {
  const Batch near = v * polynomial<Arch>(v, {1, 1 / 2.0f, 1 / 6.0f, 1 / 24.0f, 1 / 120.0f, 1 / 720.0f, 1 / 5040.0f});
  return Simd<Arch>::select(v > Batch(-0.35f), near, Simd<Arch>::exp(v) - Batch(1.0f));
}

/// log(1 + u) for u in [0, 1]: twice the area tangent of s = u / (2 + u) <= 1/3, whose series loses less than 2e-8.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch log1p(Batch u) {
  const Batch s = u / (Batch(2.0f) + u);
  return s * polynomial<Arch>(s * s, {2, 2 / 3.0f, 2 / 5.0f, 2 / 7.0f, 2 / 9.0f, 2 / 11.0f, 2 / 13.0f});
}

/// log(1 + exp(beta v)) / beta, v itself beyond the threshold. Only exp of what is not positive, so that nothing
/// overflows.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch softplus(Batch v, Batch beta, Batch threshold) {
  using S = Simd<Arch>;
  const Batch z = v * beta;
  const Batch positive = S::select(z < Batch(0.0f), Batch(0.0f), z);
  return S::select(z > threshold, v, (positive + log1p<Arch>(S::exp(-absolute<Arch>(z)))) / beta);
}

/// v times the normal distribution's share below v. The share below -a is exp(-a^2 / 2) t P(t), t = 1 / (1 + a / 4): P
/// has the least relative error for a in [0, 13.5], 4e-8; exp is 0 beyond. Taken from the smaller share, and so within
/// 6 (1 + a^2 / 2) units in the last place: exp loses what the rounding of its exponent cost.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch gelu(Batch v) {
  using S = Simd<Arch>;
  const Batch t = Batch(1.0f) / S::fma(absolute<Arch>(v), Batch(0.25f), Batch(1.0f));
  const Batch p = polynomial<Arch>(t, {0.0997497663f, 0.099458836f, 0.0957787186f, 0.070840992f, 0.0898367986f,
                                       0.00706185773f, 0.0349443816f, 0.0469569489f, -0.0608639531f, 0.0162356608f});
  const Batch share = S::exp(v * v * Batch(-0.5f)) * (t * p);
  return v * S::select(v < Batch(0.0f), share, Batch(1.0f) - share);
}

/// v / (1 + exp(-z)).
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch gated(Batch v, Batch z) {
  return v / (Batch(1.0f) + Simd<Arch>::exp(-z));
}

/// v (1 + tanh(u)) / 2 = v / (1 + exp(-2 u)), u = sqrt(2 / pi) (v + 0.044715 v^3).
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch gelu_tanh(Batch v) {
  constexpr float two_root = 1.5957691216f;  // 2 sqrt(2 / pi)
  return gated<Arch>(v, v * Simd<Arch>::fma(v * v, Batch(two_root * 0.044715f), Batch(two_root)));
}

/// v tanh(log(1 + exp(v))), the tanh as a quotient of polynomials in e = exp(-|v|), which cannot overflow.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch mish(Batch v) {
  using S = Simd<Arch>;
  const Batch e = S::exp(-absolute<Arch>(v)), one(1.0f), two(2.0f);
  const Batch twice = e + e, square = e * e;
  const auto below = v < Batch(0.0f);
  const Batch numerator = S::select(below, square + twice, one + twice);
  const Batch denominator = S::select(below, square + twice + two, one + twice + square + square);
  return v * (numerator / denominator);
}

template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch rare(Batch v, Activation act) {
  using S = Simd<Arch>;
  const Batch sixth = clamp<Arch>(v + Batch(3.0f), Batch(0.0f), Batch(6.0f)) / Batch(6.0f);
  switch (act.kind) {
    case Activation::hardsigmoid:
      return sixth;
    case Activation::hardswish:
      return v * sixth;
    case Activation::elu:
      return S::select(v > Batch(0.0f), v, Batch(act.a) * expm1<Arch>(v));
    case Activation::silu:
      return gated<Arch>(v, v);
    case Activation::gelu:
      return gelu<Arch>(v);
    case Activation::gelu_tanh:
      return gelu_tanh<Arch>(v);
    case Activation::softplus:
      return softplus<Arch>(v, Batch(act.a), Batch(act.b));
    default:
      return mish<Arch>(v);
  }
}

}  // namespace
}  // namespace upconv::kernels
