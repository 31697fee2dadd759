#pragma once
// Kernels on pairs of bfloat16: the loops of direct-inl.h, products-inl.h and winograd-inl.h, whose "channel" is a pair
// of channels in one 32-bit word, in the place of a float (kernels.h, struct PairKernels). Nothing but the multiply-add
// and the rounding differs, so that is all there is here.
//
// The multiply-add is what vdpbf16ps computes, found by comparing 160 million results, of ordinary numbers, of
// denormals, infinities and NaN, on Zen 5 (and 3 million on Granite Rapids): first the odd product, then the even one,
//
//     sum = fma(a[2k + 1], b[2k + 1], sum); sum = fma(a[2k], b[2k], sum)
//
// each rounded once to nearest even, with denormals as zeros before and after, whatever MXCSR says. A run has MXCSR
// flush denormals, so that two fused multiply-adds of floats are it, and that is the model below, with the same bits.
// Where nothing is fused a sum in float64 is rounded to odd before it is rounded to float32.
//
// Rates, Zen 5, one core, GFLOP/s: vfmadd231ps 276; vdpbf16ps 552, from registers, with a broadcast of its own, and in
// a tile of 14 x 2; 6 cycles until its sum is there, so 12 chains are the fewest, and 14 x 2 has 28.
#include <bit>
#include <cstring>
#include <type_traits>

#include "direct-inl.h"
#include "norm-inl.h"
#include "products-inl.h"
#include "winograd-inl.h"

