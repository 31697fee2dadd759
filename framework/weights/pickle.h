#pragma once
// Internal: Python's pickles of protocol 2 to 5. Nothing is ever looked up or called: what a pickle would call stands
// in the result as a Call, an inert object of a name, arguments and a state, whatever the name is.
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
    std::string_view module, name;
    std::string str() const;  // "module.name"
  };
  /// bytes and bytearrays.
  struct Raw {
    std::string_view bytes;
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
  /// What a function or class would make of its arguments. State, items of a list and items of a dictionary are those
  /// that it would be given afterwards; 0, which is None, where there are none.
  struct Call {
    Ref function;   // most often a Global
    Ref arguments;  // a Tuple
    Ref state = 0;
    Ref list = 0;  // a List
    Ref dict = 0;  // a Dict
  };
  struct PersistentId {
    Ref id;
  };
  struct Other {
    std::string_view kind;  // None, a boolean, ...: nothing that weights are made of
  };
  using Value = std::variant<int64_t, std::string_view, Raw, Global, Tuple, List, Dict, Call, PersistentId, Other>;

  /// Reads one pickle from the beginning of `bytes`. `where` stands for it in messages. Throws Error for what is not
  /// within it.
  Pickle(std::span<const std::byte> bytes, const std::string& where);

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
  /// What a dictionary, or a call's state that is one, has under a name; None where it has nothing.
  Ref item(Ref dict, std::string_view name) const;
  /// Whether a value is True.
  bool is_true(Ref ref) const;
  /// The name of the function that a value calls; empty for every other value.
  std::string called(Ref ref) const;
  /// Such as "a string", for messages.
  std::string_view kind(Ref ref) const;

 private:
  class Machine;

  std::deque<Value> values_;
  Ref root_ = 0;
  size_t size_ = 0;
};

}  // namespace upconv::internal
