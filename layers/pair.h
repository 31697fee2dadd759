#pragma once
#include <cstdint>
#include <string>

namespace upconv {

/// A size for height and width: one number for both, or {height, width}.
struct Pair {
  int64_t h;  ///< for the height
  int64_t w;  ///< for the width
  /// `both` for both.
  constexpr Pair(int64_t both) : h(both), w(both) {}
  /// One for each.
  constexpr Pair(int64_t h, int64_t w) : h(h), w(w) {}
  /// Whether both numbers are equal.
  bool operator==(const Pair&) const = default;
};

/// As Python prints a tuple: "(4, 4)".
[[nodiscard]] inline std::string str(const Pair& pair) {
  return std::string("(").append(std::to_string(pair.h)).append(", ").append(std::to_string(pair.w)).append(")");
}

}  // namespace upconv
