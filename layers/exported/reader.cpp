#include "layers/exported/reader.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/json_tree.h"
#include "layers/exported/operations.h"

namespace upconv::internal {
namespace {

// What a file of a few bytes can ask for is bounded: RRDBNet with 23 blocks has a thousand nodes, as many tensors and
// modules, and 50'000 values of JSON. One that is larger has weights that are.
constexpr size_t fewest_values = 300'000;  // of JSON that are always read; and one more for each 8 bytes of the archive
constexpr size_t max_values = 2'000'000;
constexpr size_t max_nodes = 20'000, max_inputs = 20'000, max_modules = 10'000;
constexpr size_t max_name = 500;             // bytes of a name of a value, a target, or a module with those around it
constexpr size_t max_expressions = 100'000;  // bytes of all expressions of sizes, of which equal ones count once
constexpr size_t max_refusals = 20;          // that a message lists
constexpr int64_t schema_major = 8;
constexpr std::string_view unnamed_module = "_empty_nn_module_stack_from_metadata_hook";  // what PyTorch made itself
constexpr std::string_view aten = "torch.ops.aten.", default_overload = ".default";

/// The one member that an object of this kind has.
struct Single {
  const std::string& key;
  const Json& value;
};

/// What an argument is, or why it is nothing that can be used.
struct ReadArgument {
  Argument argument;
  std::string unsupported = {};
};

class ProgramReader {
 public:
  explicit ProgramReader(const ExportedParts& parts)
      : parts_(parts),
        tree_(json_tree(text_of(parts.text.span), parts.where,
                        std::min(fewest_values + parts.archive_size / 8, max_values))) {
    program_.where = parts.where;
    program_.archive_size = parts.archive_size;
  }

  ExportedProgram read();

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: {}", program_.where, fmt::format(format, std::forward<Args>(args)...));
  }
  /// What lies at a key of an object, which must be a T.
  template <class T>
  const T& member(const Json* object, std::string_view key, std::string_view of) const {
    const T* found = object == nullptr ? nullptr : object->get<T>(key);
    if (found == nullptr) refuse("expected {} with a key {}", of, key);
    return *found;
  }
  Single single(const Json& json, std::string_view what) const {
    const auto* object = json.get<Json::Object>();
    if (object == nullptr || object->size() != 1) refuse("expected an object with one key as {}", what);
    return {object->front().key, object->front().value};
  }

  int define(const std::string& name, bool is_tensor);
  int defined(const std::string& name) const;
  std::string name_in(const Json& json, std::string_view what) const;
  const std::string& bounded(const std::string& name, std::string_view what) const;
  void check_path(const std::string& path) const;
  std::shared_ptr<const SizeExpression> expression(const std::string& text);

  ExportedSize size(const Json& json);
  void read_types(const Json& graph);
  void read_inputs(const Json& graph, const Json& signature);
  void read_tensor(const std::string& kind, const Json& spec, const Json& given);
  void read_node(const Json& json);
  void read_outputs(const Json& graph, const Json& signature);
  void read_modules(const Json& module);
  void read_sizes();
  void find_merges();

  ReadArgument argument(const Json& json, std::string_view what) const;
  Argument reference(const Json& json, bool is_tensor, std::string_view what) const;
  ReadArgument list(const Single& single, std::string_view what) const;
  void read_arguments(ExportedNode& node, const Json::Array& inputs) const;
  static void check_training(ExportedNode& node);
  void read_results(ExportedNode& node, const Json::Array& outputs);
  void read_origin(ExportedNode& node, const Json& json);
  void check_fits(const OperationParameter& parameter, const Argument& argument, ExportedNode& node) const;
  bool is_number(const Argument& argument) const;
  bool is_tensor(const Argument& argument) const;
  void follow_memory(ExportedNode& node);

