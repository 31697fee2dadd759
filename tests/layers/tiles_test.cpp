// Kernels of matrix tiles: the processor's, where it has them, and the model's keep one formula, bit for bit.
#include "layers/kernels/tiles.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "tests/layers/bfloat16_cases.h"
#include "tests/reference/tile_model.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace upconv::kernels {
extern const TileKernels amx_table;
}

namespace {

using kernels::most_parts, kernels::tile_channels, kernels::tile_lanes, kernels::tile_lines, kernels::tile_words;

bool has_tiles() {
  const std::vector<Isa>& all = available_isas();
  return std::find(all.begin(), all.end(), Isa::amx) != all.end();
}

/// The kernels whose products this machine can run.
std::vector<const kernels::TileKernels*> multiplying() {
  static const std::vector<const kernels::TileKernels*> all = [] {
    std::vector<const kernels::TileKernels*> found = {&reference::tile_model()};
    if (has_tiles())
      found.push_back(kernels::tile_kernels(Isa::amx));
    else
      MESSAGE("this machine has no tiles: the model alone");
    return found;
  }();
  return all;
}

/// What one product of tiles must make of a sum: pairs of `x` and `w`, those of `w` an output's.
float added(float sum, const float* x, const float* w) {
  float of_even = 0, of_odd = 0;
  for (int64_t k = 0; k < tile_lines; ++k) {
    const auto a = std::bit_cast<uint32_t>(x[k]), b = std::bit_cast<uint32_t>(w[k * tile_lanes]);
    of_even = flushed(std::fma(even(a), even(b), of_even));
    of_odd = flushed(std::fma(odd(a), odd(b), of_odd));
  }
  return flushed(flushed(sum) + flushed(of_even + of_odd));
}

/// The parts of x and of w that are multiplied with one another, in the order of the kernel.
std::vector<std::array<int32_t, 2>> products_of(int32_t parts) {
  if (parts == 1) return {{0, 0}};
  if (parts == 2) return {{0, 1}, {0, 0}, {1, 0}};
  return {{0, 2}, {0, 1}, {0, 0}, {1, 0}, {1, 1}, {2, 0}};
}

/// Words at the beginning of a cache line.
class Aligned {
 public:
  explicit Aligned(const std::vector<float>& words) : memory_(words.size() + 16) {
    begin_ = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory_.data()) + 63) / 64 * 64);
    std::copy(words.begin(), words.end(), begin_);
  }
  const float* data() const { return begin_; }

 private:
  std::vector<float> memory_;
  float* begin_;
};

}  // namespace

TEST_CASE("tiles: every product has the bits of the formula, the processor's too") {
  constexpr int64_t blocks = 3, taps = 2, panel_lines = 88, next[] = {0, 19, 37, 62}, pitch = panel_lines * 16,
                    x_part = blocks * pitch;
  const int64_t used[] = {5 * 16, 0};
  std::mt19937 engine(1);
  for (int span : {2, 30, 63, 75})  // of 63 and more, products and sums are denormal
    for (int32_t parts = 1; parts <= most_parts; ++parts)
      for (int32_t lanes : {1, 2})
        for (int32_t lines = 1; lines <= (parts * lanes == 1 ? kernels::most_tiles_by_one : 2); ++lines) {
          const std::vector<float> x = words(engine, most_parts * x_part, span);
          const Aligned w(words(engine, static_cast<size_t>(taps * blocks * parts * lanes * tile_words), span));
          const int64_t y_line = lanes * tile_lanes + 3;
          const bool begins = lines == 2;  // with numbers of its own for each output, the same for all positions
          const std::vector<float> shift = words(engine, 2 * tile_lanes, 2);
          std::vector<float> expected(static_cast<size_t>(lines * tile_lines * y_line), -1.0f);
          for (int64_t p = 0; p < lines * tile_lines; ++p)
            for (int64_t n = 0; n < lanes * tile_lanes; ++n) {
              float sum = begins ? shift[static_cast<size_t>(n)] : 0;
              for (int64_t block = 0; block < blocks; ++block)
                for (int64_t tap = 0; tap < taps; ++tap)
                  for (const auto& [of_x, of_w] : products_of(parts))
                    sum =
                        added(sum,
                              x.data() + of_x * x_part + block * pitch + used[tap] +
                                  (p % tile_lines + next[p / tile_lines]) * 16,
                              w.data() + (((block * taps + tap) * parts + of_w) * lanes + n / tile_lanes) * tile_words +
                                  n % tile_lanes);
              expected[static_cast<size_t>(p * y_line + n)] = sum;
            }
          // All blocks at once, or the first and then the others, between which the sums lie in memory.
          for (int64_t first : {blocks, int64_t{1}})
            for (const kernels::TileKernels* tiles : multiplying()) {
              std::vector<float> y(expected.size(), -1.0f);
              kernels::TileProducts products = {.x = x.data(),
                                                .x_tiles = {next[0] * 16, next[1] * 16, next[2] * 16, next[3] * 16},
                                                .pitch = pitch,
                                                .x_part = x_part,
                                                .taps = used,
                                                .tap_count = taps,
                                                .blocks = first,
                                                .w = w.data(),
                                                .y = y.data(),
                                                .y_line = y_line,
                                                .lines = lines,
                                                .lanes = lanes,
                                                .parts = parts,
                                                .first = begins ? shift.data() : nullptr,
                                                .first_line = 0};
              {
                const FlushDenormals as_in_a_run;
                const kernels::ConfiguredTiles configured(*tiles);
                tiles->products(products);
                products.x += first * pitch;
                products.w += first * taps * parts * lanes * tile_words;
                products.blocks = blocks - first;
                products.first = y.data();
                products.first_line = y_line;
                if (first < blocks) tiles->products(products);
              }
              size_t different = 0;
              for (size_t i = 0; i < y.size(); ++i) different += !same(y[i], expected[i]);
              CAPTURE(span);
              CAPTURE(parts);
              CAPTURE(lines);
              CAPTURE(lanes);
              CAPTURE(first);
              CHECK(different == 0);
            }
        }
}

