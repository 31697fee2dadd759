#pragma once
#include <cstdint>
#include <variant>

namespace upconv {

/// An argument that Python prints as it was given: 1 or 1.0.
using IntegerOrNumber = std::variant<int64_t, double>;

namespace internal {

/// What it stands for.
inline double number(const IntegerOrNumber& given) {
  return std::visit([](auto value) { return static_cast<double>(value); }, given);
}

}  // namespace internal
}  // namespace upconv
