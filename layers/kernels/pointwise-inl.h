#pragma once
// The element-wise functions that networks use less often. Each is written for what rounding leaves of it, so that
// small results keep their digits, and on exp alone; NaN in gives NaN, and infinities become what PyTorch makes of
// them.
#include "kernels.h"
#include "math-inl.h"
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

// A NaN is what does not equal itself. Asked with ==, because xsimd 8.1 says of two NaNs on AVX-512 that they do not
// differ.

/// The larger one, NaN where either is.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch greater(Batch a, Batch b) {
  return Simd<Arch>::select(b == b, Simd<Arch>::select(a < b, b, a), b);
}

/// The smaller one, NaN where either is.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch lesser(Batch a, Batch b) {
  return Simd<Arch>::select(b == b, Simd<Arch>::select(b < a, b, a), b);
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

/// The same expm1, of v > 0 too.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch expm1_of_any(Batch v) {
  return Simd<Arch>::select(v > Batch(0.35f), Simd<Arch>::exp(v) - Batch(1.0f), expm1<Arch>(v));
}

template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch selu(Batch v) {
  constexpr float alpha = 1.67326324f, scale = 1.05070099f;  // which keep a mean of 0 and a variance of 1
  return Simd<Arch>::select(v > Batch(0.0f), v * Batch(scale), Batch(alpha * scale) * expm1<Arch>(v));
}

/// v - tanh(v). Within 1, where the difference would cancel, v^3 and a polynomial of v^2 with a relative error of less
/// than 4e-8.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch tanhshrink(Batch v) {
  const Batch z = v * v;
  const Batch near = z * v *
                     polynomial<Arch>(z, {0.333333343f, -0.133333310f, 0.0539675653f, -0.0218623355f, 0.00882532913f,
                                          -0.00347645371f, 0.00123990583f, -0.000336320983f, 4.81284915e-05f});
  return Simd<Arch>::select(z < Batch(1.0f), near, v - tanh<Arch>(v));
}

/// log(1 / (1 + exp(-v))): only exp of what is not positive, as in softplus.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch log_sigmoid(Batch v) {
  using S = Simd<Arch>;
  return S::select(v < Batch(0.0f), v, Batch(0.0f)) - log1p<Arch>(S::exp(-absolute<Arch>(v)));
}

/// f of each lane, by the C library.
template <class Arch, class F, class... Batches>
UPCONV_INLINE typename Simd<Arch>::Batch lane_by_lane(F f, Batches... v) {
  constexpr int width = Simd<Arch>::width;
  float x[sizeof...(v)][width], y[width];
  int operand = 0;
  (Simd<Arch>::store(x[operand++], v), ...);
  for (int lane = 0; lane < width; ++lane) y[lane] = f(lane, x);
  return Simd<Arch>::load(y);
}

// xsimd's own sine, power and, on AVX-512, logarithm keep functions that are not inline, of which a linker would take
// one for all machines.

/// The sine of v and `quarters` quarter turns. The nearest quarter n of a turn is taken off in three parts, of which
/// the first two are exact; beyond 8192 the C library does that. On [-pi / 4, pi / 4] Cephes' polynomials (S. Moshier).
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch sine(Batch v, int quarters) {
  using S = Simd<Arch>;
  const Batch shifter(12582912.0f);  // 1.5 * 2^23, which rounds to a whole number and leaves it in the lowest bits
  const Batch shifted = S::fma(v, Batch(0.636619772f), shifter), n = shifted - shifter;
  Batch r = S::fma(n, Batch(-1.5703125f), v);
  r = S::fma(n, Batch(-4.837512969970703125e-4f), r);
  r = S::fma(n, Batch(-7.54978995489188216e-8f), r);
  const Batch z = r * r;
  const Batch sin = S::fma(r * z, polynomial<Arch>(z, {-1.6666654611e-1f, 8.3321608736e-3f, -1.9515295891e-4f}), r);
  const Batch cos =
      S::fma(z * z, polynomial<Arch>(z, {4.166664568298827e-2f, -1.388731625493765e-3f, 2.443315711809948e-5f}),
             S::fma(z, Batch(-0.5f), Batch(1.0f)));
  const Bits<Arch> quarter = to_bits<Arch>(shifted) + static_cast<uint32_t>(quarters);
  const Batch odd = from_bits<Arch>((quarter & 1) * 0x3f800000);  // 1 where it is odd
  const Batch near = from_bits<Arch>(to_bits<Arch>(S::select(odd > Batch(0.5f), cos, sin)) ^ ((quarter & 2) << 30));
  if (!S::any(!(absolute<Arch>(v) < Batch(8192.0f)))) return near;
  return lane_by_lane<Arch>(
      [quarters](int lane, const auto& x) {
        return quarters == 0 ? __builtin_sinf(x[0][lane]) : __builtin_cosf(x[0][lane]);
      },
      v);
}