TEST_CASE("tiles: no taps give zeros") {
  for (const kernels::TileKernels* tiles : multiplying()) {
    std::vector<float> y(tile_words, 1.0f);
    const Aligned w({});
    const kernels::ConfiguredTiles configured(*tiles);
    tiles->products({.x = nullptr,
                     .x_tiles = {},
                     .pitch = 0,
                     .x_part = 0,
                     .taps = nullptr,
                     .tap_count = 0,
                     .blocks = 1,
                     .w = w.data(),
                     .y = y.data(),
                     .y_line = tile_lanes,
                     .lines = 1,
                     .lanes = 1,
                     .parts = 1,
                     .first = nullptr,
                     .first_line = 0});
    CHECK(std::count(y.begin(), y.end(), 0.0f) == tile_words);
  }
}

TEST_CASE("tiles: parts are roundings of what is left, and three of them are the float") {
  std::vector<float> x = {0.0f,     -0.0f,    1.0f,      1e-40f, -1e-40f, 3.4e38f,
                          -3.4e38f, INFINITY, -INFINITY, NAN,    1e-37f,  -2e-36f};
  for (uint32_t bits = 0; bits < 0x7f900000; bits += 0x7ffd) {  // halves of the distance and what lies beside them
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  x.resize(x.size() / 16 * 16);
  const auto pixels = static_cast<int64_t>(x.size() / 16);
  std::vector<const kernels::TileKernels*> all = {&reference::tile_model()};
#if defined(__x86_64__)
  if (bfloat16_instructions() != Bfloat16::none)
    all.push_back(&kernels::amx_table);  // which needs no tiles for this
  else
    MESSAGE("this machine has no AVX512_BF16: the model alone");
#endif
  for (const kernels::TileKernels* tiles : all)
    for (int32_t parts = 1; parts <= most_parts; ++parts) {
      const int64_t y_part = pixels * tile_channels;
      std::vector<uint16_t> y(static_cast<size_t>(parts * y_part), 0x7fc1);
      {
        const FlushDenormals as_in_a_run;
        tiles->split({.x = x.data(), .stride = 16, .pixels = pixels, .y = y.data(), .y_part = y_part, .parts = parts});
      }
      size_t wrong = 0, inexact = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        float left = x[i], sum = 0;
        for (int32_t part = 0; part < parts; ++part) {
          const uint16_t got = y[static_cast<size_t>(part) * static_cast<size_t>(y_part) + i / 16 * 32 + i % 16];
          const bool cut = parts > 1 && part == 0 && std::isfinite(x[i]) && (nearest(x[i]) & 0x7fff) == 0x7f80;
          wrong += got != (cut ? std::bit_cast<uint32_t>(x[i]) >> 16 : nearest(left));
          const float value = std::bit_cast<float>(uint32_t{got} << 16);
          left = std::isfinite(x[i]) ? flushed(flushed(left) - value) : 0.0f;
          sum += value;
        }
        if (parts == most_parts && std::isfinite(x[i]) && std::abs(x[i]) > 0x1p-102f) inexact += sum != x[i];
      }
      CAPTURE(parts);
      CHECK(wrong == 0);
      CHECK(inexact == 0);
      for (size_t p = 0; p < static_cast<size_t>(pixels); ++p) CHECK(y[p * 32 + 16] == 0x7fc1);
    }
}

TEST_CASE("tiles: planes have the parts that their pixels have, and zeros beside the last channel") {
  std::mt19937 engine(2);
  std::vector<const kernels::TileKernels*> all = {&reference::tile_model()};
#if defined(__x86_64__)
  if (bfloat16_instructions() != Bfloat16::none) all.push_back(&kernels::amx_table);
#endif
  constexpr int64_t most = 37, plane = 41;
  for (const kernels::TileKernels* tiles : all)
    for (int32_t parts = 1; parts <= most_parts; ++parts)
      for (int32_t channels : {1, 5, 16})
        for (int64_t pixels : {1, 15, 16, 37}) {
          std::vector<float> x(static_cast<size_t>((channels - 1) * plane + pixels)), turned(most * 16, 0.0f);
          std::normal_distribution<float> normal;
          for (float& value : x) value = normal(engine);
          for (int64_t p = 0; p < pixels; ++p)
            for (int32_t c = 0; c < channels; ++c)
              turned[static_cast<size_t>(p * 16 + c)] = x[static_cast<size_t>(c * plane + p)];
          const int64_t y_part = (pixels + 1) * tile_channels;
          std::vector<uint16_t> got(static_cast<size_t>(parts * y_part), 0x7fc1), expected = got;
          {
            const FlushDenormals as_in_a_run;
            tiles->split({turned.data(), 16, pixels, expected.data(), y_part, parts});
            tiles->split_planes({{x.data(), plane, pixels, got.data(), y_part, parts}, channels});
          }
          CAPTURE(parts);
          CAPTURE(channels);
          CAPTURE(pixels);
          CHECK(got == expected);
        }
}

TEST_CASE("tiles: no instruction set but Isa::amx has any, unless a test lends them") {
  for (Isa isa : available_isas()) CHECK((kernels::tile_kernels(isa) != nullptr) == (isa == Isa::amx));
  {
    const reference::LentTileModel model;
    CHECK(kernels::tile_kernels(Isa::scalar) == &reference::tile_model());
  }
  CHECK(kernels::tile_kernels(Isa::scalar) == nullptr);
}
