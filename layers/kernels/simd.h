#pragma once
// What the algorithms ask of an instruction set beyond what xsimd says in the same words for all: a multiply-add that
// is fused where the machine can fuse (xsimd 8.1 writes it as two operations on AVX-512), and the register budget.
//
// Everything here and in the *-inl.h files lives in an anonymous namespace: a copy compiled for AVX-512 must never be
// the one that the linker keeps for everybody.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <xsimd/xsimd.hpp>

// Kernels assert their contracts where they are entered: in debug and sanitizer builds, nothing of it in others.
#define UPCONV_INLINE inline __attribute__((always_inline))
// Before a loop over registers: unrolled whole, so that an array of vectors is an array of registers.
#define UPCONV_UNROLL _Pragma("GCC unroll 32")

namespace upconv::kernels {
namespace {

/// Whether a pointer has the alignment, in bytes, that a contract asks of packed weights.
[[maybe_unused]] UPCONV_INLINE bool is_aligned(const void* p, size_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

/// One float at a time, for machines that have none of the instruction sets below.
struct Scalar {};

template <class Arch>
struct Simd;

template <>
struct Simd<Scalar> {
  using Batch = float;
  static constexpr int width = 1, pixels = 4, vectors = 2, lean_sums = 10, lean_pair_sums = 0;
  static UPCONV_INLINE float load(const float* p) { return *p; }
  static UPCONV_INLINE void store(float* p, float v) { *p = v; }
  static constexpr bool folds_broadcast = false;
  static UPCONV_INLINE float fma(float a, float b, float c) { return a * b + c; }
  static UPCONV_INLINE void accumulate(float& sum, float a, float b) { sum += a * b; }
  static UPCONV_INLINE float select(bool condition, float a, float b) { return condition ? a : b; }
  static UPCONV_INLINE float exp(float v) { return __builtin_expf(v); }
  static UPCONV_INLINE float sqrt(float v) { return __builtin_sqrtf(v); }
  static UPCONV_INLINE bool any(bool condition) { return condition; }
  using Doubles = double;
  static constexpr int halves = 1;
  static UPCONV_INLINE double widen(float v, int) { return static_cast<double>(v); }
  static UPCONV_INLINE void store(double* p, double v) { *p = v; }
};

template <class Arch>
struct SimdBase {
  using Batch = xsimd::batch<float, Arch>;
  static constexpr int width = static_cast<int>(Batch::size);
  static constexpr bool folds_broadcast = false;
  static UPCONV_INLINE Batch load(const float* p) { return Batch::load_unaligned(p); }
  static UPCONV_INLINE void store(float* p, Batch v) { v.store_unaligned(p); }
  template <class Condition>
  static UPCONV_INLINE Batch select(Condition condition, Batch a, Batch b) {
    return xsimd::select(condition, a, b);
  }
  static UPCONV_INLINE Batch exp(Batch v) { return xsimd::exp(v); }
  static UPCONV_INLINE Batch sqrt(Batch v) { return xsimd::sqrt(v); }
  template <class Condition>
  static UPCONV_INLINE bool any(Condition condition) {
    return xsimd::any(condition);
  }
  /// What half of the lanes are in float64; widen() makes one of them.
  using Doubles = xsimd::batch<double, Arch>;
  static constexpr int halves = 2;
  static UPCONV_INLINE void store(double* p, Doubles v) { v.store_unaligned(p); }
};

// pixels x vectors accumulators, `vectors` weights and one broadcast input must fit the registers.
#if defined(__x86_64__)
template <>
struct Simd<xsimd::sse2> : SimdBase<xsimd::sse2> {
  static constexpr int lean_sums = 10;  // and 2 weights, thrice one, a sum, the input and the product
  static constexpr int lean_pair_sums = 0;
  static constexpr int pixels = 6, vectors = 2;  // 12 + 2 + 1 + the product = 16 of 16
  static UPCONV_INLINE Batch fma(Batch a, Batch b, Batch c) { return a * b + c; }
  static UPCONV_INLINE void accumulate(Batch& sum, Batch a, Batch b) { sum = fma(a, b, sum); }
  static UPCONV_INLINE Doubles widen(Batch v, int half) {
    return half == 0 ? _mm_cvtps_pd(v) : _mm_cvtps_pd(_mm_movehl_ps(v, v));
  }
};
#endif
#if defined(__AVX2__) && defined(__FMA__)
template <>
struct Simd<xsimd::avx2> : SimdBase<xsimd::avx2> {
  static constexpr int lean_sums = 10;  // and 2 weights, thrice one, a sum and the input
  static constexpr int lean_pair_sums = 0;
  static constexpr int pixels = 6, vectors = 2;  // 12 + 2 + 1 = 15 of 16
  static UPCONV_INLINE Batch fma(Batch a, Batch b, Batch c) { return _mm256_fmadd_ps(a, b, c); }
  static UPCONV_INLINE void accumulate(Batch& sum, Batch a, Batch b) {
    __m256 value = sum;
    asm("vfmadd231ps %1, %2, %0" : "+x"(value) : "x"(static_cast<__m256>(a)), "x"(static_cast<__m256>(b)));
    sum = value;
  }
  static UPCONV_INLINE Doubles widen(Batch v, int half) {
    return _mm256_cvtps_pd(half == 0 ? _mm256_castps256_ps128(v) : _mm256_extractf128_ps(v, 1));
  }
};
#endif
#if defined(__AVX512F__)
template <>
struct Simd<xsimd::avx512f> : SimdBase<xsimd::avx512f> {
  static constexpr int lean_sums = 25;
  static constexpr int lean_pair_sums = 24;       // and twice 2 weights, twice one, the input
  static constexpr int pixels = 14, vectors = 2;  // 28 + 2 + 1 = 31 of 32
  static UPCONV_INLINE Batch fma(Batch a, Batch b, Batch c) { return _mm512_fmadd_ps(a, b, c); }
  static constexpr bool folds_broadcast = true;
  static UPCONV_INLINE void accumulate(Batch& sum, Batch a, Batch b) {
    __m512 value = sum;
    asm("vfmadd231ps %1, %2, %0" : "+v"(value) : "v"(static_cast<__m512>(a)), "v"(static_cast<__m512>(b)));
    sum = value;
  }
  /// sum += *a * b in one instruction that broadcasts as it loads; a compiler left alone loads once and keeps a
  /// register.
  static UPCONV_INLINE void accumulate(Batch& sum, const float* a, Batch b) {
    __m512 value = sum;
    asm("vfmadd231ps %1%{1to16%}, %2, %0" : "+v"(value) : "m"(*a), "v"(static_cast<__m512>(b)));
    sum = value;
  }
  static UPCONV_INLINE Doubles widen(Batch v, int half) {
    return _mm512_cvtps_pd(half == 0 ? _mm512_castps512_ps256(v) : _mm512_extractf32x8_ps(v, 1));
  }
};
#endif

#if defined(__AVX512F__)
UPCONV_INLINE __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1u << count) - 1); }
#endif

/// Stores the first `count` floats of v.
template <class Arch>
UPCONV_INLINE void store_partial(float* p, typename Simd<Arch>::Batch v, int count) {
#if defined(__AVX512F__)
  if constexpr (Simd<Arch>::width == 16) return _mm512_mask_storeu_ps(p, first_lanes(count), v);
#endif
  float all[Simd<Arch>::width];
  Simd<Arch>::store(all, v);
  for (int i = 0; i < count; ++i) p[i] = all[i];
}

/// Loads `count` floats, zeros above them.
template <class Arch>
UPCONV_INLINE typename Simd<Arch>::Batch load_partial(const float* p, int count) {
#if defined(__AVX512F__)
  if constexpr (Simd<Arch>::width == 16) return _mm512_maskz_loadu_ps(first_lanes(count), p);
#endif
  float all[Simd<Arch>::width] = {};
  for (int i = 0; i < count; ++i) all[i] = p[i];
  return Simd<Arch>::load(all);
}

}  // namespace
}  // namespace upconv::kernels
