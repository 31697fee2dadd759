#include "layers/exported/rewriting.h"

#include <algorithm>

namespace upconv::internal {

ExportedSize exported_size(int64_t number) {
  return {.number = number, .text = std::to_string(number), .expression = {}};
}
bool same(const ExportedSize& a, const ExportedSize& b) {
  if (a.number || b.number) return a.number == b.number;
  return a.expression && b.expression && a.text == b.text;
}
bool same(const Sizes& a, const Sizes& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const auto& one, const auto& other) { return same(one, other); });
}

Argument list_of(std::initializer_list<int64_t> numbers) {
  Argument::List all;
  for (int64_t number : numbers) all.push_back({number});
  return {std::move(all)};
}

ProgramRewriting::ProgramRewriting(ExportedProgram& program)
    : program_(program),
      maker_(program.values.size(), -1),
      tensor_(program.values.size()),
      known_(program.values.size()),
      readers_(program.values.size()),
      given_back_(program.values.size()) {
  for (const Argument& output : program.outputs)
    each_reference(output, [&](int value) { given_back_[at(value)] = true; });
  for (const ExportedTensor& tensor : program.tensors) {
    known_[at(tensor.value)] = true;
    tensor_[at(tensor.value)] = &tensor;
  }
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    const ExportedNode& node = program.nodes[i];
    bool known = true;
    for (const Argument& argument : node.arguments)
      each_reference(argument, [&](int value) {
        known &= known_[at(value)];
        readers_[at(value)].push_back(static_cast<int>(i));
      });
    for (int output : node.outputs) {
      maker_[at(output)] = static_cast<int>(i);
      known_[at(output)] = known && program.values[at(output)].is_tensor;
    }
  }
}

void ProgramRewriting::rewrite(const std::function<bool(const ExportedNode& node)>& replace) {
  for (const ExportedNode& node : program_.nodes)
    if (replace(node))
      replaced_.push_back(&node);
    else
      made_.push_back(node);
  if (replaced_.empty()) return;
  drop_unread();
  program_.nodes = std::move(made_);
}

bool ProgramRewriting::name_is(const ExportedNode& node, std::initializer_list<std::string_view> names) {
  return node.row != nullptr && std::find(names.begin(), names.end(), node.row->name) != names.end();
}

int ProgramRewriting::given(const ExportedNode& node, std::string_view name) {
  const Argument* argument = find_argument(node, name);
  const auto* reference = argument == nullptr ? nullptr : argument->get<Reference>();
  return reference == nullptr ? -1 : reference->index;
}

std::optional<double> ProgramRewriting::number(const ExportedNode& node, std::string_view name) {
  const Argument* argument = find_argument(node, name);
  if (argument == nullptr) return {};
  if (const auto* integer = argument->get<int64_t>()) return static_cast<double>(*integer);
  if (const auto* real = argument->get<double>()) return *real;
  return {};
}

const ExportedNode* ProgramRewriting::maker(int value) const {
  return value < 0 || maker_[at(value)] < 0 ? nullptr : &program_.nodes[at(maker_[at(value)])];
}

std::optional<Sizes> ProgramRewriting::sizes(int value) const {
  if (value < 0) return {};
  if (at(value) < tensor_.size() && tensor_[at(value)] != nullptr) {
    const Stored& stored = tensor_[at(value)]->stored;
    if (stored.dtype != DType::float32) return {};
    Sizes all;
    for (int64_t number : stored.shape) all.push_back(exported_size(number));
    return all;
  }
  const ExportedValue& of = program_.values[at(value)];
  if (!of.is_tensor || !of.type || of.type->dtype != DType::float32) return {};
  return of.type->sizes;
}

bool ProgramRewriting::is_size(const Argument& argument, const ExportedSize& expected) const {
  if (const auto* integer = argument.get<int64_t>()) return expected.number == *integer;
  const auto* reference = argument.get<Reference>();
  const ExportedNode* node = reference == nullptr ? nullptr : maker(reference->index);
  if (node == nullptr || !name_is(*node, {"sym_size.int"})) return false;
  const std::optional<Sizes> of = sizes(given(*node, "self"));
  const auto* dim = find_argument(*node, "dim")->get<int64_t>();
  if (!of || dim == nullptr) return false;
  const int64_t rank = std::ssize(*of), index = *dim < 0 ? *dim + rank : *dim;
  return index >= 0 && index < rank && same((*of)[at(static_cast<int>(index))], expected);
}

bool ProgramRewriting::is_view(const ExportedNode& node) {
  return name_is(node, {"view", "reshape", "_unsafe_view", "flatten.using_ints", "unflatten.int", "view_as"});
}