  const ExportedParts& parts_;
  const Json tree_;
  ExportedProgram program_;
  std::map<std::string, int, std::less<>> names_;
  std::map<std::string, ExportedType, std::less<>> types_;
  std::map<std::string, std::shared_ptr<const SizeExpression>, std::less<>> expressions_;
  size_t expressions_bytes_ = 0;           // of those texts
  std::vector<int> memory_;                // of each value: the value whose memory it may be
  std::vector<std::vector<int>> sharing_;  // of each value: those whose memory it is, but for stale ones
  std::vector<bool> is_stale_;             // whether it was written over under another name
  std::set<int> kept_memory_;              // of parameters, buffers and constants
  std::map<int, std::string> unreadable_;  // those of them that cannot be read, and why
};

int ProgramReader::define(const std::string& name, bool is_tensor) {
  const int index = static_cast<int>(program_.values.size());
  if (!names_.try_emplace(name, index).second) refuse("the name {} is given twice", shown(name));
  ExportedValue value{.name = name, .is_tensor = is_tensor, .type = {}};
  if (const auto type = types_.find(name); is_tensor && type != types_.end()) value.type = type->second;
  program_.values.push_back(std::move(value));
  memory_.push_back(index);
  sharing_.push_back({index});
  is_stale_.push_back(false);
  return index;
}

int ProgramReader::defined(const std::string& name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) refuse("the value {} is used before it is made", shown(name));
  return found->second;
}

/// {"name": "x"}, or for numbers {"as_name": "s4"}.
std::string ProgramReader::name_in(const Json& json, std::string_view what) const {
  const auto* name = json.get<std::string>("name");
  if (name == nullptr) name = json.get<std::string>("as_name");
  if (name == nullptr || name->empty()) refuse("expected a name of {}", what);
  return bounded(*name, what);
}

/// Names are copied into nodes and messages.
const std::string& ProgramReader::bounded(const std::string& name, std::string_view what) const {
  if (name.size() > max_name)
    refuse("expected at most {} bytes as the name of {}, got {}: {}", max_name, what, name.size(), shown(name));
  return name;
}

/// Of a module or a tensor. Messages, trees and state dictionaries print it as it is.
void ProgramReader::check_path(const std::string& path) const {
  bounded(path, "a module or tensor");
  if (printable(path) != path)
    refuse("expected the name of a module or tensor that can be printed, got {}", shown(path));
}

/// What `text` is; equal texts, as most tensors of a program have, are one.
std::shared_ptr<const SizeExpression> ProgramReader::expression(const std::string& text) {
  const auto [found, is_new] = expressions_.try_emplace(text);
  if (!is_new) return found->second;
  expressions_bytes_ += text.size();
  if (expressions_bytes_ > max_expressions)
    refuse("expected at most {} bytes of expressions of sizes, got more", max_expressions);
  if (std::optional<SizeExpression> parsed = parse_sizes(text))
    found->second = std::make_shared<const SizeExpression>(*std::move(parsed));
  return found->second;
}

/// {"as_int": 3}, or {"as_expr": {"expr_str": "..."}}
ExportedSize ProgramReader::size(const Json& json) {
  const auto [kind, value] = single(json, "a size");
  if (const auto* number = value.get<int64_t>(); number != nullptr && kind == "as_int") {
    if (*number < 0) refuse("expected sizes of at least 0, got {}", *number);
    return {.number = *number, .text = std::to_string(*number), .expression = {}};
  }
  const auto* text = kind == "as_expr" ? value.get<std::string>("expr_str") : nullptr;
  if (text == nullptr)
    refuse("expected a number or an expression as a size, got something of the kind {}", shown(kind));
  return {.number = {}, .text = *text, .expression = expression(*text)};
}

void ProgramReader::read_types(const Json& graph) {
  for (const auto& [name, json] : member<Json::Object>(&graph, "tensor_values", "a graph")) {
    ExportedType type;
    const auto& sizes = member<Json::Array>(&json, "sizes", "a tensor's description");
    if (sizes.size() > max_rank) refuse("expected at most {} dimensions, got {}", max_rank, sizes.size());
    for (const Json& each : sizes) type.sizes.push_back(size(each));
    const int64_t code = member<int64_t>(&json, "dtype", "a tensor's description");
    // Types that are not read are no reason to refuse a program that does not compute with them.
    try {
      type.dtype = exported_dtype(code, "");
    } catch (const Error&) {
      type.dtype = DType::float8_e8m0fnu;
    }
    types_.emplace(name, std::move(type));
  }
}

