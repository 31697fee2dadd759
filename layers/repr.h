#pragma once
// Internal: values as Python prints them, for extra_repr().
#include <fmt/format.h>

#include <string>

#include "integer_or_number.h"

namespace upconv::internal {

/// "True" or "False".
inline const char* python(bool value) { return value ? "True" : "False"; }

/// The shortest digits that read back as `value`, with a point or an exponent: "1.0", "1e-05".
inline std::string python(double value) {
  std::string digits = fmt::format("{}", value);
  return digits.find_first_of(".en") == std::string::npos ? digits + ".0" : digits;
}

/// As it was given: "1" or "1.0".
inline std::string python(const IntegerOrNumber& given) {
  const auto* integer = std::get_if<int64_t>(&given);
  return integer ? std::to_string(*integer) : python(std::get<double>(given));
}

}  // namespace upconv::internal
