// Kernels on pairs of bfloat16: one formula, whose bits the model and the instruction have.
#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "layers/kernels/kernels.h"
#include "tests/layers/bfloat16_cases.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// What one multiply-add of pairs must be.
float added(float sum, uint32_t a, uint32_t b) {
  sum = flushed(std::fma(odd(a), odd(b), flushed(sum)));
  return flushed(std::fma(even(a), even(b), sum));
}

/// Each of the kernels with floats and with what is stored as bfloat16.
std::vector<std::pair<const kernels::PairKernels*, bool>> each_with_both(
    const std::vector<const kernels::PairKernels*>& all) {
  std::vector<std::pair<const kernels::PairKernels*, bool>> both;
  for (const kernels::PairKernels* kernels : all)
    for (bool stored : {false, true}) both.emplace_back(kernels, stored);
  return both;
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
    for (const kernels::PairKernels* kernels : kernels::pair_kernels()) {
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

TEST_CASE("pairs: rounding is to the nearest, to even between two, denormals are zeros and NaN stays one") {
  std::vector<float> x = {0.0f, -0.0f, 1.0f, 1e-40f, -1e-40f, 3.4e38f, -3.4e38f, INFINITY, -INFINITY, NAN};
  for (uint32_t bits = 0; bits < 0x7f900000; bits += 0x7fff) {  // halves of the distance and what lies beside them
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  for (Isa isa : available_isas()) {
    std::vector<uint16_t> y(x.size());
    {
      const FlushDenormals as_in_a_run;
      kernels::table(isa).round(x.data(), y.data(), static_cast<int64_t>(x.size()));
    }
    size_t different = 0;
    for (size_t i = 0; i < x.size(); ++i) different += y[i] != nearest(x[i]);
    CAPTURE(name(isa));
    CHECK(different == 0);
  }
}

TEST_CASE("pairs: panels have channels side by side, two in a word, and zeros in the rest of half a line") {
  std::vector<float> x(3 * 90);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 97) + 1;
  std::vector<uint16_t> stored_x(x.size());
  std::transform(x.begin(), x.end(), stored_x.begin(), nearest);
  for (int64_t first : {0, 16, 32, 48})
    for (int64_t channels : {1, 2, 15, 16, 17, 33, 50, 64}) {
      constexpr int64_t pixels = 3, pitch = 4 * 16;
      for (const auto& [kernels, stored] : each_with_both(kernels::pair_kernels())) {
        std::vector<float> panel(5 * pitch, std::bit_cast<float>(0x7fc17fc1u));
        kernels->pack({.x = stored ? static_cast<const void*>(stored_x.data()) : x.data(),
                       .stride = 90,
                       .first = first,
                       .channels = channels,
                       .panel = panel.data(),
                       .pitch = pitch,
                       .pixels = pixels,
                       .stored = stored});
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
        CAPTURE(stored);
        CAPTURE(name(kernels->isa));
        CHECK(wrong == 0);
      }
    }
}

TEST_CASE("pairs: pixels are added and rounded as by the tables of floats, denormals and NaN too") {
  std::mt19937 engine(3);
  constexpr int64_t pixels = 7, channels = 75, stride = 80;
  for (int span : {2, 75, 0}) {
    const std::vector<float> x = words(engine, pixels * stride, span), added = words(engine, channels, span);
    for (const kernels::Activation& act : {kernels::Activation{}, kernels::Activation{kernels::Activation::relu},
                                           kernels::Activation{kernels::Activation::tanh}})
      for (const kernels::PairKernels* kernels : kernels::pair_kernels())
        for (int64_t of : {int64_t{5}, int64_t{16}, int64_t{32}, channels}) {
          std::vector<uint16_t> expected(pixels * stride, 1), got = expected;
          const FlushDenormals as_in_a_run;
          kernels::table(kernels->isa)
              .add_pixels({x.data(), stride, added.data(), 0, expected.data(), stride, true, pixels, of}, act);
          kernels->add_pixels({x.data(), stride, added.data(), 0, got.data(), stride, true, pixels, of}, act);
          CAPTURE(span);
          CAPTURE(of);
          CAPTURE(name(kernels->isa));
          CHECK(got == expected);
        }
  }
}
