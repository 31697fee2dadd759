#pragma once
// Internal: a program of torch.export as it was read: nodes in the order in which they run, each a row of the table of
// operations with its arguments. Nothing of it depends on the text that it came from.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../../framework/parameter.h"
#include "sizes.h"

namespace upconv::internal {

struct OperationRow;

/// One of a program's values, tensors and numbers alike: which of ExportedProgram::values.
struct Reference {
  int index = 0;
};

/// What a node is given for one of its parameters. A list may hold references, numbers and Nones.
struct Argument {
  using List = std::vector<Argument>;
  std::variant<std::monostate, bool, int64_t, double, std::string, DType, Reference, List> value;

  /// nullptr where it is of another kind.
  template <class T>
  const T* get() const {
    return std::get_if<T>(&value);
  }
  bool is_none() const { return get<std::monostate>() != nullptr; }
};

/// Calls f with each value that is referred to.
inline void each_reference(const Argument& argument, const std::function<void(int)>& f) {
  if (const auto* reference = argument.get<Reference>()) f(reference->index);
  if (const auto* list = argument.get<Argument::List>())
    for (const Argument& one : *list) each_reference(one, f);
}

/// A size of a tensor: a number, or an expression as it was written, which is nothing where it is not understood.
struct ExportedSize {
  std::optional<int64_t> number;
  std::string text;
  std::shared_ptr<const SizeExpression> expression;

  /// Whether it is a symbol and nothing besides.
  bool is_symbol() const { return expression && expression->kind == SizeExpression::Kind::symbol; }
};

/// What an archive says of a tensor.
struct ExportedType {
  std::vector<ExportedSize> sizes;
  DType dtype = DType::float32;
};

struct ExportedValue {
  std::string name;                  ///< in the program
  bool is_tensor = true;             ///< or a number
  std::optional<ExportedType> type;  ///< of a tensor; of a parameter its own is used
};

/// A call of a module that a node was made in.
struct ExportedFrame {
  std::string call;  ///< which one: "L__self__up@1" is the second of up
  std::string path;  ///< of the module: "up"
};

struct ExportedNode {
  std::string target;                 ///< "torch.ops.aten.conv2d.default"
  std::string path;                   ///< of the module whose forward() made it: "main.3"
  std::string type_name;              ///< its class, with modules: "torch.nn.modules.conv.Conv2d"
  std::vector<ExportedFrame> stack;   ///< all calls around it, the outermost first
  const OperationRow* row = nullptr;  ///< nullptr where there is none
  std::string unsupported;            ///< why it cannot be run, "" where it can
  std::vector<Argument> arguments;    ///< one for each parameter of the row
  std::vector<int> outputs;           ///< which values it makes
  bool in_place = false;              ///< whether PyTorch writes over the first argument
};

/// An input that is a parameter, buffer or constant.
struct ExportedTensor {
  int value;
  std::string name;  ///< in the state dictionary
  Stored stored;
  enum class Kind { parameter, buffer, constant } kind;
};

/// What a call gives.
struct ExportedArgument {
  int value;
  std::string name;  ///< "x"
  size_t place;      ///< among all that forward() was given, constants too
};

/// Where a symbol, or an expression of symbols, must be.
struct ExportedRange {
  std::string text;
  std::shared_ptr<const SizeExpression> expression;
  std::optional<int64_t> least, most;
};

struct ExportedGuard {
  std::string text;
  std::shared_ptr<const SizeExpression> expression;  ///< nothing where it is not understood
};

/// An input, or a parameter, that nothing uses, and an input of its type that something uses. Where torch.export was
/// given one tensor for both, it wrote the last one's name for either, and nothing else tells.
struct ExportedMerge {
  std::string unused, used;
};

struct ExportedProgram {
  std::string where;          ///< the file, for messages
  std::string torch_version;  ///< that wrote it, "" where it does not say
  size_t archive_size = 0;    ///< bytes of the file
  std::vector<ExportedValue> values;
  std::vector<ExportedTensor> tensors;          ///< parameters, buffers and constants, in the program's order
  std::vector<std::pair<int, Argument>> baked;  ///< inputs that are no tensors, and what they were
  std::vector<ExportedArgument> inputs;         ///< the rest
  std::vector<ExportedNode> nodes;
  std::vector<Argument> outputs;  ///< references, numbers, texts or None
  std::vector<ExportedRange> ranges;
  std::vector<ExportedGuard> guards;
  std::vector<ExportedMerge> merges;
  std::vector<std::string> modules;               ///< their paths, as named_modules() has them
  std::map<std::string, std::string> type_names;  ///< of those that made a node: path and class
};

}  // namespace upconv::internal