bool ProgramRewriting::is_copy(const ExportedNode& node) const {
  if (name_is(node, {"to.dtype"})) return sizes(given(node, "self")) && sizes(node.outputs[0]);
  return name_is(node, {"clone", "contiguous", "alias", "detach", "lift_fresh_copy"});
}

bool ProgramRewriting::is_convolution(const ExportedNode& node) {
  return name_is(node, {"conv2d", "conv2d.padding", "conv_transpose2d.input", "convolution"});
}

bool ProgramRewriting::is_transposed_convolution(const ExportedNode& node) {
  const Argument* transposed = find_argument(node, "transposed");
  return name_is(node, {"conv_transpose2d.input"}) ||
         (transposed != nullptr && transposed->get<bool>() != nullptr && *transposed->get<bool>());
}

int ProgramRewriting::uncopied(int value) const {
  for (size_t i = 0; i < most_looked_at; ++i) {
    const ExportedNode* node = maker(value);
    if (node == nullptr || !is_copy(*node)) break;
    value = given(*node, "self");
  }
  return value;
}

bool ProgramRewriting::pads_with_zeros(const ExportedNode& node, size_t rank) {
  if (!name_is(node, {"pad", "constant_pad_nd"})) return false;
  const auto* pad = find_argument(node, "pad")->get<Argument::List>();
  if (pad == nullptr || pad->size() > 2 * (rank - 2)) return false;
  const Argument* mode = find_argument(node, "mode");
  const bool is_constant = mode == nullptr || (mode->get<std::string>() && *mode->get<std::string>() == "constant");
  return is_constant && (find_argument(node, "value")->is_none() || number(node, "value") == 0);
}

bool ProgramRewriting::asks_for_height_or_width(const ExportedNode& node) {
  const std::optional<double> dim = name_is(node, {"sym_size.int"}) ? number(node, "dim") : std::nullopt;
  return dim && (*dim == 2 || *dim == 3 || *dim == -1 || *dim == -2);
}

int ProgramRewriting::add_value(Sizes sizes) {
  program_.values.push_back({.name = "rewritten_" + std::to_string(program_.values.size()),
                             .is_tensor = true,
                             .type = ExportedType{std::move(sizes), DType::float32}});
  return static_cast<int>(program_.values.size()) - 1;
}

int ProgramRewriting::add(const ExportedNode& of, std::string_view name, std::vector<Argument> arguments, Sizes sizes,
                          int output) {
  ExportedNode node;
  node.row = find_operation(name);
  node.target = "torch.ops.aten." + std::string(name) + (name.find('.') == std::string_view::npos ? ".default" : "");
  node.path = of.path;
  node.type_name = of.type_name;
  node.stack = of.stack;
  for (size_t i = arguments.size(); i < node.row->parameters.size(); ++i)
    arguments.push_back(node.row->parameters[i].initial.value_or(Argument{}));
  node.arguments = std::move(arguments);
  node.outputs = {output < 0 ? add_value(std::move(sizes)) : output};
  made_.push_back(std::move(node));
  return made_.back().outputs[0];
}

void ProgramRewriting::give(ExportedNode& node, std::string_view parameter, const Argument& argument) {
  for (size_t i = 0; i < node.row->parameters.size(); ++i)
    if (node.row->parameters[i].name == parameter) node.arguments[i] = argument;
}

void ProgramRewriting::drop_unread() {
  std::vector<bool> may_go(program_.values.size());
  std::vector<int> queue;
  const auto visit = [&](int value) {
    if (may_go[at(value)]) return;
    may_go[at(value)] = true;
    queue.push_back(value);
  };
  for (const ExportedNode* node : replaced_)
    for (const Argument& argument : node->arguments) each_reference(argument, visit);
  while (!queue.empty()) {
    const ExportedNode* node = maker(queue.back());
    queue.pop_back();
    if (node == nullptr) continue;
    for (const Argument& argument : node->arguments) each_reference(argument, visit);
  }
  std::vector<bool> is_read(program_.values.size());
  const auto read = [&](int value) { is_read[at(value)] = true; };
  for (const Argument& output : program_.outputs) each_reference(output, read);
  std::vector<ExportedNode> kept;
  for (size_t i = made_.size(); i-- > 0;) {
    const bool goes = !made_[i].outputs.empty() &&
                      std::all_of(made_[i].outputs.begin(), made_[i].outputs.end(),
                                  [&](int output) { return may_go[at(output)] && !is_read[at(output)]; });
    if (goes) continue;
    for (const Argument& argument : made_[i].arguments) each_reference(argument, read);
    kept.push_back(std::move(made_[i]));
  }
  made_.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

}  // namespace upconv::internal
