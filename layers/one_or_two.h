#pragma once
#include <concepts>

namespace upconv {

/// An argument for height and width: one for both, or {height, width}. Unlike a Pair it remembers which, as PyTorch
/// prints some arguments as they were given.
template <class T>
struct OneOrTwo {
  T h;       ///< for the height
  T w;       ///< for the width
  bool one;  ///< whether it was given as one for both
  /// `both` for both.
  template <std::convertible_to<T> Both>
  constexpr OneOrTwo(Both both) : h(static_cast<T>(both)), w(static_cast<T>(both)), one(true) {}
  /// One for each.
  constexpr OneOrTwo(T h, T w) : h(h), w(w), one(false) {}
};

}  // namespace upconv
