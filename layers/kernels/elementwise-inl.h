#pragma once
// Arithmetic of one element at a time. Contracts: kernels.h, struct Binary, Table::binary, affine_add, clamp and lerp.
// Activations go over the results once more, while they are in cache: one copy of their code serves all.
#include "activation-inl.h"

namespace upconv::kernels {
namespace {

/// Elements i to i + n of an operand, n <= width.
template <class Arch>
UPCONV_INLINE typename Simd<Arch>::Batch load_operand(const float* p, bool one, int64_t i, int n) {
  if (one) return typename Simd<Arch>::Batch(*p);
  return n == Simd<Arch>::width ? Simd<Arch>::load(p + i) : load_partial<Arch>(p + i, n);
}

template <class Arch, class F>
UPCONV_INLINE void binary_run(const Binary& operands, F f) {
  const Binary o = operands;  // which no store can change, as far as the compiler knows
  constexpr int width = Simd<Arch>::width;
  const auto at = [&](int64_t i, int n) __attribute__((always_inline)) {
    return f(load_operand<Arch>(o.a, o.a_one, i, n), load_operand<Arch>(o.b, o.b_one, i, n));
  };
  int64_t i = 0;
  for (; i + width <= o.count; i += width) Simd<Arch>::store(o.y + i, at(i, width));
  const int rest = static_cast<int>(o.count - i);
  if (rest > 0) store_partial<Arch>(o.y + i, at(i, rest), rest);
  if (o.activation.kind != Activation::identity) activate_run<Arch>(o.y, o.y, o.count, o.activation);
}

/// The kinds that choose or compare, and the power.
template <class Arch>
void compare(const Binary& o) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const Batch one(1.0f), zero(0.0f);
  switch (o.kind) {
    case Binary::maximum:
      return binary_run<Arch>(o, [](Batch a, Batch b) { return greater<Arch>(a, b); });
    case Binary::minimum:
      return binary_run<Arch>(o, [](Batch a, Batch b) { return lesser<Arch>(a, b); });
    case Binary::power:
      return binary_run<Arch>(o, [](Batch a, Batch b) { return power<Arch>(a, b); });
    case Binary::equal:
      return binary_run<Arch>(o, [=](Batch a, Batch b) { return S::select(a == b, one, zero); });
    case Binary::less:
      return binary_run<Arch>(o, [=](Batch a, Batch b) { return S::select(a < b, one, zero); });
    default:
      return binary_run<Arch>(o, [=](Batch a, Batch b) { return S::select(a <= b, one, zero); });
  }
}

template <class Arch>
void binary(const Binary& o) {
  using Batch = typename Simd<Arch>::Batch;
  switch (o.kind) {
    case Binary::add:
      return binary_run<Arch>(o, [](Batch a, Batch b) { return a + b; });
    case Binary::subtract:
      return binary_run<Arch>(o, [](Batch a, Batch b) { return a - b; });
    case Binary::multiply:
      return binary_run<Arch>(o, [](Batch a, Batch b) { return a * b; });
    case Binary::divide:
      return binary_run<Arch>(o, [](Batch a, Batch b) { return a / b; });
    default:
      return compare<Arch>(o);
  }
}

template <class Arch>
void select(const float* condition, const float* a, const float* b, float* y, int64_t count) {
  using Batch = typename Simd<Arch>::Batch;
  map<Arch>(condition, y, count, [=](Batch c, int64_t i, int n) {
    const Batch yes = load_operand<Arch>(a, false, i, n), no = load_operand<Arch>(b, false, i, n);
    return Simd<Arch>::select(c == Batch(0.0f), no, yes);
  });
}

template <class Arch>
float largest(const float* x, int64_t count) {
  using S = Simd<Arch>;
  constexpr int width = S::width;
  const auto one = [](float a, float b) { return b == b && !(a < b) ? a : b; };
  typename S::Batch all(-__builtin_inff());
  int64_t i = 0;
  for (; i + width <= count; i += width) all = greater<Arch>(all, S::load(x + i));
  float lanes[width];
  S::store(lanes, all);
  for (int lane = 0; i + lane < count; ++lane) lanes[lane] = one(lanes[lane], x[i + lane]);
  for (int half = width / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane) lanes[lane] = one(lanes[lane], lanes[lane + half]);
  return lanes[0];
}

template <class Arch>
void affine_add(const float* x, const float* residual, float* y, int64_t count, float scale, float shift,
                Activation act) {
  using Batch = typename Simd<Arch>::Batch;
  const Batch s(scale), t(shift);
  map<Arch>(x, y, count, [=](Batch v, int64_t i, int n) {
    return Simd<Arch>::fma(v, s, t) + load_operand<Arch>(residual, false, i, n);
  });
  if (act.kind != Activation::identity) activate_run<Arch>(y, y, count, act);
}

template <class Arch>
void clamp(const float* x, float* y, int64_t count, float low, float high) {
  using Batch = typename Simd<Arch>::Batch;
  const Batch l(low), h(high);
  map<Arch>(x, y, count, [=](Batch v, int64_t, int) {
    const Batch raised = Simd<Arch>::select(v < l, l, v);
    return Simd<Arch>::select(h < raised, h, raised);
  });
}

template <class Arch>
void lerp(const float* a, const float* b, float* y, int64_t count, float a_weight, float b_weight) {
  using Batch = typename Simd<Arch>::Batch;
  const Batch s(a_weight), t(b_weight);
  map<Arch>(a, y, count,
            [=](Batch v, int64_t i, int n) { return Simd<Arch>::fma(v, s, load_operand<Arch>(b, false, i, n) * t); });
}

}  // namespace
}  // namespace upconv::kernels
