#pragma once
// bfloat16 bit by bit, for tests of what computes with it.
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "framework/denormals.h"

namespace upconv::testing {

/// As in a run: denormals count as zero.
using internal::FlushDenormals;

inline float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

/// The two bfloat16 of a word.
inline float odd(uint32_t word) { return flushed(std::bit_cast<float>(word & 0xffff0000)); }
inline float even(uint32_t word) { return flushed(std::bit_cast<float>(word << 16)); }

/// The nearest bfloat16, by the distances to the two that it lies between.
inline uint16_t nearest(float x) {
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

inline bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

/// Words whose halves have exponents within `span` of 1, or, for a span of 0, are any bits at all.
inline std::vector<float> words(std::mt19937& engine, size_t count, int span) {
  const auto half = [&]() -> uint32_t {
    if (span == 0) return engine() & 0xffff;
    const auto exponent = static_cast<uint32_t>(127 - span + static_cast<int>(engine() % (2 * span + 1)));
    return (engine() & 1) << 15 | exponent << 7 | (engine() & 127);
  };
  std::vector<float> all(count);
  for (float& word : all) word = std::bit_cast<float>(half() << 16 | half());
  return all;
}

}  // namespace upconv::testing
