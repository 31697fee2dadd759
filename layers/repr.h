#pragma once
// Internal: values as Python prints them, for extra_repr().
#include <fmt/format.h>

#include <string>

#include "integer_or_number.h"
#include "one_or_two.h"

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

/// One value for both, or a tuple, of what `print` makes of each.
template <class T, class Print>
std::string python(const OneOrTwo<T>& given, Print print) {
  return given.one ? print(given.h) : fmt::format("({}, {})", print(given.h), print(given.w));
}
inline std::string python(const OneOrTwo<int64_t>& given) {
  return python(given, [](int64_t value) { return std::to_string(value); });
}

}  // namespace upconv::internal