namespace upconv::kernels {
namespace {

/// Pairs with the vectors of Arch, by its multiply-adds of floats.
template <class Arch>
struct Pairs {};

/// Pairs by vdpbf16ps.
struct Bf16Instructions {};

/// a * b + c of floats whose product is exact in float64, rounded once: the sum in float64 is made odd where it is not
/// exact, so that what float32 makes of it is what it would make of the exact one.
UPCONV_INLINE float fused(float a, float b, float c) {
  const double product = static_cast<double>(a) * static_cast<double>(b), other = static_cast<double>(c);
  const double sum = product + other, second = sum - product;
  const double error = (product - (sum - second)) + (other - second);
  const auto bits = std::bit_cast<uint64_t>(sum);
  if ((error > 0 || error < 0) && bits % 2 == 0)
    return static_cast<float>(std::bit_cast<double>((error > 0) == (sum > 0) ? bits + 1 : bits - 1));
  return static_cast<float>(sum);
}

/// sum + a.odd * b.odd + a.even * b.even of one lane.
UPCONV_INLINE float accumulated(float sum, uint32_t a, uint32_t b) {
  const auto half = [](uint32_t bits) { return std::bit_cast<float>(bits); };
  return fused(half(a << 16), half(b << 16), fused(half(a & high_half), half(b & high_half), sum));
}

/// What models have in common.
template <class Arch>
struct PairsBase : Simd<Arch> {
  using Batch = typename Simd<Arch>::Batch;
  static constexpr bool is_pairs = true;
  static constexpr bool folds_broadcast = false;
  static constexpr int tile =
      Simd<Arch>::pixels;           // what callers see: costs, and so choices, are those of the instruction
  static constexpr int pixels = 4;  // what registers hold beside both halves of weights and inputs
};

/// Without fused multiply-adds; SSE2 has nothing to add to it.
template <>
struct Simd<Pairs<Scalar>> : PairsBase<Scalar> {
  static UPCONV_INLINE void accumulate(float& sum, float a, float b) {
    sum = accumulated(sum, std::bit_cast<uint32_t>(a), std::bit_cast<uint32_t>(b));
  }
};

#if defined(__AVX512BF16__)
/// The register tile is that of floats: one instruction takes the place of one.
template <>
struct Simd<Bf16Instructions> : Simd<xsimd::avx512f> {
  static constexpr bool is_pairs = true;
  static constexpr int tile = pixels;
  static UPCONV_INLINE void accumulate(Batch& sum, Batch a, Batch b) {
    __m512 value = sum;
    asm("vdpbf16ps %1, %2, %0" : "+v"(value) : "v"(static_cast<__m512>(a)), "v"(static_cast<__m512>(b)));
    sum = value;
  }
  static UPCONV_INLINE void accumulate(Batch& sum, const float* a, Batch b) {
    __m512 value = sum;
    asm("vdpbf16ps %1%{1to16%}, %2, %0" : "+v"(value) : "m"(*a), "v"(static_cast<__m512>(b)));
    sum = value;
  }
  using Simd<xsimd::avx512f>::store;
  static UPCONV_INLINE void store(uint16_t* p, Batch v) {
    const __m256bh rounded = _mm512_cvtneps_pbh(v);
    std::memcpy(p, &rounded, sizeof rounded);
  }
};
#endif

/// A tile that registers do not hold, part by part.
template <class Arch>
void direct_pairs(const Direct& d) {
  assert(d.pixels >= 1 && d.pixels <= Simd<Arch>::tile);
  Direct part = d;
  for (int64_t first = 0; first < d.pixels; first += part.pixels) {
    part.x = d.x + first * panel_lanes;
    part.y = d.y + first;
    part.pixels = d.pixels - first < Simd<Arch>::pixels ? d.pixels - first : Simd<Arch>::pixels;
    direct<Arch>(part);
  }
}

/// Contract: PairKernels::pack. Every half of a line that is written is written whole.
template <class Arch, class X>
void pack_pairs(const PairPack& of, const X* x) {
  assert(of.first % panel_lanes == 0 && of.channels >= 1 && of.pixels >= 0 && of.stride >= of.channels);
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  float* panel = of.panel;
  for (int64_t p = 0; p < of.pixels; ++p, x += of.stride, panel += panel_lanes)
    for (int64_t c = 0; c < of.channels; c += panel_lanes) {
      const int64_t block = of.first / panel_lanes + c / panel_lanes;
      auto* to = reinterpret_cast<uint16_t*>(panel + block / 2 * of.pitch) + block % 2 * panel_lanes;
      UPCONV_UNROLL
      for (int i = 0; i < panel_lanes; i += S::width) {
        const int64_t rest = of.channels - c - i;
        const Batch v = rest >= S::width ? S::load(x + c + i)
                        : rest > 0       ? load_partial<Arch>(x + c + i, static_cast<int>(rest))
                                         : Batch(0.0f);
        S::store(to + i, v);
      }
    }
}

/// The same of bfloat16, whose bits are kept: whole lines of 32 channels are copied.
template <class Arch>
void pack_stored_pairs(const PairPack& of) {
  constexpr int64_t line = 2 * panel_lanes;
  const int64_t whole = of.first % line == 0 ? of.channels / line * line : 0;
  const auto* x = static_cast<const uint16_t*>(of.x);
  float* panel = of.panel + of.first / line * of.pitch;
  for (int64_t p = 0; p < of.pixels; ++p)
    for (int64_t c = 0; c < whole; c += line)
      __builtin_memcpy(panel + c / line * of.pitch + p * panel_lanes, x + p * of.stride + c, line * sizeof(uint16_t));
  if (whole == of.channels) return;
  PairPack rest = of;
  rest.x = x + whole;
  rest.first += whole;
  rest.channels -= whole;
  pack_pairs<Arch>(rest, x + whole);
}

template <class Arch>
void pack_pairs(const PairPack& of) {
  if (of.stored)
    pack_stored_pairs<Arch>(of);
  else
    pack_pairs<Arch>(of, static_cast<const float*>(of.x));
}

template <class Arch, class W>
constexpr auto pair_input_of() -> void (*)(const WinogradInput&) {
  if constexpr (is_for_pictures<W> && is_for_rounded<W>) return winograd_input<Arch, typename ForRounded<W>::type>;
  return nullptr;
}
template <class Arch, class W>
constexpr auto pair_output_of() -> void (*)(const WinogradOutput&) {
  if constexpr (is_for_pictures<W> && is_for_rounded<W>) return winograd_output<Arch, typename ForRounded<W>::type>;
  return nullptr;
}

template <class Arch, class... Ws>
constexpr PairKernels make_pair_kernels(Isa isa, SchemeList<Ws...>) {
  return {.isa = isa,
          .pixels = Simd<Arch>::tile,
          .direct = direct_pairs<Arch>,
          .products = products<Arch>,
          .winograd_input = {pair_input_of<Arch, Ws>()...},
          .winograd_output = {pair_output_of<Arch, Ws>()...},
          .add_pixels = add_pixels<Arch>,
          .pack = pack_pairs<Arch>};
}

template <class Arch>
constexpr PairKernels make_pair_kernels(Isa isa) {
  return make_pair_kernels<Arch>(isa, Schemes());
}

}  // namespace
}  // namespace upconv::kernels
