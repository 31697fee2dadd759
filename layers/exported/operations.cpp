#include "layers/exported/operations.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "framework/fail.h"
#include "framework/number.h"
#include "framework/weights/bytes.h"
#include "layers/exported/rows.h"

namespace upconv::internal {
namespace {

/// Words of a signature that are kinds.
struct KindName {
  std::string_view name;
  ArgumentKind kind;
  bool is_list;
};
constexpr KindName kind_names[] = {{"Tensor", ArgumentKind::tensor, false},   {"Tensor[]", ArgumentKind::tensors, true},
                                   {"Operand", ArgumentKind::operand, false}, {"int", ArgumentKind::integer, false},
                                   {"int[]", ArgumentKind::integers, true},   {"float", ArgumentKind::number, false},
                                   {"float[]", ArgumentKind::numbers, true},  {"Scalar", ArgumentKind::number, false},
                                   {"bool", ArgumentKind::boolean, false},    {"str", ArgumentKind::text, false},
                                   {"ScalarType", ArgumentKind::type, false}, {"any", ArgumentKind::any, false}};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// "None", "True", "1", "0.5", "[]", "'zeros'": a default of a signature.
Argument literal(std::string_view text) {
  if (text == "None") return {};
  if (text == "True" || text == "False") return {text == "True"};
  if (text == "[]") return {Argument::List{}};
  if (text.front() == '\'') return {std::string(text.substr(1, text.size() - 2))};
  if (text.find_first_of(".e") == std::string_view::npos) {
    int64_t integer = 0;
    std::from_chars(text.data(), text.data() + text.size(), integer);
    return {integer};
  }
  return {parse_number(text).value()};
}

/// "int[2]? padding=0"
OperationParameter parameter_of(std::string_view text) {
  OperationParameter parameter{.name = {}, .kind = ArgumentKind::any, .initial = {}};
  const size_t space = text.find(' '), equals = text.find('=');
  std::string kind(text.substr(0, space));
  parameter.name = text.substr(space + 1, equals == std::string_view::npos ? equals : equals - space - 1);
  if (equals != std::string_view::npos) parameter.initial = literal(text.substr(equals + 1));
  if (kind.ends_with('?')) {
    parameter.takes_none = true;
    kind.pop_back();
  }
  if (const size_t bracket = kind.find('['); bracket != std::string::npos && kind[bracket + 1] != ']') {
    parameter.length = static_cast<size_t>(kind[bracket + 1] - '0');
    kind.erase(bracket + 1, 1);
  }
  const auto* found =
      std::find_if(std::begin(kind_names), std::end(kind_names), [&](const KindName& one) { return one.name == kind; });
  if (found == std::end(kind_names)) fail("the table of operations has an unknown kind, {}", kind);
  parameter.kind = found->kind;
  return parameter;
}

std::vector<OperationRow> all_rows() {
  std::vector<OperationRow> rows;
  for (const auto& part :
       {arithmetic_rows(), reduction_rows(), number_rows(), layer_rows_of_aten(), shape_rows(), choice_rows()})
    rows.insert(rows.end(), part.begin(), part.end());
  for (OperationRow& row : rows) row.parameters = parameters_of(row.signature);
  return rows;
}

}  // namespace

std::vector<OperationParameter> parameters_of(std::string_view signature) {
  std::vector<OperationParameter> all;
  while (!signature.empty()) {
    const size_t comma = std::min(signature.find(','), signature.size());
    all.push_back(parameter_of(trimmed(signature.substr(0, comma))));
    signature.remove_prefix(std::min(comma + 1, signature.size()));
  }
  return all;
}

std::span<const OperationRow> operation_rows() {
  static const std::vector<OperationRow> rows = all_rows();
  return rows;
}

const OperationRow* find_operation(std::string_view name) {
  static const std::map<std::string_view, const OperationRow*> index = [] {
    std::map<std::string_view, const OperationRow*> all;
    for (const OperationRow& row : operation_rows()) all.emplace(row.name, &row);
    return all;
  }();
  const auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}

const Argument* find_argument(const ExportedNode& node, std::string_view name) {
  const OperationParameter* parameter = node.row->find(name);
  return parameter == nullptr ? nullptr : &node.arguments[static_cast<size_t>(parameter - node.row->parameters.data())];
}

const OperationParameter* OperationRow::find(std::string_view parameter) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const OperationParameter& one) { return one.name == parameter; });
  return found == parameters.end() ? nullptr : &*found;
}

std::optional<DType> computed_type(DType type) {
  if (type == DType::int32) return DType::int64;
  if (type == DType::float32 || type == DType::int64 || type == DType::boolean) return type;
  return {};
}

const Argument& NodeCall::argument(std::string_view name) const {
  const Argument* argument = find_argument(node_, name);
  if (argument == nullptr) fail("the row has no parameter {}", name);
  return *argument;
}

Operand NodeCall::operand_of(const Argument& argument, std::string_view name) const {
  const auto* reference = argument.get<Reference>();
  const auto* operand =
      reference == nullptr ? nullptr : std::get_if<Operand>(&items_[static_cast<size_t>(reference->index)]);
  if (operand == nullptr) fail("its argument {} is a result that is not made here", name);
  return *operand;
}

const Argument::List& NodeCall::list(std::string_view name) const {
  const auto* list = argument(name).get<Argument::List>();
  if (list == nullptr) fail("expected a list as {}", name);
  return *list;
}

