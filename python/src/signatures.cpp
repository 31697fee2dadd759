#include "signatures.h"

#include <fmt/format.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <set>
#include <utility>

#include "values.h"

namespace upconv::python {

using internal::Argument;
using internal::ArgumentKind;

namespace {

/// "int | Sequence[int]" for a parameter of the kind int[2], and so on.
std::string annotation(const OperationParameter& parameter) {
  const auto text = [&]() -> std::string {
    switch (parameter.kind) {
      case ArgumentKind::tensor:
        return value_like();
      case ArgumentKind::tensors:
        return "collections.abc.Sequence[" + value_like() + " | None]";
      case ArgumentKind::operand:
        return value_like() + " | float";
      case ArgumentKind::integer:
        return "int";
      case ArgumentKind::integers:
        return "int | collections.abc.Sequence[int]";
      case ArgumentKind::number:
        return "float";
      case ArgumentKind::numbers:
        return "float | collections.abc.Sequence[float]";
      case ArgumentKind::boolean:
        return "bool";
      case ArgumentKind::text:
        return "str";
      case ArgumentKind::type:
      case ArgumentKind::any:
        return "typing.Any";
    }
    return "typing.Any";
  }();
  return text == "typing.Any" || !parameter.takes_none ? text : text + " | None";
}

std::string default_of(const Argument& argument) {
  if (const auto* truth = argument.get<bool>()) return *truth ? "True" : "False";
  if (const auto* integer = argument.get<int64_t>()) return std::to_string(*integer);
  if (const auto* number = argument.get<double>()) return fmt::format("{}", *number);
  if (const auto* text = argument.get<std::string>()) return "'" + *text + "'";
  return argument.get<Argument::List>() != nullptr ? "()" : "None";
}

std::string result_of(const OperationRow& row) {
  return gives_tuple(row) ? "tuple[" + value_name() + ", ...]" : value_name();
}

/// "int | None" as its parts; whoever takes a float takes an int.
std::set<std::string> parts_of(const std::string& annotation) {
  std::set<std::string> all;
  for (size_t at = 0; at < annotation.size();) {
    const size_t end = std::min(annotation.find(" | ", at), annotation.size());
    all.insert(annotation.substr(at, end - at));
    at = end + 3;
  }
  if (all.contains("float")) all.insert("int");
  return all;
}

/// Whether every call that fits `row` fits `other`, too.
bool covers(const OperationRow& other, const OperationRow& row) {
  if (other.parameters.size() < row.parameters.size()) return false;
  for (size_t i = 0; i < row.parameters.size(); ++i) {
    const std::set<std::string> wide = parts_of(annotation(other.parameters[i])),
                                narrow = parts_of(annotation(row.parameters[i]));
    if (other.parameters[i].name != row.parameters[i].name ||
        !std::includes(wide.begin(), wide.end(), narrow.begin(), narrow.end()))
      return false;
  }
  return true;
}

/// Whether Python gives it by name alone: a type, and what is not looked at.
bool is_by_name(const OperationParameter& parameter) {
  return parameter.kind == ArgumentKind::any || parameter.kind == ArgumentKind::type;
}

}  // namespace

std::string base_of(std::string_view name) { return std::string(name.substr(0, name.find('.'))); }

std::string_view called(const OperationRow& row, const OperationParameter& parameter) {
  const bool is_input =
      parameter.name == "self" || (&parameter == row.parameters.data() && parameter.name == "indices");
  return is_input ? "input" : parameter.name;
}

bool may_lack_brackets(const OperationRow& row, size_t place) {
  const OperationParameter& parameter = row.parameters[place];
  const bool takes_list =
      parameter.kind == ArgumentKind::tensors || (parameter.kind == ArgumentKind::integers && parameter.length == 0);
  return takes_list && !parameter.initial && !parameter.takes_none &&
         std::all_of(
             row.parameters.begin() + static_cast<ptrdiff_t>(place) + 1, row.parameters.end(),
             [](const OperationParameter& later) { return is_by_name(later) || later.kind == ArgumentKind::text; });
}

bool gives_tuple(const OperationRow& row) {
  static const std::set<std::string, std::less<>> several = {
      "chunk", "max.dim", "meshgrid", "min.dim", "split", "split_with_sizes", "std_mean", "unbind", "var_mean"};
  return several.contains(row.name) || several.contains(base_of(row.name));
}

const std::string& value_name() {
  static const std::string name = nb::cast<std::string>(nb::object(nb::type<Operand>().attr("__module__"))) + ".Value";
  return name;
}

std::string value_like() {
  const std::string module = value_name().substr(0, value_name().rfind('.'));
  return value_name() + " | " + module + ".Parameter | numpy.typing.NDArray[typing.Any]";
}

std::string signature_of(const std::string& name, const OperationRow& row, bool is_method) {
  std::string text;
  bool first = true, has_default = false;
  for (size_t i = 0; i < row.parameters.size(); ++i) {
    const OperationParameter& parameter = row.parameters[i];
    if (std::exchange(first, false) && is_method) {
      text = "self";
      continue;
    }
    if (may_lack_brackets(row, i) && (is_method || i == 0 || parameter.kind == ArgumentKind::tensors)) {
      const std::string one = parameter.kind == ArgumentKind::tensors ? value_like() : "int";
      text +=
          fmt::format("{}*{}: {} | collections.abc.Sequence[{}]", text.empty() ? "" : ", ", parameter.name, one, one);
      continue;
    }
    has_default = has_default || parameter.initial || parameter.kind == ArgumentKind::any;
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", called(row, parameter), annotation(parameter));
    if (has_default) text += " = " + (parameter.initial ? default_of(*parameter.initial) : "None");
  }
  return fmt::format("def {}({}) -> {}", name, text, result_of(row));
}

std::string doc_of(const OperationRow& row) {
  return fmt::format("As in PyTorch: {}({}).", base_of(row.name), row.signature);
}

Overloads seen(const Overloads& rows) {
  Overloads all;
  for (const OperationRow* row : rows)
    if (std::none_of(all.begin(), all.end(), [&](const OperationRow* other) { return covers(*other, *row); }))
      all.push_back(row);
  return all;
}

}  // namespace upconv::python