void ProgramReader::read_tensor(const std::string& kind, const Json& spec, const Json& given) {
  const bool is_constant = kind == "tensor_constant";
  const std::string& name = member<std::string>(&spec, kind + "_name", "an input that is a " + kind);
  check_path(name);
  bool is_saved = !is_constant;
  if (kind == "buffer") is_saved = member<bool>(&spec, "persistent", "a buffer");
  const Json* argument = spec.find("arg");
  const std::string value = argument == nullptr ? "" : name_in(*argument, name);
  const Json* tensor = given.find("as_tensor");
  if (tensor == nullptr || name_in(*tensor, "an input") != value)
    refuse("the signature's {} is not the graph's input", shown(name));

  const StateDict& tensors = is_saved ? parts_.weights : parts_.constants;
  const Stored* stored = tensors.find(name);
  if (stored == nullptr) refuse("there is no tensor {} among the {}", shown(name), is_saved ? "weights" : "constants");
  const int index = define(value, true);
  if (const std::optional<ExportedType>& type = program_.values.back().type; type && stored->unreadable.empty()) {
    bool fits = type->sizes.size() == stored->shape.size() && type->dtype == stored->dtype;
    for (size_t d = 0; fits && d < stored->shape.size(); ++d) fits = type->sizes[d].number == stored->shape[d];
    if (!fits)
      refuse("the tensor {} is of {} and {}, which is not what the program says", shown(name), str(stored->shape),
             upconv::name(stored->dtype));
  }
  kept_memory_.insert(index);
  if (!stored->unreadable.empty()) unreadable_.emplace(index, stored->unreadable);
  program_.tensors.push_back({index, name, *stored,
                              !is_saved             ? ExportedTensor::Kind::constant
                              : kind == "parameter" ? ExportedTensor::Kind::parameter
                                                    : ExportedTensor::Kind::buffer});
}

void ProgramReader::read_inputs(const Json& graph, const Json& signature) {
  const auto& specs = member<Json::Array>(&signature, "input_specs", "a signature");
  const auto& inputs = member<Json::Array>(&graph, "inputs", "a graph");
  if (specs.size() != inputs.size())
    refuse("expected as many inputs of the graph as of its signature, got {} and {}", inputs.size(), specs.size());
  if (specs.size() > max_inputs) refuse("expected at most {} inputs, got {}", max_inputs, specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    const auto [kind, spec] = single(specs[i], "what an input is");
    if (kind == "parameter" || kind == "buffer" || kind == "tensor_constant") {
      read_tensor(kind, spec, inputs[i]);
    } else if (kind == "user_input") {
      const Json* argument = spec.find("arg");
      if (argument == nullptr) refuse("expected an arg of an input");
      const auto [type, value] = single(*argument, "an input");
      const std::string name = type == "as_tensor" || type == "as_sym_int" ? name_in(value, "an input") : "";
      if (name.empty()) refuse("an input is of the kind {}, which is not supported; tensors are", shown(type));
      if (type == "as_sym_int")
        refuse("the input {} is a number that may change; only tensors may: export it with that number fixed",
               shown(name));
      const Json* given = inputs[i].find("as_tensor");
      if (given == nullptr || name_in(*given, "an input") != name)
        refuse("the signature's {} is not the graph's input", shown(name));
      program_.inputs.push_back({define(name, true), name, program_.inputs.size() + program_.baked.size()});
      const std::optional<ExportedType>& own = program_.values.back().type;
      if (!own) refuse("nothing is said of the input {}", shown(name));
      if (!computed_type(own->dtype))
        refuse("the input {} is of {}; upconv computes in float32: export the network after .float()", shown(name),
               upconv::name(own->dtype));
    } else if (kind == "constant_input") {
      const std::string& name = member<std::string>(&spec, "name", "a constant input");
      const Json* value = spec.find("value");
      if (value == nullptr) refuse("the constant input {} has no value", shown(name));
      ReadArgument read = argument(*value, "a constant input");
      if (read.argument.get<Reference>() != nullptr || read.argument.get<Argument::List>() != nullptr)
        read.unsupported = "it is neither a number, a text, a truth nor None";
      if (!read.unsupported.empty()) refuse("the constant input {}: {}", shown(name), read.unsupported);
      program_.baked.emplace_back(define(bounded(name, "a constant input"), false), std::move(read.argument));
    } else {
      refuse("an input is a {}, which is not supported", shown(kind));
    }
  }
}

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

