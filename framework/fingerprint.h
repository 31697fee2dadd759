#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "parameter.h"

namespace upconv {

/// What was added one after another, so that two can be compared: the graphs of two calls, whose operations add what
/// they are made of.
class Fingerprint {
 public:
  /// Adds values: numbers, enumerators, pointers, texts, parameters with the version of their values, and vectors and
  /// optional ones of these.
  template <class... Values>
  void operator()(const Values&... values) {
    (add(values), ...);
  }
  /// Whether the same was added in the same order.
  bool operator==(const Fingerprint& other) const { return bytes_ == other.bytes_; }
  /// The parameters that were added, each as often as it was.
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Whether one of them has other values than when it was added.
  [[nodiscard]] bool outdated() const;

 private:
  void add_bytes(const void* bytes, size_t count);
  void add(std::string_view text);
  void add(const Parameter& parameter);
  template <class T>
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_pointer_v<T>)
  void add(T value) {
    add_bytes(&value, sizeof value);
  }
  template <class T>
    requires(std::is_arithmetic_v<T>)
  void add(const std::vector<T>& all) {
    add(all.size());
    add_bytes(all.data(), all.size() * sizeof(T));
  }
  template <class T>
  void add(const std::optional<T>& value) {
    add(value.has_value());
    if (value) add(*value);
  }

  std::string bytes_;
  std::vector<Parameter> parameters_;
  std::vector<uint64_t> versions_;
};

}  // namespace upconv