Operand NodeCall::operand(std::string_view name) const { return operand_of(argument(name), name); }
std::optional<Operand> NodeCall::optional_operand(std::string_view name) const {
  return is_none(name) ? std::nullopt : std::optional(operand(name));
}

std::vector<Operand> NodeCall::operands(std::string_view name) const {
  std::vector<Operand> all;
  for (const Argument& one : list(name)) all.push_back(operand_of(one, name));
  return all;
}

std::vector<std::optional<Operand>> NodeCall::optional_operands(std::string_view name) const {
  std::vector<std::optional<Operand>> all;
  for (const Argument& one : list(name))
    all.push_back(one.is_none() ? std::nullopt : std::optional(operand_of(one, name)));
  return all;
}

Value NodeCall::value(std::string_view name) const {
  const Operand operand = this->operand(name);
  if (operand.type != DType::float32) fail("expected {} of float32, got {}", name, upconv::name(operand.type));
  return operand.value;
}
std::optional<Value> NodeCall::optional_value(std::string_view name) const {
  return is_none(name) ? std::nullopt : std::optional(value(name));
}

std::optional<double> NodeCall::number_of(const Argument& argument) const {
  if (const auto* integer = argument.get<int64_t>()) return static_cast<double>(*integer);
  if (const auto* number = argument.get<double>()) return *number;
  if (const auto* truth = argument.get<bool>()) return *truth ? 1 : 0;
  const auto* reference = argument.get<Reference>();
  if (reference == nullptr) return {};
  const Item& item = items_[static_cast<size_t>(reference->index)];
  if (const auto* integer = std::get_if<int64_t>(&item)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&item)) return *number;
  return {};
}

std::optional<int64_t> NodeCall::integer_of(const Argument& argument) const {
  if (const auto* integer = argument.get<int64_t>()) return *integer;
  if (const auto* truth = argument.get<bool>()) return *truth ? 1 : 0;
  if (const auto* reference = argument.get<Reference>())
    if (const auto* integer = std::get_if<int64_t>(&items_[static_cast<size_t>(reference->index)])) return *integer;
  return {};
}

std::optional<double> NodeCall::number_or_tensor(std::string_view name) const {
  const auto* reference = argument(name).get<Reference>();
  if (reference != nullptr && std::holds_alternative<Operand>(items_[static_cast<size_t>(reference->index)])) return {};
  return number(name);
}

int64_t NodeCall::integer(std::string_view name) const {
  const std::optional<int64_t> integer = integer_of(argument(name));
  if (!integer) fail("expected a whole number as {}", name);
  return *integer;
}
std::optional<int64_t> NodeCall::optional_integer(std::string_view name) const {
  return is_none(name) ? std::nullopt : std::optional(integer(name));
}

double NodeCall::number(std::string_view name) const {
  const std::optional<double> number = number_of(argument(name));
  if (!number) fail("expected a number as {}", name);
  return *number;
}
std::optional<double> NodeCall::optional_number(std::string_view name) const {
  return is_none(name) ? std::nullopt : std::optional(number(name));
}
bool NodeCall::is_truth(std::string_view name) const { return argument(name).get<bool>() != nullptr; }
bool NodeCall::is_integral(std::string_view name) const { return integer_of(argument(name)).has_value(); }

bool NodeCall::boolean(std::string_view name) const { return integer(name) != 0; }

std::vector<int64_t> NodeCall::integers(std::string_view name) const {
  const Argument& given = argument(name);
  std::vector<int64_t> all;
  if (const auto* list = given.get<Argument::List>()) {
    for (const Argument& one : *list) {
      const std::optional<int64_t> integer = integer_of(one);
      if (!integer) fail("expected whole numbers as {}", name);
      all.push_back(*integer);
    }
  } else {
    all.push_back(integer(name));
  }
  const size_t length = node_.row->find(name)->length;
  if (all.size() == 1 && length > 1) all.resize(length, all[0]);
  return all;
}
std::optional<std::vector<int64_t>> NodeCall::optional_integers(std::string_view name) const {
  return is_none(name) ? std::nullopt : std::optional(integers(name));
}

std::optional<std::vector<double>> NodeCall::optional_numbers(std::string_view name) const {
  if (is_none(name)) return {};
  std::vector<double> all;
  if (const auto* list = argument(name).get<Argument::List>())
    for (const Argument& one : *list) {
      const std::optional<double> number = number_of(one);
      if (!number) fail("expected numbers as {}", name);
      all.push_back(*number);
    }
  else
    all.push_back(number(name));
  return all;
}

std::string NodeCall::text(std::string_view name) const {
  const auto* text = argument(name).get<std::string>();
  if (text == nullptr) fail("expected a text as {}", name);
  constexpr size_t longest = 40;
  if (text->size() > longest || printable(*text) != *text) fail("expected a word as {}, got {}", name, shown(*text));
  return *text;
}

std::string NodeCall::shown_text(std::string_view name) const {
  const auto* text = argument(name).get<std::string>();
  return text == nullptr ? "" : shown(*text);
}

std::optional<DType> NodeCall::optional_type(std::string_view name) const {
  const auto* type = argument(name).get<DType>();
  return type == nullptr ? std::nullopt : std::optional(*type);
}

bool NodeCall::is_none(std::string_view name) const { return argument(name).is_none(); }

}  // namespace upconv::internal
