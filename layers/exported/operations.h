#pragma once
// Internal: the one table of ATen's operations: what each is called, which parameters it has, and how it becomes
// values.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "../../framework/fail.h"
#include "../../framework/graph.h"
#include "program.h"

namespace upconv::internal {

/// A tensor while a program is written down. Booleans are float32 values of 0 and 1, all integers are int64 values.
struct Operand {
  Value value;
  DType type = DType::float32;  ///< float32, int64 or boolean
};

/// What a node makes: a tensor, a number, or nothing where nobody may ask for it.
using Item = std::variant<std::monostate, Operand, int64_t, double>;

/// What an argument may be.
enum class ArgumentKind {
  tensor,
  tensors,
  operand,  ///< a tensor or a number
  integer,
  integers,
  number,
  numbers,
  boolean,
  text,
  type,
  any  ///< is not looked at
};

/// One parameter of an operation.
struct OperationParameter {
  std::string_view name;
  ArgumentKind kind;
  bool takes_none = false;
  size_t length = 0;                ///< of a list that one number stands for, too
  std::optional<Argument> initial;  ///< its default, or nothing
};

class NodeCall;

/// A row of the table.
struct OperationRow {
  /// Without "torch.ops.aten.", and without ".default": "conv2d", "add.Tensor".
  std::string_view name;
  /// As ATen declares it: "Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1".
  std::string_view signature;
  std::vector<Item> (*make)(const NodeCall& call);
  /// Whether a result may be memory of the first argument, so that who writes over one changes the other.
  bool is_view = false;
  std::vector<OperationParameter> parameters = {};  ///< read from the signature

  /// nullptr where there is none of that name.
  const OperationParameter* find(std::string_view parameter) const;
};

/// What OperationRow::signature says.
std::vector<OperationParameter> parameters_of(std::string_view signature);
/// All of them.
std::span<const OperationRow> operation_rows();
/// The row of that name; nullptr where there is none.
const OperationRow* find_operation(std::string_view name);
/// What a node is given for a parameter of its row; nullptr where the row has none of that name.
const Argument* find_argument(const ExportedNode& node, std::string_view name);

/// What stands for a type while a program runs: float32, int64 (also for int32) or boolean; nothing for all others.
std::optional<DType> computed_type(DType type);

/// A node that is written down: its arguments, in the words of its row. What is of another kind than is asked for, or
/// has another type, throws Error that names the argument.
class NodeCall {
 public:
  /// `results`: how many the caller has names for; any_results where it takes all that there are.
  NodeCall(const ExportedNode& node, const std::vector<Item>& items, Graph& graph, size_t results)
      : node_(node), items_(items), graph_(graph), results_(results) {}
  static constexpr size_t any_results = SIZE_MAX;

  /// A tensor of any type.
  Operand operand(std::string_view name) const;
  std::optional<Operand> optional_operand(std::string_view name) const;
  /// A tensor of float32.
  Value value(std::string_view name) const;
  std::optional<Value> optional_value(std::string_view name) const;
  std::vector<Operand> operands(std::string_view name) const;
  std::vector<std::optional<Operand>> optional_operands(std::string_view name) const;  ///< some of which are None
  /// Nothing where it is a tensor.
  std::optional<double> number_or_tensor(std::string_view name) const;

  int64_t integer(std::string_view name) const;
  std::optional<int64_t> optional_integer(std::string_view name) const;
  double number(std::string_view name) const;
  std::optional<double> optional_number(std::string_view name) const;
  bool is_truth(std::string_view name) const;     ///< True or False, as they are written
  bool is_integral(std::string_view name) const;  ///< a number without a point, or a truth
  bool boolean(std::string_view name) const;
  std::vector<int64_t> integers(std::string_view name) const;
  std::optional<std::vector<int64_t>> optional_integers(std::string_view name) const;
  std::optional<std::vector<double>> optional_numbers(std::string_view name) const;
  std::string text(std::string_view name) const;        ///< a word, which may stand in messages
  std::string shown_text(std::string_view name) const;  ///< any text, or anything else, for messages
  std::optional<DType> optional_type(std::string_view name) const;
  bool is_none(std::string_view name) const;
  size_t results() const { return results_; }  ///< how many the caller has names for
  Graph& graph() const { return graph_; }

  /// Throws Error: "expected ...".
  template <class... Arguments>
  [[noreturn]] void refuse(fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    fail("{}", fmt::format(text, std::forward<Arguments>(arguments)...));
  }

 private:
  const Argument& argument(std::string_view name) const;
  const Argument::List& list(std::string_view name) const;
  std::optional<double> number_of(const Argument& argument) const;
  std::optional<int64_t> integer_of(const Argument& argument) const;
  Operand operand_of(const Argument& argument, std::string_view name) const;

  const ExportedNode& node_;
  const std::vector<Item>& items_;
  Graph& graph_;
  size_t results_;
};

}  // namespace upconv::internal
