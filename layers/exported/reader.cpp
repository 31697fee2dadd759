#include "layers/exported/reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/json_tree.h"
#include "layers/exported/operations.h"
#include "layers/exported/path.h"
#include "layers/exported/program_reader.h"

namespace upconv::internal {
namespace {

// What a file of a few bytes can ask for is bounded: RRDBNet with 23 blocks has a thousand nodes, as many tensors and
// modules, and 50'000 values of JSON. One that is larger has weights that are.
constexpr size_t fewest_values = 300'000;  // of JSON that are always read; and one more for each 8 bytes of the archive
constexpr size_t max_values = 2'000'000;
constexpr size_t max_nodes = 20'000, max_inputs = 20'000, max_modules = 10'000;
constexpr int64_t most_levels = 100;         // of modules within each other
constexpr size_t max_name = 500;             // bytes of a name of a value, a target, or a module with those around it
constexpr size_t max_expressions = 100'000;  // bytes of all expressions of sizes, of which equal ones count once
constexpr int64_t schema_major = 8;
constexpr std::string_view unnamed_module = "_empty_nn_module_stack_from_metadata_hook";  // what PyTorch made itself
constexpr std::string_view aten = "torch.ops.aten.", default_overload = ".default";

}  // namespace

ProgramReader::ProgramReader(const ExportedParts& parts)
    : parts_(parts),
      tree_(json_tree(text_of(parts.text.span), parts.where,
                      std::min(fewest_values + parts.archive_size / 8, max_values))) {
  program_.where = parts.where;
  program_.archive_size = parts.archive_size;
}

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

/// Of a module: those around it are made with it, and each in the one before.
void ProgramReader::check_levels(const std::string& path) const {
  if (std::count(path.begin(), path.end(), '.') > most_levels)
    refuse("expected modules nested at most {} deep, got more", most_levels);
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
  check_levels(parent_of(name));
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
      refuse(
          "an input is a {}, which is not supported: tensors are, and parameters and buffers; objects that forward() "
          "uses, such as a torch.Generator, are such inputs, and so are the tokens of checks that "
          "run_decompositions() adds",
          shown(kind));
    }
  }
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
    check_levels(node.path);
    bounded(node.type_name, "a class");
    node.stack.push_back({std::string(entry.substr(0, first)), node.path});
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
          "it reads {} after something wrote over its memory in place; let the network make a new tensor there, or "
          "export "
          "with run_decompositions({{}})",
          called(value));
  if (node.arguments.empty() || !is_tensor(node.arguments[0])) return;
  const int memory = memory_[static_cast<size_t>(node.arguments[0].get<Reference>()->index)];
  if (node.in_place) {
    if (kept_memory_.contains(memory))
      node.unsupported = "it changes a parameter or buffer, which stay as they are here; let forward() read it alone";
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
    if (kind != "user_output") {
      const Json* buffer = spec.find("buffer_name");
      const auto* name = buffer == nullptr ? nullptr : buffer->get<std::string>();
      refuse("it gives a {}, which is not supported: parameters and buffers stay as they are{}", shown(kind),
             name == nullptr ? "" : fmt::format("; let forward() read {} alone", shown(*name)));
    }
    const Json* given = spec.find("arg");
    if (given == nullptr) refuse("expected an arg of an output");
    ReadArgument read = argument(*given, "an output");
    if (read.argument.get<Argument::List>() != nullptr) read.unsupported = "it is a list";
    const auto* reference = read.argument.get<Reference>();
    if (reference != nullptr && unreadable_.contains(reference->index))
      read.unsupported = "it is " + unreadable_.at(reference->index);
    if (!read.unsupported.empty()) refuse("an output cannot be given: {}", read.unsupported);
    if (reference != nullptr && is_stale_[static_cast<size_t>(reference->index)])
      refuse(
          "the output {} was written over in place; let the network make a new tensor there, or export with "
          "run_decompositions({{}})",
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
    check_levels(program_.modules.back());
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

ExportedProgram read_program(const ExportedParts& parts) { return ProgramReader(parts).read(); }

}  // namespace upconv::internal
