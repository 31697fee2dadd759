#pragma once
// What the algorithms ask of an instruction set beyond what xsimd says in the same words for all: a multiply-add that
// is fused where the machine can fuse (xsimd 8.1 writes it as two operations on AVX-512), and the register budget.
//
// Everything here and in the *-inl.h files lives in an anonymous namespace: a copy compiled for AVX-512 must never be
// the one that the linker keeps for everybody.
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

/// The bits of the bfloat16 nearest to a float: to even between two, denormals as zeros, of a NaN a quiet one.
UPCONV_INLINE uint16_t rounded_bits(uint32_t bits) {
  const uint32_t size = bits & 0x7fffffff;
  const uint32_t nearest = bits + 0x7fff + (bits >> 16 & 1);
  const uint32_t result = size > 0x7f800000 ? bits | 0x400000 : size < 0x800000 ? bits & 0x80000000 : nearest;
  return static_cast<uint16_t>(result >> 16);
}

constexpr uint32_t high_half = 0xffff0000;

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
  /// Eight bits of fraction, in memory that need not be aligned.
  static UPCONV_INLINE float load(const uint16_t* p) {
    uint16_t half;
    std::memcpy(&half, p, sizeof half);
    return std::bit_cast<float>(static_cast<uint32_t>(half) << 16);
  }
  static UPCONV_INLINE void store(uint16_t* p, float v) {
    const uint16_t half = rounded_bits(std::bit_cast<uint32_t>(v));
    std::memcpy(p, &half, sizeof half);
  }
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
  using SimdBase<xsimd::sse2>::load;
  using SimdBase<xsimd::sse2>::store;
  static UPCONV_INLINE Batch load(const uint16_t* p) {
    return _mm_castsi128_ps(
        _mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static UPCONV_INLINE void store(uint16_t* p, Batch v) {
    float floats[width];
    store(floats, v);
    for (int i = 0; i < width; ++i) Simd<Scalar>::store(p + i, floats[i]);
  }
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
  using SimdBase<xsimd::avx2>::load;
  using SimdBase<xsimd::avx2>::store;
  static UPCONV_INLINE Batch load(const uint16_t* p) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  static UPCONV_INLINE void store(uint16_t* p, Batch v) {
    const __m256i bits = _mm256_castps_si256(v), size = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i result = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i nan = _mm256_cmpgt_epi32(size, _mm256_set1_epi32(0x7f800000));
    result = _mm256_blendv_epi8(result, _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)), nan);
    const __m256i tiny = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x800000), size);
    result = _mm256_blendv_epi8(result, _mm256_and_si256(bits, _mm256_set1_epi32(INT32_MIN)), tiny);
    result = _mm256_srli_epi32(result, 16);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(result, result), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
  }
  /// The even and the odd channel of pairs of bfloat16.
  static UPCONV_INLINE Batch even(Batch pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(pairs), 16));
  }
  static UPCONV_INLINE Batch odd(Batch pairs) {
    return _mm256_and_ps(pairs, _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(high_half))));
  }
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
  using SimdBase<xsimd::avx512f>::load;
  using SimdBase<xsimd::avx512f>::store;
  static UPCONV_INLINE Batch load(const uint16_t* p) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
  static UPCONV_INLINE void store(uint16_t* p, Batch v) {
    const __m512i bits = _mm512_castps_si512(v), size = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i result = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    const __mmask16 nan = _mm512_cmpgt_epi32_mask(size, _mm512_set1_epi32(0x7f800000));
    const __mmask16 tiny = _mm512_cmplt_epi32_mask(size, _mm512_set1_epi32(0x800000));
    result = _mm512_mask_or_epi32(result, nan, bits, _mm512_set1_epi32(0x400000));
    result = _mm512_mask_and_epi32(result, tiny, bits, _mm512_set1_epi32(INT32_MIN));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(result, 16)));
  }
  /// The even and the odd channel of pairs of bfloat16.
  static UPCONV_INLINE Batch even(Batch pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(pairs), 16));
  }
  static UPCONV_INLINE Batch odd(Batch pairs) {
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_castps_si512(pairs), _mm512_set1_epi32(static_cast<int>(high_half))));
  }
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

/// The same with weights in pairs of bfloat16, which are widened as they are multiplied: for layers that wait for them.
template <class Arch>
struct Halved {};
template <class Arch>
struct Simd<Halved<Arch>> : Simd<Arch> {
  static constexpr bool is_halved = true;
};
/// Channels in a word of weights.
template <class Arch>
constexpr int in_word = requires { Simd<Arch>::is_halved; } ? 2 : 1;

#if defined(__AVX512F__)
UPCONV_INLINE __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1u << count) - 1); }
#endif

/// Stores the first `count` lanes of v, rounded to bfloat16.
template <class Arch>
UPCONV_INLINE void store_partial(uint16_t* p, typename Simd<Arch>::Batch v, int count) {
  uint16_t all[Simd<Arch>::width];
  Simd<Arch>::store(all, v);
  std::memcpy(p, all, static_cast<size_t>(count) * sizeof(uint16_t));
}

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

/// Loads `count` values of bfloat16, zeros above them.
template <class Arch>
UPCONV_INLINE typename Simd<Arch>::Batch load_partial(const uint16_t* p, int count) {
  uint16_t all[Simd<Arch>::width] = {};
  std::memcpy(all, p, static_cast<size_t>(count) * sizeof(uint16_t));
  return Simd<Arch>::load(all);
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