void ProgramReader::read_results(ExportedNode& node, const Json::Array& outputs) {
  for (const Json& output : outputs) {
    const auto [key, value] = single(output, "a result");
    if (key == "as_tensor") {
      node.outputs.push_back(define(name_in(value, "a result"), true));
    } else if (key == "as_tensors") {
      const auto* names = value.get<Json::Array>();
      if (names == nullptr) refuse("expected a list of tensors as a result");
      for (const Json& name : *names) node.outputs.push_back(define(name_in(name, "a result"), true));
    } else if (key == "as_sym_int" || key == "as_sym_bool" || key == "as_sym_float") {
      node.outputs.push_back(define(name_in(value, "a result"), false));
    } else if (key != "as_none") {
      node.unsupported = fmt::format("its result is of the kind {}", shown(key));
    }
  }
  // Only what asserts something has none.
  if (node.outputs.empty() && node.row != nullptr && !node.row->name.starts_with("_assert") && node.unsupported.empty())
    node.unsupported = "it has no result";
  for (int output : node.outputs) {
    const std::optional<ExportedType>& type = program_.values[static_cast<size_t>(output)].type;
    if (type && !computed_type(type->dtype) && node.unsupported.empty())
      node.unsupported = type->dtype == DType::float8_e8m0fnu
                             ? "its result is of a type that is not computed with"
                             : fmt::format(
                                   "its result is of {}; upconv computes in float32: export the network after "
                                   ".float(), without autocast",
                                   name(type->dtype));
  }
}

/// "L__self__up,up,torch.nn.modules.container.Sequential;L__self__up.0,up.0,torch.nn.modules.conv.Conv2d"
void ProgramReader::read_origin(ExportedNode& node, const Json& json) {
  const Json* stack = json.find("metadata", "nn_module_stack");
  const auto* text = stack == nullptr ? nullptr : stack->get<std::string>();
  if (text == nullptr) return;
  for (size_t begin = 0; begin < text->size();) {
    const size_t end = std::min(text->find(';', begin), text->size());
    const std::string_view entry = std::string_view(*text).substr(begin, end - begin);
    begin = end + 1;
    const size_t first = entry.find(','), second = entry.find(',', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos) return;
    const std::string_view path = entry.substr(first + 1, second - first - 1);
    if (path == unnamed_module) continue;
    node.path = path.substr(0, path.find('@'));  // "up@1" is its second call
    node.type_name = entry.substr(second + 1);
    check_path(node.path);
    bounded(node.type_name, "a class");
    node.stack.push_back({std::string(entry.substr(0, first)), node.path, node.type_name});
    program_.type_names.try_emplace(node.path, node.type_name);
  }
}

/// Whoever reads a value after its memory was written over under another name would read something else in PyTorch.
void ProgramReader::follow_memory(ExportedNode& node) {
  const auto called = [this](int value) { return shown(program_.values[static_cast<size_t>(value)].name); };
  std::vector<int> read;
  for (const Argument& argument : node.arguments) each_reference(argument, [&](int value) { read.push_back(value); });
  for (int value : read)
    if (const auto found = unreadable_.find(value); found != unreadable_.end())
      node.unsupported = fmt::format("it reads {}, which is {}", called(value), found->second);
  for (int value : read)
    if (is_stale_[static_cast<size_t>(value)])
      node.unsupported = fmt::format(
          "it reads {} after something wrote over its memory in place; let the network make a new tensor there",
          called(value));
  if (node.arguments.empty() || !is_tensor(node.arguments[0])) return;
  const int memory = memory_[static_cast<size_t>(node.arguments[0].get<Reference>()->index)];
  if (node.in_place) {
    if (kept_memory_.contains(memory))
      node.unsupported = "it changes a parameter or buffer, which stay as they are here";
    std::vector<int>& sharing = sharing_[static_cast<size_t>(memory)];  // the results are not among them
    for (int value : sharing) is_stale_[static_cast<size_t>(value)] = true;
    sharing.clear();  // once is enough, so that all nodes together take no longer than there are values
  } else if (node.row->is_view) {
    for (int output : node.outputs) {
      memory_[static_cast<size_t>(output)] = memory;
      sharing_[static_cast<size_t>(memory)].push_back(output);
    }
  }
}

