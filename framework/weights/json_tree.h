#pragma once
// Internal: JSON of strangers as a tree, for what is small and asked in any order. Keys stay in the order of the text.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace upconv::internal {

/// A value of JSON. Integers are those that fit int64_t; every other number is a double.
class Json {
 public:
  using Array = std::vector<Json>;
  struct Member;
  using Object = std::vector<Member>;

  /// nullptr where the value is of another kind.
  template <class T>
  const T* get() const {
    return std::get_if<T>(&value);
  }
  /// What an object has under `key`; nullptr where it has nothing, or the value is no object.
  const Json* find(std::string_view key) const;
  /// The same through several objects, one in the other.
  template <class... Keys>
  const Json* find(std::string_view key, Keys... keys) const {
    const Json* inner = find(key);
    return inner == nullptr ? nullptr : inner->find(keys...);
  }
  /// What it has under `key` where that is a T; nullptr otherwise.
  template <class T>
  const T* get(std::string_view key) const {
    const Json* inner = find(key);
    return inner == nullptr ? nullptr : inner->get<T>();
  }

  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value;  // null, true, 1, 1.0, ...
};

struct Json::Member {
  std::string key;
  Json value;
};

/// Reads `text`, called `what` in messages ("FILE: the header"). Throws Error for what is no JSON, is nested more than
/// 64 deep, has more than `max_values` values, or an object with a key twice.
Json json_tree(std::string_view text, const std::string& what, size_t max_values = 400'000);

}  // namespace upconv::internal
