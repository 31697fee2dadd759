#pragma once
// NEON of ARM64: vectors of 4 floats, 32 registers, fused multiply-adds of which one factor may be a lane of a
// register.
//
// The vector is a class of this file and not xsimd's, which on NEON divides and takes roots by approximations that are
// two units in the last place off and give NaN for the root of infinity (findings/xsimd_neon.sh), and whose functions
// GCC leaves out of line, as weak symbols that another xsimd in the same program might replace.
#include <arm_neon.h>

#include "simd.h"

namespace upconv::kernels {
namespace {

struct Neon {};

/// Where a comparison of four floats holds: all ones there, as vbslq_f32 wants them. GCC's vectors know ! by
/// themselves, Clang's do not.
struct FourTruths {
  uint32x4_t data;

  friend UPCONV_INLINE FourTruths operator!(FourTruths a) { return {vmvnq_u32(a.data)}; }
  friend UPCONV_INLINE FourTruths operator&(FourTruths a, FourTruths b) { return {vandq_u32(a.data, b.data)}; }
  friend UPCONV_INLINE FourTruths operator|(FourTruths a, FourTruths b) { return {vorrq_u32(a.data, b.data)}; }
};

/// Four floats.
struct FourFloats {
  float32x4_t data;

  FourFloats() = default;
  UPCONV_INLINE FourFloats(float32x4_t v) : data(v) {}
  explicit UPCONV_INLINE FourFloats(float x) : data(vdupq_n_f32(x)) {}

  friend UPCONV_INLINE FourFloats operator+(FourFloats a, FourFloats b) { return vaddq_f32(a.data, b.data); }
  friend UPCONV_INLINE FourFloats operator-(FourFloats a, FourFloats b) { return vsubq_f32(a.data, b.data); }
  friend UPCONV_INLINE FourFloats operator*(FourFloats a, FourFloats b) { return vmulq_f32(a.data, b.data); }
  friend UPCONV_INLINE FourFloats operator/(FourFloats a, FourFloats b) { return vdivq_f32(a.data, b.data); }
  friend UPCONV_INLINE FourFloats operator-(FourFloats a) { return vnegq_f32(a.data); }
  friend UPCONV_INLINE FourTruths operator<(FourFloats a, FourFloats b) { return {vcltq_f32(a.data, b.data)}; }
  friend UPCONV_INLINE FourTruths operator<=(FourFloats a, FourFloats b) { return {vcleq_f32(a.data, b.data)}; }
  friend UPCONV_INLINE FourTruths operator>(FourFloats a, FourFloats b) { return {vcgtq_f32(a.data, b.data)}; }
  friend UPCONV_INLINE FourTruths operator>=(FourFloats a, FourFloats b) { return {vcgeq_f32(a.data, b.data)}; }
  friend UPCONV_INLINE FourTruths operator==(FourFloats a, FourFloats b) { return {vceqq_f32(a.data, b.data)}; }
};

struct TwoDoubles {
  float64x2_t data;

  TwoDoubles() = default;
  UPCONV_INLINE TwoDoubles(float64x2_t v) : data(v) {}
  explicit UPCONV_INLINE TwoDoubles(double x) : data(vdupq_n_f64(x)) {}

  friend UPCONV_INLINE TwoDoubles operator+(TwoDoubles a, TwoDoubles b) { return vaddq_f64(a.data, b.data); }
  friend UPCONV_INLINE TwoDoubles operator-(TwoDoubles a, TwoDoubles b) { return vsubq_f64(a.data, b.data); }
  friend UPCONV_INLINE TwoDoubles operator*(TwoDoubles a, TwoDoubles b) { return vmulq_f64(a.data, b.data); }
  friend UPCONV_INLINE uint64x2_t operator>(TwoDoubles a, TwoDoubles b) { return vcgtq_f64(a.data, b.data); }
};

template <>
struct Simd<Neon> {
  using Batch = FourFloats;
  static constexpr int width = 4;
  // 16 + 8 pixels' channels + 2 weights = 26 of 32; two blocks side by side, of up to 4 pixels, 16 + 4 + 4 = 24. The
  // rest are weights that are loaded ahead, which a core that takes instructions in order needs.
  static constexpr int pixels = 8, vectors = 2;
  static constexpr int lean_sums = 25;      // and 2 weights, thrice one, a sum and the input: 30 of 32
  static constexpr int lean_pair_sums = 0;  // two vectors spill, and take more instructions for each multiply-add

