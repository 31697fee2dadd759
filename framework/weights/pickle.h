#pragma once
// Internal: Python's pickles, as far as torch.load(weights_only=True) knows them. Nothing is ever called: what a pickle
// would call stands in the result as a Call, and only what the reader permits can be named at all.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace upconv::internal {

/// What a pickle describes. Values lie in one table and refer to each other by their places in it, so one that holds
/// itself is no riddle, and none is too deep to be freed. All the memory is in proportion to the pickle's bytes, which
/// must stay alive.
class Pickle {
 public:
  using Ref = uint32_t;
  struct Global {
    const std::string_view* name;  // "module.name", one of the permitted
  };
  struct Tuple {
    std::vector<Ref> items;
  };
  struct List {
    std::vector<Ref> items;
  };
  struct Dict {
    std::vector<Ref> items;  // key, value, key, value, ...
  };
  struct Call {
    Ref function;   // a Global
    Ref arguments;  // a Tuple
  };
  struct PersistentId {
    Ref id;
  };
  struct Other {
    std::string_view kind;  // None, a boolean, ...: nothing that weights are made of
  };
  using Value = std::variant<int64_t, std::string_view, Global, Tuple, List, Dict, Call, PersistentId, Other>;

  /// Reads one pickle from the beginning of `bytes`. `where` stands for it in messages. Throws Error for what is not
  /// within it, and for every global but `permitted`, by its name.
  Pickle(std::span<const std::byte> bytes, const std::string& where, std::span<const std::string_view> permitted);

  /// How many bytes the pickle has.
  size_t size() const { return size_; }
  Ref root() const { return root_; }
  /// Every value that the pickle ever made, the root among them.
  const std::deque<Value>& values() const { return values_; }
  const Value& operator[](Ref ref) const { return values_[ref]; }
  template <class T>
  const T* get(Ref ref) const {
    return std::get_if<T>(&values_[ref]);
  }
  /// The name of the function that a value calls; empty for every other value.
  std::string_view called(Ref ref) const;
  /// Such as "a string", for messages.
  std::string_view kind(Ref ref) const;

 private:
  class Machine;

  std::deque<Value> values_;
  Ref root_ = 0;
  size_t size_ = 0;
};

}  // namespace upconv::internal