void ProgramReader::read_node(const Json& json) {
  if (program_.nodes.size() == max_nodes) refuse("expected at most {} nodes, got more", max_nodes);
  ExportedNode node;
  node.target = bounded(member<std::string>(&json, "target", "a node"), "an operation");
  read_origin(node, json);
  std::string name = node.target;
  if (name.starts_with(aten)) {
    name.erase(0, aten.size());
    if (name.ends_with(default_overload)) name.erase(name.size() - default_overload.size());
    const size_t end = std::min(name.find('.'), name.size());
    if (end > 1 && name[end - 1] == '_' && name[end - 2] != '_') {
      node.in_place = name != "detach_";  // which changes nothing
      name.erase(end - 1, 1);
    }
  }
  node.row = find_operation(name);
  if (node.row == nullptr) node.unsupported = "it is not known";
  read_arguments(node, member<Json::Array>(&json, "inputs", "a node"));
  check_training(node);
  read_results(node, member<Json::Array>(&json, "outputs", "a node"));
  if (node.row != nullptr) follow_memory(node);
  program_.nodes.push_back(std::move(node));
}

void ProgramReader::read_outputs(const Json& graph, const Json& signature) {
  const auto& specs = member<Json::Array>(&signature, "output_specs", "a signature");
  const auto& outputs = member<Json::Array>(&graph, "outputs", "a graph");
  if (specs.size() != outputs.size())
    refuse("expected as many outputs of the graph as of its signature, got {} and {}", outputs.size(), specs.size());
  for (const Json& json : specs) {
    const auto [kind, spec] = single(json, "what an output is");
    if (kind == "user_input_mutation") continue;  // what the caller gave stays as it is
    if (kind != "user_output")
      refuse("it gives a {}, which is not supported: parameters and buffers stay as they are", shown(kind));
    const Json* given = spec.find("arg");
    if (given == nullptr) refuse("expected an arg of an output");
    ReadArgument read = argument(*given, "an output");
    if (read.argument.get<Argument::List>() != nullptr) read.unsupported = "it is a list";
    const auto* reference = read.argument.get<Reference>();
    if (reference != nullptr && unreadable_.contains(reference->index))
      read.unsupported = "it is " + unreadable_.at(reference->index);
    if (!read.unsupported.empty()) refuse("an output cannot be given: {}", read.unsupported);
    if (reference != nullptr && is_stale_[static_cast<size_t>(reference->index)])
      refuse("the output {} was written over in place; let the network make a new tensor there",
             shown(program_.values[static_cast<size_t>(reference->index)].name));
    program_.outputs.push_back(std::move(read.argument));
  }
}

void ProgramReader::read_modules(const Json& module) {
  const auto* calls = module.get<Json::Array>("module_call_graph");
  if (calls == nullptr) return;
  for (const Json& call : *calls) {
    const auto* path = call.get<std::string>("fqn");
    if (path == nullptr) continue;
    if (program_.modules.size() == max_modules) refuse("expected at most {} modules, got more", max_modules);
    program_.modules.push_back(path->substr(0, path->find('@')));
    check_path(program_.modules.back());
  }
}

void ProgramReader::read_sizes() {
  if (const auto* ranges = tree_.get<Json::Object>("range_constraints"))
    for (const auto& [text, json] : *ranges) {
      ExportedRange range{.text = text, .expression = expression(text), .least = {}, .most = {}};
      for (const auto& [key, bound] : {std::pair("min_val", &range.least), std::pair("max_val", &range.most)}) {
        const Json* given = json.find(key);
        if (given == nullptr || given->get<std::monostate>() != nullptr) continue;  // there is no bound
        const auto* number = given->get<int64_t>();
        if (number == nullptr) refuse("expected a whole number or null as {} of {}", key, shown(text));
        *bound = *number;
      }
      program_.ranges.push_back(std::move(range));
    }
  if (const auto* guards = tree_.get<Json::Array>("guards_code"))
    for (const Json& guard : *guards) {
      const auto* text = guard.get<std::string>();
      if (text == nullptr) refuse("expected texts as guards_code, got something else");
      program_.guards.push_back({*text, expression(*text)});
    }
}