  static UPCONV_INLINE Batch load(const float* p) { return vld1q_f32(p); }
  static UPCONV_INLINE void store(float* p, Batch v) { vst1q_f32(p, v.data); }
  static UPCONV_INLINE Batch load(const uint16_t* p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
  static UPCONV_INLINE void store(uint16_t* p, Batch v) {
    const uint32x4_t bits = vreinterpretq_u32_f32(v.data), size = vandq_u32(bits, vdupq_n_u32(0x7fffffff));
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t result = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
    result = vbslq_u32(vcgtq_u32(size, vdupq_n_u32(0x7f800000)), vorrq_u32(bits, vdupq_n_u32(0x400000)), result);
    result = vbslq_u32(vcltq_u32(size, vdupq_n_u32(0x800000)), vandq_u32(bits, vdupq_n_u32(0x80000000)), result);
    vst1_u16(p, vshrn_n_u32(result, 16));
  }
  /// The even and the odd channel of pairs of bfloat16.
  static UPCONV_INLINE Batch even(Batch pairs) {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(pairs.data), 16));
  }
  static UPCONV_INLINE Batch odd(Batch pairs) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(pairs.data), vdupq_n_u32(high_half)));
  }

  static UPCONV_INLINE Batch fma(Batch a, Batch b, Batch c) { return vfmaq_f32(c.data, a.data, b.data); }
  static constexpr bool folds_broadcast = false;
  static UPCONV_INLINE void accumulate(Batch& sum, Batch a, Batch b) { sum = fma(a, b, sum); }
  /// sum += a[lane] * b in one instruction, where GCC, left alone, moves 8 of 16 sums to other registers and back. Of
  /// accumulate() it does better with the intrinsic: around assembly it loads too early, and spills.
  static constexpr bool folds_lane = true;
  template <int lane>
  static UPCONV_INLINE void accumulate_lane(Batch& sum, Batch a, Batch b) {
    asm("fmla %0.4s, %1.4s, %2.s[%3]" : "+w"(sum.data) : "w"(b.data), "w"(a.data), "i"(lane));
  }

  template <class Condition>
  static UPCONV_INLINE Batch select(Condition condition, Batch a, Batch b) {
    return vbslq_f32(__builtin_bit_cast(uint32x4_t, condition), a.data, b.data);
  }
  /// Of any vector of bits: conditions of float64 too.
  template <class Condition>
  static UPCONV_INLINE bool any(Condition condition) {
    return vmaxvq_u32(__builtin_bit_cast(uint32x4_t, condition)) != 0;
  }
  static UPCONV_INLINE Batch sqrt(Batch v) { return vsqrtq_f32(v.data); }

  /// 2^n (1 + q) as in math-inl.h, of any v: 2^n in two factors, since n reaches from -150 to 128. A conversion of NaN
  /// gives 0, and q is NaN.
  static UPCONV_INLINE Batch exp(Batch v) {
    v = select(v < Batch(-104.0f), Batch(-104.0f), select(v > Batch(89.0f), Batch(89.0f), v));
    const Batch n = vrndnq_f32((v * Batch(1.44269504f)).data);
    const Batch r = fma(n, Batch(2.12194440e-4f), fma(n, Batch(-0.693359375f), v));
    Batch p = fma(Batch(0x1.9e6f62p-13f), r, Batch(0x1.6d3a40p-10f));
    p = fma(p, r, Batch(0x1.1112dap-7f));
    p = fma(p, r, Batch(0x1.5554f8p-5f));
    p = fma(p, r, Batch(0x1.555554p-3f));
    p = fma(p, r, Batch(0.5f));
    const Batch q = fma(p, r * r, r);
    const int32x4_t power = vcvtq_s32_f32(n.data), half = vshrq_n_s32(power, 1);
    const Batch scale = two_to(half);
    return fma(scale, q, scale) * two_to(vsubq_s32(power, half));
  }

  /// What half of the lanes are in float64.
  using Doubles = TwoDoubles;
  static constexpr int halves = 2;
  static UPCONV_INLINE Doubles widen(Batch v, int half) {
    return half == 0 ? vcvt_f64_f32(vget_low_f32(v.data)) : vcvt_high_f64_f32(v.data);
  }
  static UPCONV_INLINE void store(double* p, Doubles v) { vst1q_f64(p, v.data); }

 private:
  static UPCONV_INLINE Batch two_to(int32x4_t n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
  }
};

}  // namespace
}  // namespace upconv::kernels
