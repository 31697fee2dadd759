// Kernels on pairs of bfloat16: one formula, whose bits every instruction set has.
#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "layers/kernels/kernels.h"
#include "tests/support.h"
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace upconv;
using namespace upconv::testing;

namespace {

/// As in a run: denormals count as zero.
class FlushDenormals {
#if defined(__x86_64__)
 public:
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned before_;
#endif
};

float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

/// The two bfloat16 of a word.
float odd(uint32_t word) { return flushed(std::bit_cast<float>(word & 0xffff0000)); }
float even(uint32_t word) { return flushed(std::bit_cast<float>(word << 16)); }

/// What one multiply-add of pairs must be.
float added(float sum, uint32_t a, uint32_t b) {
  sum = flushed(std::fma(odd(a), odd(b), flushed(sum)));
  return flushed(std::fma(even(a), even(b), sum));
}

/// The nearest bfloat16, by the distances to the two that it lies between.
uint16_t nearest(float x) {
  if (std::isnan(x)) return static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16 | 0x40);
  const uint32_t bits = std::bit_cast<uint32_t>(flushed(x)), low = bits & 0xffff0000;
  if (std::isinf(x) || bits == low) return static_cast<uint16_t>(low >> 16);
  // Beyond the largest lies what would be the next one, 2^128.
  const auto value = [](uint32_t b) {
    return (b & 0x7fffffff) == 0x7f800000 ? 0x1p128 : std::abs(static_cast<double>(std::bit_cast<float>(b)));
  };
  const double down = std::abs(static_cast<double>(x)) - value(low), up = value(low + 0x10000) - std::abs(x);
  const bool rises = up < down || (up == down && (low >> 16) % 2 == 1);
  return static_cast<uint16_t>((rises ? low + 0x10000 : low) >> 16);
}

bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

/// Words whose halves have exponents within `span` of 1, or, for a span of 0, are any bits at all.
std::vector<float> words(std::mt19937& engine, size_t count, int span) {
  const auto half = [&]() -> uint32_t {
    if (span == 0) return engine() & 0xffff;
    const auto exponent = static_cast<uint32_t>(127 - span + static_cast<int>(engine() % (2 * span + 1)));
    return (engine() & 1) << 15 | exponent << 7 | (engine() & 127);
  };
  std::vector<float> all(count);
  for (float& word : all) word = std::bit_cast<float>(half() << 16 | half());
  return all;
}

std::vector<const kernels::PairKernels*> all_kernels() {
  std::vector<const kernels::PairKernels*> all;
  for (Isa isa : available_isas())
    for (const kernels::PairKernels* one : kernels::pair_kernels(isa)) all.push_back(one);
  return all;
}

}  // namespace

TEST_CASE("pairs: every multiply-add has the bits of the formula, the processor's instruction too") {
  constexpr int64_t tiles = 5, IC = 37, lanes = 32;
  std::mt19937 engine(1);
  for (int span : {0, 2, 30, 63, 75}) {  // of 63 and more, products and sums are denormal
    const std::vector<float> v = words(engine, 3 * 16 * tiles, span);
    std::vector<float> w = words(engine, IC * lanes + 16, span);
    auto* weights = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(w.data()) + 63) / 64 * 64);
    std::vector<float> expected;
    const auto sum_of = [&](int64_t tile, int64_t lane, int64_t of) {
      float sum = 0;
      for (int64_t c = 0; c < IC; ++c)
        sum = added(sum, std::bit_cast<uint32_t>(v[static_cast<size_t>((c / 16 * tiles + tile) * 16 + c % 16)]),
                    std::bit_cast<uint32_t>(weights[c * of + lane]));
      return sum;
    };
    for (const kernels::PairKernels* kernels : all_kernels()) {
      const int64_t of = 2 * kernels::table(kernels->isa).width;
      std::vector<float> m(static_cast<size_t>(tiles * of));
      {
        const FlushDenormals as_in_a_run;
        kernels->products({.v = v.data(),
                           .pitch = 16 * tiles,
                           .w = weights,
                           .m = m.data(),
                           .tiles = tiles,
                           .IC = IC,
                           .vectors = 2,
                           .next = weights});
      }
      size_t different = 0;
      for (int64_t tile = 0; tile < tiles; ++tile)
        for (int64_t lane = 0; lane < of; ++lane)
          different += !same(m[static_cast<size_t>(tile * of + lane)], sum_of(tile, lane, of));
      CAPTURE(span);
      CAPTURE(name(kernels->isa));
      CHECK(different == 0);
    }
  }
}

TEST_CASE("pairs: choices do not see whether the processor has the instruction") {
  for (const kernels::PairKernels* kernels : all_kernels())
    CHECK(kernels->pixels == kernels::table(kernels->isa).pixels);
}

TEST_CASE("pairs: rounding is to the nearest, to even between two, denormals are zeros and NaN stays one") {
  std::vector<float> x = {0.0f, -0.0f, 1.0f, 1e-40f, -1e-40f, 3.4e38f, -3.4e38f, INFINITY, -INFINITY, NAN};
  for (uint32_t bits = 0; bits < 0x7f900000; bits += 0x7fff) {  // halves of the distance and what lies beside them
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  for (const kernels::PairKernels* kernels : all_kernels()) {
    std::vector<uint16_t> y(x.size());
    {
      const FlushDenormals as_in_a_run;
      kernels->round(x.data(), y.data(), static_cast<int64_t>(x.size()));
    }
    size_t different = 0;
    for (size_t i = 0; i < x.size(); ++i) different += y[i] != nearest(x[i]);
    CAPTURE(name(kernels->isa));
    CHECK(different == 0);
  }
}

TEST_CASE("pairs: panels have channels side by side, two in a word, and zeros in the rest of half a line") {
  std::vector<float> x(3 * 90);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 97) + 1;
  for (int64_t first : {0, 16, 32, 48})
    for (int64_t channels : {1, 2, 15, 16, 17, 33, 50}) {
      constexpr int64_t pixels = 3, pitch = 4 * 16;
      for (const kernels::PairKernels* kernels : all_kernels()) {
        std::vector<float> panel(5 * pitch, std::bit_cast<float>(0x7fc17fc1u));
        kernels->pack({.x = x.data(),
                       .stride = 90,
                       .first = first,
                       .channels = channels,
                       .panel = panel.data(),
                       .pitch = pitch,
                       .pixels = pixels});
        size_t wrong = 0;
        for (int64_t p = 0; p < pixels; ++p)
          for (int64_t c = 0; c < 5 * 32; ++c) {
            const float word = panel[static_cast<size_t>(c / 32 * pitch + p * 16 + c % 32 / 2)];
            const uint32_t bits = std::bit_cast<uint32_t>(word) >> (c % 2 * 16) & 0xffff;
            const bool inside = c >= first && c < first + channels;
            const bool beside = c >= first + channels && c < first + (channels + 15) / 16 * 16;
            const uint32_t wanted = inside ? nearest(x[static_cast<size_t>(p * 90 + c - first)]) : beside ? 0 : 0x7fc1;
            wrong += bits != wanted;
          }
        CAPTURE(first);
        CAPTURE(channels);
        CAPTURE(name(kernels->isa));
        CHECK(wrong == 0);
      }
    }
}
