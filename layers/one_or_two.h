#pragma once
#include <concepts>
#include <optional>
#include <utility>

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

/// The same where it may be left out: nothing, one for both, or {height, width}.
template <class T>
struct MaybeOneOrTwo : std::optional<OneOrTwo<T>> {
  /// Nothing.
  constexpr MaybeOneOrTwo() = default;
  /// What there is of it.
  constexpr MaybeOneOrTwo(std::optional<OneOrTwo<T>> some) : std::optional<OneOrTwo<T>>(std::move(some)) {}
  /// What was given.
  constexpr MaybeOneOrTwo(OneOrTwo<T> given) : std::optional<OneOrTwo<T>>(given) {}
  /// `both` for both.
  template <std::convertible_to<T> Both>
  constexpr MaybeOneOrTwo(Both both) : std::optional<OneOrTwo<T>>(OneOrTwo<T>(both)) {}
  /// One for each.
  constexpr MaybeOneOrTwo(T h, T w) : std::optional<OneOrTwo<T>>(OneOrTwo<T>(h, w)) {}
};

}  // namespace upconv
