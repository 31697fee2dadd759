#pragma once
// The one table of layers: what each is called, which arguments it takes, how it is built from them. A layer prints
// itself (extra_repr), so the table is all that turns text into modules and back.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "../../framework/error.h"
#include "../../framework/module.h"
#include "../integer_or_number.h"
#include "../one_or_two.h"
#include "../pair.h"

namespace upconv::internal {

/// A tuple of Python's whose elements are not all integers: (2.0, 1.5), or (None, 5) with nothing for None.
using Numbers = std::vector<std::optional<double>>;

/// One of Python's None, True, 3, 0.5, 'zeros', (4, 4), (None, 0.5).
using PythonValue = std::variant<std::monostate, bool, int64_t, double, std::string, Shape, Numbers>;

/// A value and where it was written.
struct Literal {
  PythonValue value;
  std::string text;         ///< as messages show it
  size_t offset = 0;        ///< of its first character
  bool is_default = false;  ///< from the signature, where no value was given
};

/// An argument that its layer cannot take; `offset` is that of the argument's value.
class ArgumentError : public Error {
 public:
  ArgumentError(const std::string& what, size_t offset) : Error(what), offset(offset) {}
  size_t offset;
};

/// What a layer is built from: for every name of its signature the value that was given, or else the default. Values of
/// another type than the accessor's throw ArgumentError with layer, argument, what it must be, and what came.
class Arguments {
 public:
  using Values = std::map<std::string_view, Literal>;
  Arguments(std::string_view layer, Values values) : layer_(layer), values_(std::move(values)) {}

  bool is_default(std::string_view name) const { return values_.at(name).is_default; }
  int64_t integer(std::string_view name) const;
  std::optional<int64_t> optional_integer(std::string_view name) const;  ///< nothing for None
  double number(std::string_view name) const;
  std::optional<double> optional_number(std::string_view name) const;  ///< nothing for None
  bool boolean(std::string_view name) const;
  std::optional<bool> optional_boolean(std::string_view name) const;  ///< nothing for None
  Pair pair(std::string_view name) const;                             ///< one integer stands for both
  Shape shape(std::string_view name) const;
  Shape sizes(std::string_view name) const;  ///< one integer stands for a tuple of one
  IntegerOrNumber integer_or_number(std::string_view name) const;
  std::optional<IntegerOrNumber> optional_integer_or_number(std::string_view name) const;  ///< nothing for None
  /// One integer, or a tuple of `more`; `expected` says so where it is neither.
  Shape one_or_more(std::string_view name, size_t more, std::string_view expected) const;
  int64_t single(std::string_view name) const;                          ///< an integer, or a tuple of one
  std::optional<int64_t> optional_single(std::string_view name) const;  ///< nothing for None
  OneOrTwo<int64_t> one_or_two(std::string_view name) const;
  std::optional<OneOrTwo<int64_t>> optional_one_or_two(std::string_view name) const;  ///< nothing for None
  std::optional<OneOrTwo<double>> optional_numbers(std::string_view name) const;      ///< nothing for None
  OneOrTwo<std::optional<int64_t>> optional_sizes(std::string_view name) const;       ///< each nothing for None
  bool is_text(std::string_view name) const;  ///< for arguments that are a string or something else
  std::string text(std::string_view name) const;

  /// For what a layer itself would accept or cannot see: "BatchNorm2d: momentum must be `expected`, got ...".
  [[noreturn]] void refuse(std::string_view name, std::string_view expected) const;

 private:
  std::string_view layer_;
  Values values_;
};

/// A row of the table.
struct LayerRow {
  std::string_view name;
  /// Names in PyTorch's positional order, with its defaults, in Python's words. Those after "*" are given by name only.
  std::string_view signature;
  std::string_view summary;  ///< what it gives, with shapes, in a sentence
  std::function<std::shared_ptr<Module>(const Arguments&)> build;
};

/// All layers, in the order in which they are listed to users.
const std::vector<LayerRow>& layer_rows();
/// The row of that name; nullptr where there is none.
const LayerRow* find_row(std::string_view name);

}  // namespace upconv::internal
