#include "framework/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "framework/error.h"
#include "framework/philox.h"
#include "framework/weights/state_dict.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::internal;

namespace {

bool same_bits(const float* a, const float* b, int64_t count) {
  return count == 0 || std::memcmp(a, b, static_cast<size_t>(count) * sizeof(float)) == 0;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && same_bits(a.data(), b.data(), a.numel());
}

/// The whole stream, taken `piece` values at a time.
std::vector<float> drain(uint64_t seed, int64_t count, int64_t piece) {
  std::vector<float> all(static_cast<size_t>(count));
  NormalStream stream(seed, count);
  std::span<float> left = all;
  while (!left.empty()) {
    const size_t taken = std::min(left.size(), static_cast<size_t>(piece));
    stream.next(left.first(taken));
    left = left.subspan(taken);
  }
  return all;
}

const StateDict& golden() {
  static const StateDict file = load_state_dict(std::filesystem::path(UPCONV_GOLDEN) / "randn.safetensors");
  return file;
}

}  // namespace

TEST_CASE("randn is PyTorch's, bit for bit") {
  int compared = 0;
  for (const auto& [name, stored] : golden()) {
    unsigned long long seed = 0, count = 0;
    if (std::sscanf(name.c_str(), "s%llu.n%llu", &seed, &count) != 2) continue;
    CAPTURE(name);
    CHECK(same_bits(randn({static_cast<int64_t>(count)}, seed), stored.to_tensor()));
    ++compared;
  }
  CHECK(compared == 4 * 12);
}

TEST_CASE("consecutive randn calls continue the stream as PyTorch's do") {
  Random random(3);
  const std::vector<int64_t> counts = {3, 5, 20, 1, 16, 7, 2, 40};
  for (size_t i = 0; i < counts.size(); ++i) {
    CAPTURE(i);
    CHECK(same_bits(random.randn({counts[i]}), golden().at("sequence." + std::to_string(i)).to_tensor()));
  }
}

TEST_CASE("randn fills a shape in row-major order") {
  const Tensor z = randn({2, 5, 3, 1}, 7);
  CHECK(z.shape() == Shape{2, 5, 3, 1});
  CHECK(same_bits(z.data(), randn({30}, 7).data(), 30));
  CHECK(randn({0, 4}, 7).numel() == 0);
  CHECK_THROWS_AS(randn({-1}, 7), Error);
}

TEST_CASE("only the low 32 bits of a seed count, and seeding again starts again") {
  CHECK(same_bits(randn({40}, 5), randn({40}, (uint64_t{9} << 32) + 5)));
  Random random(5);
  (void)random.randn({3});  // leaves a cached value
  random.manual_seed(5);
  CHECK(same_bits(random.randn({3}), randn({3}, 5)));
}

TEST_CASE("a stream is randn, however it is cut") {
  for (int64_t count = 0; count <= 200; ++count) {
    CAPTURE(count);
    const Tensor whole = randn({count}, 11);
    for (int64_t piece : {1, 3, 7, 16, 17, 100, 200}) {
      CAPTURE(piece);
      CHECK(same_bits(drain(11, count, piece).data(), whole.data(), count));
    }
  }
  for (int64_t count : {6400, 6403, 100000, 99999}) {
    CAPTURE(count);
    CHECK(same_bits(drain(12, count, 800).data(), randn({count}, 12).data(), count));
  }
}

TEST_CASE("a stream ends") {
  CHECK_THROWS_WITH_AS(NormalStream(0, -1), "NormalStream expected a count of at least 0, got -1", Error);
  NormalStream stream(0, 20);
  std::vector<float> values(18);
  stream.next(values);
  CHECK_THROWS_WITH_AS(stream.next(values), "NormalStream of 20 values has 2 left, 18 were asked for", Error);
  stream.next(std::span(values).first(2));  // a refused call takes nothing
  CHECK(same_bits(values.data(), randn({20}, 0).data() + 18, 2));
  stream.next({});
}

TEST_CASE("Philox4x32-10 gives Random123's published answers") {
  using Words = std::array<uint32_t, 4>;
  constexpr uint32_t all_ones = 0xffffffff;
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32_10({all_ones, all_ones, all_ones, all_ones}, {all_ones, all_ones}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a sharded latent is a function of seed, image and element") {
  const Tensor all = latents(3, 0, 12, {25, 2});
  CHECK(all.shape() == Shape{12, 25, 2});
  const Tensor shard = latents(3, 5, 4, {25, 2});
  CHECK(same_bits(shard.data(), all.data() + 5 * 50, 4 * 50));
  const Tensor wider = latents(3, 7, 1, {64});
  CHECK(same_bits(wider.data(), all.data() + 7 * 50, 50));

  CHECK_FALSE(same_bits(all.data(), all.data() + 50, 50));
  const int64_t far = int64_t{1} << 32;
  CHECK_FALSE(same_bits(latents(3, far, 1, {50}).data(), all.data(), 50));
  CHECK_FALSE(same_bits(latents(3 + far, 0, 1, {50}).data(), all.data(), 50));

  CHECK(latents(3, std::numeric_limits<int64_t>::max(), 1, {100}).numel() == 100);
  CHECK_THROWS_AS(latents(3, -1, 1, {1}), Error);
  CHECK_THROWS_AS(latents(3, 0, -1, {1}), Error);
}

TEST_CASE("sharded latents keep their bits from release to release") {
  // Counters by hand: the block transform pairs uniform j with j + 8, and words j / 4 come from counter (j / 4, 0, 6,
  // 0).
  const Tensor z = latents(9, 6, 1, {16});
  for (uint32_t j = 0; j < 8; ++j) {
    const auto uniform = [](uint32_t i) {
      return (philox4x32_10({i / 4, 0, 6, 0}, {9, 0})[i % 4] & 0xFFFFFF) * 0x1p-24;
    };
    const double radius = std::sqrt(-2 * std::log(1 - uniform(j)));
    const double theta = 2 * 3.14159265358979323846 * uniform(j + 8);
    CHECK(std::abs(z.data()[j] - radius * std::cos(theta)) <= testing::tolerance(3, radius));
    CHECK(std::abs(z.data()[j + 8] - radius * std::sin(theta)) <= testing::tolerance(3, radius));
  }
}

TEST_CASE("sharded latents are standard normal") {
  const Tensor z = latents(1, 0, 10000, {100});
  double sum = 0, squares = 0, fourth = 0;
  for (int64_t i = 0; i < z.numel(); ++i) {
    const double v = z.data()[i];
    sum += v;
    squares += v * v;
    fourth += v * v * v * v;
  }
  const double n = static_cast<double>(z.numel());
  // Five standard errors: the variances of v, v * v and v to the fourth are 1, 2 and 96.
  CHECK(std::abs(sum / n) < 5 * std::sqrt(1 / n));
  CHECK(std::abs(squares / n - 1) < 5 * std::sqrt(2 / n));
  CHECK(std::abs(fourth / n - 3) < 5 * std::sqrt(96 / n));
}
