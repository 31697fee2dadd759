// What the nodes of a program are given.
#include <algorithm>
#include <limits>

#include "framework/weights/bytes.h"
#include "layers/exported/program_reader.h"

namespace upconv::internal {

Argument ProgramReader::reference(const Json& json, bool is_tensor, std::string_view what) const {
  const int index = defined(name_in(json, what));
  if (program_.values[static_cast<size_t>(index)].is_tensor != is_tensor)
    refuse("{} is {}, where {} is expected", shown(program_.values[static_cast<size_t>(index)].name),
           is_tensor ? "a number" : "a tensor", is_tensor ? "a tensor" : "a number");
  return {Reference{index}};
}

ReadArgument ProgramReader::list(const Single& single, std::string_view what) const {
  const auto* array = single.value.get<Json::Array>();
  if (array == nullptr) refuse("expected a list as {} of {}", shown(single.key), what);
  Argument::List all;
  for (const Json& json : *array) {
    ReadArgument one;
    if (single.key == "as_tensors") {
      one.argument = reference(json, true, what);
    } else if (json.get<Json::Object>() != nullptr) {
      // {"as_int": 3}, {"as_name": "s4"}, {"as_none": true}, {"as_tensor": {...}}
      one = json.find("as_name") != nullptr ? ReadArgument{reference(json, false, what)} : argument(json, what);
    } else if (const auto* integer = json.get<int64_t>()) {
      one.argument.value = *integer;
    } else if (const auto* number = json.get<double>()) {
      one.argument.value = *number;
    } else if (const auto* truth = json.get<bool>()) {
      one.argument.value = *truth;
    } else if (const auto* text = json.get<std::string>()) {
      one.argument.value = *text;
    } else {
      refuse("expected numbers or texts in {} of {}, got something else", shown(single.key), what);
    }
    if (!one.unsupported.empty()) return one;
    all.push_back(std::move(one.argument));
  }
  return {{std::move(all)}};
}

ReadArgument ProgramReader::argument(const Json& json, std::string_view what) const {
  const Single single = this->single(json, what);
  const auto& [key, value] = single;
  const auto expect = [&](const auto* found) -> const auto& {
    if (found == nullptr) refuse("the value of {} is of another kind in {}", shown(key), what);
    return *found;
  };
  if (key == "as_tensor") return {reference(value, true, what)};
  if (key == "as_none" || key == "as_device" || key == "as_memory_format") return {};
  if (key == "as_int") return {{expect(value.get<int64_t>())}};
  if (key == "as_bool") return {{expect(value.get<bool>())}};
  if (key == "as_string") return {{expect(value.get<std::string>())}};
  if (key == "as_float") {
    if (const auto* integer = value.get<int64_t>()) return {{static_cast<double>(*integer)}};
    if (const auto* text = value.get<std::string>()) {
      if (*text == "Infinity") return {{std::numeric_limits<double>::infinity()}};
      if (*text == "-Infinity") return {{-std::numeric_limits<double>::infinity()}};
      if (*text == "NaN") return {{std::numeric_limits<double>::quiet_NaN()}};
    }
    return {{expect(value.get<double>())}};
  }
  if (key == "as_sym_int" || key == "as_sym_float" || key == "as_sym_bool") {
    if (value.find("as_name") != nullptr) return {reference(value, false, what)};
    return argument(value, what);
  }
  if (key == "as_tensors" || key == "as_optional_tensors" || key == "as_ints" || key == "as_floats" ||
      key == "as_bools" || key == "as_sym_ints" || key == "as_sym_floats" || key == "as_strings")
    return list(single, what);
  if (key == "as_scalar_type")
    return {{exported_dtype(expect(value.get<int64_t>()), fmt::format("{}: {}", program_.where, what))}};
  if (key == "as_layout") return {{}, expect(value.get<int64_t>()) == 7 ? "" : "it has a layout that is not strided"};
  if (key == "as_complex") return {{}, "it has a complex number as an argument"};
  if (key == "as_graph") return {{}, "it is given functions, as control flow is"};
  if (key == "as_custom_obj" || key == "as_operator") return {{}, "it is given an object of a class of its own"};
  refuse("an argument of the unknown kind {} in {}", shown(key), what);
}

bool ProgramReader::is_tensor(const Argument& argument) const {
  const auto* reference = argument.get<Reference>();
  return reference != nullptr && program_.values[static_cast<size_t>(reference->index)].is_tensor;
}

bool ProgramReader::is_number(const Argument& argument) const {
  return argument.get<int64_t>() != nullptr || argument.get<double>() != nullptr || argument.get<bool>() != nullptr ||
         (argument.get<Reference>() != nullptr && !is_tensor(argument));
}

/// Sets node.unsupported where the argument is none that the parameter takes.
void ProgramReader::check_fits(const OperationParameter& parameter, const Argument& argument,
                               ExportedNode& node) const {
  const auto* items = argument.get<Argument::List>();
  const auto all = [&](auto is) { return items != nullptr && std::all_of(items->begin(), items->end(), is); };
  const auto tensor = [this](const Argument& one) { return is_tensor(one); };
  const auto number = [this](const Argument& one) { return is_number(one); };
  bool fits = false;
  switch (parameter.kind) {
    case ArgumentKind::tensor:
      fits = tensor(argument);
      break;
    case ArgumentKind::tensors:
      fits = all([&](const Argument& one) { return one.is_none() || tensor(one); });
      break;
    case ArgumentKind::operand:
      fits = tensor(argument) || number(argument);
      break;
    case ArgumentKind::integer:
    case ArgumentKind::number:
    case ArgumentKind::boolean:
      fits = number(argument);
      break;
    case ArgumentKind::integers:
    case ArgumentKind::numbers:
      fits = all(number) || (parameter.length > 0 && number(argument));
      break;
    case ArgumentKind::text:
      fits = argument.get<std::string>() != nullptr;
      break;
    case ArgumentKind::type:
      fits = argument.get<DType>() != nullptr;
      break;
    case ArgumentKind::any:
      fits = true;
      break;
  }
  if (!fits && !(parameter.takes_none && argument.is_none()))
    node.unsupported = fmt::format("its argument {} is of a kind that is not supported", parameter.name);
}

void ProgramReader::read_arguments(ExportedNode& node, const Json::Array& inputs) const {
  if (node.row == nullptr) return;
  const std::vector<OperationParameter>& parameters = node.row->parameters;
  std::vector<bool> is_given(parameters.size());
  node.arguments.resize(parameters.size());
  for (const Json& input : inputs) {
    const std::string& name = member<std::string>(&input, "name", "an argument");
    const Json* given = input.find("arg");
    if (given == nullptr) refuse("expected the argument {} with an arg", shown(name));
    const std::string what = fmt::format("the argument {} of {}", shown(name), shown(node.target));
    ReadArgument read = argument(*given, what);
    const OperationParameter* parameter = node.row->find(name);
    if (parameter == nullptr) {
      node.unsupported = fmt::format("it has an argument {}, which is not known", shown(name));
      continue;
    }
    const auto at = static_cast<size_t>(parameter - parameters.data());
    if (is_given[at]) refuse("{} is given twice", what);
    is_given[at] = true;
    if (!read.unsupported.empty() && parameter->kind != ArgumentKind::any)
      node.unsupported = read.unsupported;
    else
      check_fits(*parameter, read.argument, node);
    node.arguments[at] = std::move(read.argument);
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (is_given[i]) continue;
    if (!parameters[i].initial)
      node.unsupported = fmt::format("its argument {} is missing", parameters[i].name);
    else
      node.arguments[i] = *parameters[i].initial;
  }
}

/// Sets node.unsupported where it draws numbers, or changes statistics, as networks do that are trained.
void ProgramReader::check_training(ExportedNode& node) {
  if (node.row == nullptr || !node.unsupported.empty()) return;
  const auto is_true = [&](std::string_view name) {
    const Argument* argument = find_argument(node, name);
    return argument != nullptr && argument->get<bool>() != nullptr && *argument->get<bool>();
  };
  const Argument *mean = find_argument(node, "running_mean"), *part = find_argument(node, "dropout_p");
  const bool keeps = is_true("training") && mean != nullptr && !mean->is_none();
  const bool drops = part != nullptr && part->get<double>() != nullptr && *part->get<double>() != 0;
  if (is_true("train") || keeps || drops || (is_true("training") && node.row->name == "rrelu"))
    node.unsupported = "it was exported in training: export after .eval()";
}

}  // namespace upconv::internal
