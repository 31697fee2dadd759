#pragma once
// Internal: what many layers ask of their inputs and arguments, in the same words.
#include <span>
#include <string>
#include <string_view>

#include "../framework/fail.h"
#include "../framework/graph.h"
#include "one_or_two.h"

namespace upconv::internal {

/// Throws Error where a value is not float32.
inline void check_float(std::span<const Type> inputs) {
  for (const Type& x : inputs)
    if (x.dtype != DType::float32) fail("expected float32, got {}", upconv::name(x.dtype));
}
inline void check_float(const Type& x) { check_float(std::span(&x, 1)); }

/// Throws Error where a value is no picture of float32, (C, H, W) or (N, C, H, W).
inline void check_picture(const Type& x) {
  check_float(x);
  if (x.shape.size() != 3 && x.shape.size() != 4)
    fail("expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got {}", str(x.shape));
}
/// Throws Error where a value is no batch of pictures of float32, (N, C, H, W).
inline void check_pictures(const Type& x) {
  check_float(x);
  if (x.shape.size() != 4) fail("expected a 4-D input (N, C, H, W), got {}", str(x.shape));
}

/// A value has so many channels; throws Error where it has not.
inline void check_channels(int64_t expected, int64_t got, const Shape& shape) {
  if (expected != got) fail("expected {} channels, got {} in {}", expected, got, str(shape));
}

/// A picture's shape for messages: without its height where it is one of `rows`, (N, C, 1, L), which layers of one
/// dimension make of (N, C, L).
inline std::string shown(Shape picture, bool rows) {
  if (rows) picture.erase(picture.end() - 2);
  return str(picture);
}

/// As Graph::apply does for operations: what a function of values refuses begins with the module's path.
template <class... Arguments>
[[noreturn]] void refuse(const Value& x, fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  fail("{}{}", beginning(x.graph().path()), fmt::format(text, std::forward<Arguments>(arguments)...));
}
/// The same of what `check` throws.
template <class Check>
void check_at(const Value& x, Check check) {
  try {
    check();
  } catch (const Error& error) {
    refuse(x, "{}", error.what());
  }
}

/// How many channels `groups` of them have, with so many each. Throws Error where 63 bits cannot count them.
inline int64_t channels_of_all(int64_t groups, int64_t channels) {
  int64_t all = 0;
  if (__builtin_mul_overflow(groups, channels, &all))
    fail("expected fewer groups, got {} of {} channels each", groups, channels);
  return all;
}

/// `type`, whose elements 63 bits can count; throws Error where they cannot.
inline Type counted(Type type) {
  numel(type.shape);
  return type;
}

/// An argument for height and width is within these bounds; throws Error that names layer and argument where it is not.
inline void check_range(std::string_view layer, std::string_view argument, const OneOrTwo<int64_t>& value,
                        int64_t least, int64_t most) {
  for (int64_t v : {value.h, value.w})
    if (v < least || v > most)
      fail("{}: {} must be {} and at most {}, got {}", layer, argument, least > 0 ? "positive" : "at least 0", most, v);
}

/// An argument of a layer that must be 1 or more; throws Error that names both where it is not.
inline int64_t positive(std::string_view layer, std::string_view argument, int64_t value) {
  if (value < 1) fail("{}: {} must be positive, got {}", layer, argument, value);
  return value;
}
/// The same of sizes, of which there must be one at least.
inline const Shape& positive(std::string_view layer, std::string_view argument, const Shape& sizes) {
  if (sizes.empty()) fail("{}: {} must have at least one size, got ()", layer, argument);
  for (int64_t size : sizes)
    if (size < 1) fail("{}: {} must be positive, got {}", layer, argument, str(sizes));
  return sizes;
}

}  // namespace upconv::internal