void ProgramReader::find_merges() {
  std::vector<bool> is_used(program_.values.size());
  const auto use = [&](int value) { is_used[static_cast<size_t>(value)] = true; };
  for (const ExportedNode& node : program_.nodes)
    for (const Argument& argument : node.arguments) each_reference(argument, use);
  for (const Argument& output : program_.outputs) each_reference(output, use);

  // Inputs that are used, in their order, by what is said of them: a file may have many.
  const auto described = [](const ExportedType& type) {
    std::string text(name(type.dtype));
    for (const ExportedSize& size : type.sizes) text += "|" + size.text;
    return text;
  };
  std::map<std::string, std::vector<size_t>> used;
  for (size_t i = 0; i < program_.inputs.size(); ++i) {
    const auto value = static_cast<size_t>(program_.inputs[i].value);
    if (is_used[value]) used[described(*program_.values[value].type)].push_back(i);
  }
  const auto find = [&](int value, const std::string& name, size_t first_input) {
    const std::optional<ExportedType>& type = program_.values[static_cast<size_t>(value)].type;
    if (is_used[static_cast<size_t>(value)] || !type) return;
    const auto alike = used.find(described(*type));
    if (alike == used.end()) return;
    const auto input = std::lower_bound(alike->second.begin(), alike->second.end(), first_input);
    if (input != alike->second.end()) program_.merges.push_back({name, program_.inputs[*input].name});
  };
  for (const ExportedTensor& tensor : program_.tensors) find(tensor.value, tensor.name, 0);
  for (size_t i = 0; i < program_.inputs.size(); ++i) find(program_.inputs[i].value, program_.inputs[i].name, i + 1);
}

ExportedProgram ProgramReader::read() {
  const Json* version = tree_.find("schema_version");
  if (const int64_t major = member<int64_t>(version, "major", "a schema_version"); major != schema_major)
    refuse("expected version {} of the format, got {}; save it with a PyTorch of 2.8 or newer", schema_major, major);
  if (const auto* torch = tree_.get<std::string>("torch_version")) program_.torch_version = *torch;
  const Json* module = tree_.find("graph_module");
  const Json* graph = module == nullptr ? nullptr : module->find("graph");
  const Json* signature = module == nullptr ? nullptr : module->find("signature");
  if (graph == nullptr || signature == nullptr) refuse("expected a graph_module with a graph and a signature");
  read_types(*graph);
  read_modules(*module);
  read_inputs(*graph, *signature);
  for (const Json& node : member<Json::Array>(graph, "nodes", "a graph")) read_node(node);
  read_outputs(*graph, *signature);
  read_sizes();
  find_merges();
  return std::move(program_);
}

}  // namespace

std::string_view advice(std::string_view target) {
  if (target.find("set_grad_enabled") != std::string_view::npos)
    return "; take torch.no_grad() out of forward() and export under it, or export with run_decompositions()";
  if (target.find("autocast") != std::string_view::npos) return "; export without autocast";
  if (target.starts_with("torch.ops.higher_order"))
    return "; export with run_decompositions(), or without control flow";
  return "";
}

ExportedProgram read_program(const ExportedParts& parts) { return ProgramReader(parts).read(); }

void refuse_unsupported(const ExportedProgram& program) {
  struct Refusal {
    const ExportedNode* first;
    size_t count;
  };
  std::vector<std::string> order;  // in which they came
  std::map<std::string, Refusal> refusals;
  for (const ExportedNode& node : program.nodes) {
    if (node.unsupported.empty()) continue;
    const std::string key = fmt::format("{}: {}", printable(node.target), node.unsupported);
    const auto [found, is_new] = refusals.try_emplace(key, Refusal{&node, 0});
    if (is_new) order.push_back(key);
    ++found->second.count;
  }
  if (refusals.empty()) return;
  std::vector<std::string> lines;
  for (const std::string& text : order) {
    if (lines.size() == max_refusals) {
      lines.push_back(fmt::format("and {} more", order.size() - max_refusals));
      break;
    }
    const auto& [node, count] = refusals.at(text);
    std::string where = node->path.empty() ? "" : fmt::format(", first in {}", node->path);
    if (!node->type_name.empty()) where += fmt::format(" ({})", printable(node->type_name));
    lines.push_back(fmt::format("{}{}, {} time{}{}", text, advice(node->target), count, count == 1 ? "" : "s", where));
  }
  fail("{}: not all of it can be run:\n  {}", program.where, fmt::join(lines, "\n  "));
}

}  // namespace upconv::internal
