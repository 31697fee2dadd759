#include "framework/weights/convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "framework/fail.h"

namespace upconv::internal {
namespace {

/// The bits of a 16-bit format: a sign, then an exponent that is never less than `least_exponent`, then
/// `fraction_bits`.
template <int fraction_bits, int least_exponent>
struct Half {
  uint16_t bits = 0;

  explicit Half(double value) {
    constexpr uint16_t infinity = 0x7fff >> fraction_bits << fraction_bits;
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    const double magnitude = std::abs(value);
    if (std::isnan(value)) {
      bits = sign | infinity | 1 << (fraction_bits - 1);
    } else if (std::isinf(value)) {
      bits = sign | infinity;
    } else {
      // In units of the last place, a whole number; one more bit in front of the fraction counts the exponent up.
      const int exponent = magnitude == 0 ? least_exponent : std::max(std::ilogb(magnitude), least_exponent);
      const int64_t units = std::llrint(std::ldexp(magnitude, fraction_bits - exponent));
      const int64_t number = (int64_t{exponent - least_exponent} << fraction_bits) + units;
      bits = static_cast<uint16_t>(sign | std::min<int64_t>(number, infinity));
    }
  }
  bool is_infinite() const { return (bits & 0x7fff) == (0x7fff >> fraction_bits << fraction_bits); }
};
using Float16 = Half<10, -14>;
using BFloat16 = Half<7, -126>;

bool is_infinite(float value) { return std::isinf(value); }
bool is_infinite(double value) { return std::isinf(value); }
template <int fraction_bits, int least_exponent>
bool is_infinite(Half<fraction_bits, least_exponent> value) {
  return value.is_infinite();
}

std::vector<double> doubles(const Stored& stored) {
  std::vector<double> values(static_cast<size_t>(numel(stored.shape)));
  if (stored.dtype == DType::float64) {
    std::memcpy(values.data(), stored.bytes.data(), stored.bytes.size());
  } else {
    const Tensor floats = stored.to_tensor();
    std::copy_n(floats.data(), values.size(), values.begin());
  }
  return values;
}

template <class To>
Stored as(const Stored& stored, DType dtype, const std::string& name) {
  auto bytes = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(numel(stored.shape)) * sizeof(To));
  std::byte* out = bytes->data();
  for (const double value : doubles(stored)) {
    const To rounded = To(value);
    if (is_infinite(rounded) && !std::isinf(value))
      fail("{}: {} is beyond the range of {}", name, value, upconv::name(dtype));
    std::memcpy(out, &rounded, sizeof(To));
    out += sizeof(To);
  }
  return {dtype, stored.shape, *bytes, bytes};
}

}  // namespace

Stored converted(const Stored& stored, DType dtype, const std::string& name) {
  switch (dtype) {
    case DType::float64:
      return as<double>(stored, dtype, name);
    case DType::float32:
      return as<float>(stored, dtype, name);
    case DType::float16:
      return as<Float16>(stored, dtype, name);
    case DType::bfloat16:
      return as<BFloat16>(stored, dtype, name);
    default:
      fail("{}: expected a floating-point type to convert to, got {}", name, upconv::name(dtype));
  }
}

}  // namespace upconv::internal