/// log(m 2^e) = log(m) + e log(2), m from the root of 1/2 to that of 2, log(2) in two parts and the small one first;
/// the polynomial is Cephes'. 0 gives -inf.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch logarithm(Batch v) {
  using S = Simd<Arch>;
  const Bits<Arch> bits = to_bits<Arch>(v);
  // 2^23 and a small whole number beside it, whose difference is that number.
  Batch e = from_bits<Arch>((bits >> 23) | 0x4b000000) - Batch(8388608.0f + 126.0f);
  Batch m = from_bits<Arch>((bits & 0x007fffff) | 0x3f000000);
  const auto low = m < Batch(0.707106781186547524f);
  e = S::select(low, e - Batch(1.0f), e);
  m = S::select(low, m + m, m) - Batch(1.0f);
  const Batch z = m * m;
  Batch y =
      m * z *
      polynomial<Arch>(m, {3.3333331174e-1f, -2.4999993993e-1f, 2.0000714765e-1f, -1.6668057665e-1f, 1.4249322787e-1f,
                           -1.2420140846e-1f, 1.1676998740e-1f, -1.1514610310e-1f, 7.0376836292e-2f});
  y = S::fma(e, Batch(-2.12194440e-4f), y);
  y = S::fma(z, Batch(-0.5f), y);
  const Batch finite = S::fma(e, Batch(0.693359375f), m + y), infinity(__builtin_inff());
  const Batch positive = S::select(v < infinity, finite, v);  // infinity, or NaN
  return S::select(v > Batch(0.0f), positive, S::select(v < Batch(0.0f), infinity - infinity, v - infinity));
}

template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch power(Batch v, Batch exponent) {
  return lane_by_lane<Arch>([](int lane, const auto& x) { return __builtin_powf(x[0][lane], x[1][lane]); }, v,
                            exponent);
}

/// The functions of arithmetic.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch elementary(Batch v, Activation act) {
  using S = Simd<Arch>;
  switch (act.kind) {
    case Activation::abs:
      return from_bits<Arch>(to_bits<Arch>(v) & ~sign_bit);
    case Activation::sqrt:
      return S::sqrt(v);
    case Activation::rsqrt:
      return Batch(1.0f) / S::sqrt(v);
    case Activation::exp:
      return S::exp(v);
    case Activation::log:
      return logarithm<Arch>(v);
    case Activation::sin:
      return sine<Arch>(v, 0);
    case Activation::cos:
      return sine<Arch>(v, 1);
    default:
      return power<Arch>(v, Batch(act.a));
  }
}

/// Those that leave out what is small, and others of their time.
template <class Arch, class Batch = typename Simd<Arch>::Batch>
UPCONV_INLINE Batch shrinking(Batch v, Activation act) {
  using S = Simd<Arch>;
  const Batch zero(0.0f), a(act.a), b(act.b);
  switch (act.kind) {
    case Activation::selu:
      return selu<Arch>(v);
    case Activation::celu:
      return S::select(v > zero, v, a * expm1_of_any<Arch>(v * b));
    case Activation::softsign:
      return v / (Batch(1.0f) + absolute<Arch>(v));
    case Activation::tanhshrink:
      return tanhshrink<Arch>(v);
    case Activation::hardshrink:
      return S::select(v > a, v, S::select(v < -a, v, S::select(v == v, zero, v)));
    case Activation::softshrink:
      return S::select(v > a, v - a, S::select(v < -a, v + a, v * zero));
    case Activation::threshold:
      return S::select(v <= a, b, v);
    default:
      return log_sigmoid<Arch>(v);
  }
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
    case Activation::mish:
      return mish<Arch>(v);
    default:
      return act.kind < Activation::abs ? shrinking<Arch>(v, act) : elementary<Arch>(v, act);
  }
}

}  // namespace
}  // namespace upconv::kernels
