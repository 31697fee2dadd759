#pragma once
#include <concepts>

namespace upconv {

/// An argument for height and width: one for both, or {height, width}. Unlike a Pair it remembers which, as PyTorch
/// prints some arguments as they were given.
template <class T>
struct OneOrTwo {
  T h, w;
  bool one;
  template <std::convertible_to<T> Both>
  constexpr OneOrTwo(Both both) : h(static_cast<T>(both)), w(static_cast<T>(both)), one(true) {}
  constexpr OneOrTwo(T h, T w) : h(h), w(w), one(false) {}
};

}  // namespace upconv
