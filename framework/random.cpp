#include "framework/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "framework/fail.h"
#include "framework/philox.h"
#include "framework/processor.h"

// PyTorch has two ways to a normal value: below 16 elements one double Box-Muller pair at a time, from 16 on blocks of
// 16 floats whose logarithm, sine and cosine are the single-precision polynomials of Cephes (S. Moshier) as avx_mathfun
// (G. Garberoglio, after J. Pommier's sse_mathfun) arranges them. Both are repeated here step by step: which steps are
// fused decides the last bit, so those that are say std::fma, and -ffp-contract=off keeps the others apart.

namespace upconv {

using namespace internal;

namespace {

constexpr int64_t block_size = 16;
constexpr int half_block = block_size / 2;

/// A uniform of [0, 1) from the low 24 bits, as many as a float's significand holds.
float to_uniform(uint32_t bits) { return static_cast<float>(static_cast<int32_t>(bits & 0xFFFFFF)) * 0x1p-24f; }

/// log(x) for normal x > 0. Choices are made with bits, here and below, because that is what compilers vectorise.
[[gnu::always_inline]] inline float cephes_log(float x) {
  const int32_t bits = std::bit_cast<int32_t>(x);
  // x = m * 2^e with m in [0.5, 1), then in [sqrt(1/2), sqrt(2)).
  const int32_t m_bits = (bits & 0x007FFFFF) | 0x3F000000;
  const int32_t low = -static_cast<int32_t>(m_bits < std::bit_cast<int32_t>(0.707106781186547524f));
  const float e = static_cast<float>((bits >> 23) - 126 + low);
  float m = std::bit_cast<float>(m_bits);
  m = (m - 1.0f) + std::bit_cast<float>(m_bits & low);
  const float z = m * m;
  float y = 7.0376836292e-2f;
  y = std::fma(y, m, -1.1514610310e-1f);
  y = std::fma(y, m, 1.1676998740e-1f);
  y = std::fma(y, m, -1.2420140846e-1f);
  y = std::fma(y, m, 1.4249322787e-1f);
  y = std::fma(y, m, -1.6668057665e-1f);
  y = std::fma(y, m, 2.0000714765e-1f);
  y = std::fma(y, m, -2.4999993993e-1f);
  y = std::fma(y, m, 3.3333331174e-1f);
  y *= m;
  y = std::fma(y, z, e * -2.12194440e-4f);
  y = std::fma(-z, 0.5f, y);
  return std::fma(e, 0.693359375f, m + y);  // the two parts of e * log(2), the small one first
}

/// sin(x) and cos(x) for x >= 0.
[[gnu::always_inline]] inline void cephes_sincos(float x, float& sine, float& cosine) {
  const uint32_t j = static_cast<uint32_t>(static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1u;
  const float octants = static_cast<float>(static_cast<int32_t>(j));
  x = std::fma(octants, -0.78515625f, x);  // x - j * pi/4, with pi/4 in three parts
  x = std::fma(octants, -2.4187564849853515625e-4f, x);
  x = std::fma(octants, -3.77489497744594108e-8f, x);
  const float z = x * x;

  float a = 2.443315711809948e-5f;
  a = std::fma(a, z, -1.388731625493765e-3f);
  a = std::fma(a, z, 4.166664568298827e-2f);
  a *= z;
  a = std::fma(a, z, -(z * 0.5f)) + 1.0f;

  float w = -1.9515295891e-4f;
  w = std::fma(w, z, 8.3321608736e-3f);
  w = std::fma(w, z, -1.6666654611e-1f);
  w *= z;
  w = std::fma(w, x, x);

  // Odd quadrants swap the two; the signs are those of the quadrant.
  const uint32_t swap = 0u - ((j >> 1) & 1u);
  const uint32_t a_bits = std::bit_cast<uint32_t>(a), w_bits = std::bit_cast<uint32_t>(w);
  const uint32_t change = (a_bits ^ w_bits) & swap;
  sine = std::bit_cast<float>((w_bits ^ change) ^ ((j & 4u) << 29));
  cosine = std::bit_cast<float>((a_bits ^ change) ^ ((~(j - 2u) & 4u) << 29));
}

/// Turns blocks of 16 uniforms into normal values: element j of a block pairs with element j + 8. One loop
/// each for logarithm, root and sine, so that the eight lanes of the outer two become vectors.
[[gnu::always_inline]] inline void box_muller(float* d, int64_t blocks) {
  constexpr float two_pi = 2 * std::numbers::pi_v<float>;
  for (; blocks > 0; --blocks, d += block_size) {
    float radius[half_block];
    for (int j = 0; j < half_block; ++j) radius[j] = -2.0f * cephes_log(1.0f - d[j]);
    for (int j = 0; j < half_block; ++j) radius[j] = std::sqrt(radius[j]);
    for (int j = 0; j < half_block; ++j) {
      float sine, cosine;
      cephes_sincos(two_pi * d[j + half_block], sine, cosine);
      d[j] = radius[j] * cosine + 0.0f;  // PyTorch adds the mean: -0 becomes 0
      d[j + half_block] = radius[j] * sine + 0.0f;
    }
  }
}

#if defined(__x86_64__)
/// The same arithmetic where the fused step is an instruction: on the x86-64 baseline it is a call, many times slower.
[[gnu::target("avx2,fma")]] void box_muller_fma(float* d, int64_t blocks) { box_muller(d, blocks); }
#endif

void normal_blocks(float* uniforms, int64_t blocks) {
#if defined(__x86_64__)
  static const bool has_fma = processor().avx2 && processor().fma;
  if (has_fma) return box_muller_fma(uniforms, blocks);
#endif
  box_muller(uniforms, blocks);
}

/// Uniforms begin..begin+15 of an image's endless row; counter (j / 4 low, high, image low, high) gives four of them.
void picture_uniforms(uint64_t seed, uint64_t image, uint64_t begin, float* sixteen) {
  const auto low = [](uint64_t word) { return static_cast<uint32_t>(word); };
  const auto high = [](uint64_t word) { return static_cast<uint32_t>(word >> 32); };
  for (uint64_t j = 0; j < block_size; j += 4) {
    const uint64_t index = (begin + j) / 4;
    const auto words = philox4x32_10({low(index), high(index), low(image), high(image)}, {low(seed), high(seed)});
    std::transform(words.begin(), words.end(), sixteen + j, to_uniform);
  }
}

}  // namespace

void Random::manual_seed(uint64_t seed) {
  engine_.seed(static_cast<uint32_t>(seed));
  cached_.reset();
}

float Random::uniform() { return to_uniform(bits()); }

double Random::uniform_double() {
  const uint64_t high = bits();
  const uint64_t low = bits();
  return static_cast<double>((high << 32 | low) & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

double Random::normal_double() {
  if (cached_) {
    const double value = *cached_;
    cached_.reset();
    return value;
  }
  const double u1 = uniform_double();
  const double u2 = uniform_double();
  const double radius = std::sqrt(-2.0 * std::log1p(-u2));
  const double theta = 2.0 * std::numbers::pi * u1;
  cached_ = radius * std::sin(theta);
  return radius * std::cos(theta);
}

Tensor Random::randn(Shape shape) {
  Tensor result(std::move(shape));
  const std::span<float> values(result.data(), static_cast<size_t>(result.numel()));
  if (result.numel() < block_size) {
    for (float& value : values) value = static_cast<float>(normal_double());
    return result;
  }
  for (float& value : values) value = uniform();
  normal_blocks(values.data(), result.numel() / block_size);
  if (result.numel() % block_size != 0) {  // the rest is no block: the last 16 values are made anew
    const std::span<float> last = values.last(block_size);
    for (float& value : last) value = uniform();
    normal_blocks(last.data(), 1);
  }
  return result;
}

NormalStream::NormalStream(uint64_t seed, int64_t count) : random_(seed), count_(count) {
  if (count < 0) fail("NormalStream expected a count of at least 0, got {}", count);
}

void NormalStream::next(std::span<float> out) {
  const int64_t left = count_ - made_ + (end_ - begin_);
  if (static_cast<uint64_t>(left) < out.size())
    fail("NormalStream of {} values has {} left, {} were asked for", count_, left, out.size());
  while (!out.empty()) {
    if (begin_ == end_) refill();
    const auto piece = std::min(out.size(), static_cast<size_t>(end_ - begin_));
    std::copy_n(buffer_ + begin_, piece, out.begin());
    begin_ += static_cast<int64_t>(piece);
    out = out.subspan(piece);
  }
}

/// Makes the next values, up to 16. Where `count` is no multiple of 16, randn makes its last 16 values from uniforms
/// that follow all others: the block that reaches into them gives its front only, and what it never got is skipped.
void NormalStream::refill() {
  begin_ = 0;
  if (count_ < block_size) {
    end_ = 1;
    buffer_[0] = static_cast<float>(random_.normal_double());
  } else {
    const int64_t tail = count_ % block_size;
    const int64_t left = count_ - made_;
    const bool last = tail != 0 && left == block_size;
    end_ = tail == 0 || last ? block_size : std::min(block_size, left - block_size);
    for (int64_t skipped = 0; last && skipped < tail; ++skipped) random_.uniform();
    for (float& value : buffer_) value = random_.uniform();
    normal_blocks(buffer_, 1);
  }
  made_ += end_;
}

Tensor randn(Shape shape, uint64_t seed) { return Random(seed).randn(std::move(shape)); }

Tensor latents(uint64_t seed, int64_t first, int64_t count, Shape shape) {
  if (first < 0 || count < 0) fail("latents expected first and count of at least 0, got {} and {}", first, count);
  const int64_t size = numel(shape);
  shape.insert(shape.begin(), count);
  Tensor result(std::move(shape));
  float* out = result.data();
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t image = static_cast<uint64_t>(first) + static_cast<uint64_t>(i);
    for (int64_t begin = 0; begin < size; begin += block_size) {
      float block[block_size];
      picture_uniforms(seed, image, static_cast<uint64_t>(begin), block);
      normal_blocks(block, 1);
      out = std::copy_n(block, std::min(block_size, size - begin), out);
    }
  }
  return result;
}

}  // namespace upconv
