#include "tools/write/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "layers/exported/path.h"
#include "tools/write/node.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// Whether a path is of a module that torch.nn.utils.parametrize keeps a weight in.
bool is_parametrization(const std::string& path) {
  return path.find(".parametrizations.") != path.npos || path.ends_with(".parametrizations") ||
         path.starts_with("parametrizations.") || path == "parametrizations";
}

/// The argument of a layer that says whether it writes over what it is given; nullptr where it never does.
Expression* in_place_flag(LayerCall& layer) {
  for (ExpressionArgument& argument : layer.constructor.arguments)
    if (argument.value.role == "inplace") return &argument.value;
  return nullptr;
}

}  // namespace

Calls::Calls(const ExportedRunner& runner) : runner_(runner) {
  makers_.resize(program().values.size(), -1);
  tensors_.resize(program().values.size(), -1);
  for (size_t i = 0; i < program().nodes.size(); ++i)
    for (int output : program().nodes[i].outputs) makers_[static_cast<size_t>(output)] = static_cast<int>(i);
  for (size_t i = 0; i < program().tensors.size(); ++i)
    tensors_[static_cast<size_t>(program().tensors[i].value)] = static_cast<int>(i);
  read_modules();
  read_calls();
  find_layers(root_);
  find_copies(root_, false);
  find_normalizations(root_, count_readers());
  settle_in_place(root_);
  // A layer is one in all of its calls.
  for (auto& [path, node] : modules_) {
    std::vector<Expression*> flags;
    for (Call* call : node.calls)
      if (Expression* flag = call->layer ? in_place_flag(*call->layer) : nullptr) flags.push_back(flag);
    const bool all =
        std::all_of(flags.begin(), flags.end(), [](const Expression* flag) { return flag->number == Number(true); });
    for (Expression* flag : flags) flag->number = all;
  }
  for (const Argument& output : program().outputs)
    each_reference(output, [&](int value) { live_.insert(same(value)); });
  find_live(root_);
  drop_dead(root_);
  find_ends(root_);
}

void Calls::refuse(const std::string& why) const { fail("{}: cannot be written as C++: {}", program().where, why); }
void Calls::refuse(int node, const std::string& why) const {
  const ExportedNode& one = program().nodes[static_cast<size_t>(node)];
  refuse(fmt::format("{}{}: {}", printable(one.row->name),
                     one.path.empty() ? "" : fmt::format(" in {}", printable(one.path)), why));
}

int Calls::same(int value) const {
  for (auto found = same_.find(value); found != same_.end(); found = same_.find(value)) value = found->second;
  return value;
}

bool Calls::is_folded(int value) const {
  const int node = maker(value);
  return node >= 0 && runner_.is_folded()[static_cast<size_t>(node)];
}

bool Calls::is_tensor(int value) const { return program().values[static_cast<size_t>(value)].is_tensor; }

/// Numbers are written where they are used, and assertions not at all.
bool Calls::is_number_node(const ExportedNode& node) const {
  return std::none_of(node.outputs.begin(), node.outputs.end(), [&](int output) { return is_tensor(output); });
}

void Calls::read_modules() {
  const auto add = [&](const std::string& path) {
    for (std::string at = path; !modules_.contains(at); at = parent_of(at)) {
      ModuleNode node{.path = at, .name = last_of(at), .type_name = {}, .children = {}, .tensors = {}, .calls = {}};
      if (const auto type = program().type_names.find(at); type != program().type_names.end())
        node.type_name = type->second;
      modules_.emplace(at, std::move(node));
      if (at.empty()) break;
    }
  };
  std::vector<std::string> paths = {""};
  for (const std::string& path : program().modules)
    if (!is_parametrization(path)) paths.push_back(path);
  for (size_t i = 0; i < program().tensors.size(); ++i) {
    const ExportedTensor& tensor = program().tensors[i];
    if (const std::string path = parent_of(tensor.name);
        tensor.kind != ExportedTensor::Kind::constant && !is_parametrization(path))
      paths.push_back(path);
  }
  std::set<std::string> linked = {""};
  for (const std::string& path : paths) {
    add(path);
    std::vector<std::string> chain;
    for (std::string at = path; !linked.contains(at); at = parent_of(at)) {
      linked.insert(at);
      chain.push_back(at);
    }
    for (size_t k = chain.size(); k-- > 0;) modules_.at(parent_of(chain[k])).children.push_back(chain[k]);
  }
  for (size_t i = 0; i < program().tensors.size(); ++i) {
    const ExportedTensor& tensor = program().tensors[i];
    if (const std::string path = parent_of(tensor.name);
        tensor.kind != ExportedTensor::Kind::constant && !is_parametrization(path))
      modules_.at(path).tensors.push_back(static_cast<int>(i));
  }
  for (const auto& [path, node] : modules_) {
    int height = 0;
    for (std::string at = path; !at.empty(); at = parent_of(at)) {
      ModuleNode& around = modules_.at(parent_of(at));
      around.height = std::max(around.height, ++height);
    }
  }
}

void Calls::read_calls() {
  root_.type_name = modules_.at("").type_name;
  std::set<std::string> seen;
  std::vector<Call*> open = {&root_};
  for (size_t i = 0; i < program().nodes.size(); ++i) {
    const ExportedNode& node = program().nodes[i];
    if (is_number_node(node)) continue;
    std::vector<const ExportedFrame*> frames;
    for (const ExportedFrame& frame : node.stack)
      if (!frame.path.empty() && modules_.contains(frame.path)) frames.push_back(&frame);
    size_t shared = 0;
    while (shared < frames.size() && shared + 1 < open.size() &&
           open[shared + 1]->key == open[shared]->key + "/" + frames[shared]->call)
      ++shared;
    open.resize(shared + 1);
    for (; shared < frames.size(); ++shared) {
      const ExportedFrame& frame = *frames[shared];
      const std::string key = open.back()->key + "/" + frame.call;
      if (!seen.insert(key).second) refuse(static_cast<int>(i), "its module's operations are not in one piece");
      auto call = std::make_unique<Call>();
      call->key = key;
      call->path = frame.path;
      call->type_name = program().type_names.at(frame.path);
      call->first = static_cast<int>(i);
      Call* made = call.get();
      modules_.at(frame.path).calls.push_back(made);
      open.back()->steps.push_back({-1, std::move(call)});
      open.push_back(made);
    }
    for (Call* call : open) call->last = static_cast<int>(i);
    open.back()->steps.push_back({static_cast<int>(i), nullptr});
  }
  root_.first = 0;
  root_.last = std::numeric_limits<int>::max();
  modules_.at("").calls.push_back(&root_);
}

void Calls::find_layers(Call& call) {
  for (Step& step : call.steps)
    if (step.call) {
      step.call->layer = layer_of(*this, *step.call);
      if (!step.call->layer) find_layers(*step.call);
    }
}

namespace {

/// Views of views that are looked behind: what a file of a few bytes can ask for is bounded.
constexpr int most_views = 32;

bool is_view(std::string_view row) {
  static const std::set<std::string_view> views = {"view",      "_unsafe_view", "reshape",     "flatten.using_ints",
                                                   "unsqueeze", "squeeze",      "squeeze.dim", "squeeze.dims"};
  return views.contains(row);
}

/// Whether a slice is all of what it is taken from, as that of the first dimension in x[:, None] is.
bool is_whole(const NodeView& slice) {
  return (slice.is_none("start") || slice.integer("start") == 0) && slice.integer("step") == 1 &&
         (slice.is_none("end") || slice.integer("end") == std::numeric_limits<int64_t>::max());
}

bool have_same_sizes(const std::optional<ExportedType>& a, const std::optional<ExportedType>& b) {
  return a && b &&
         std::equal(a->sizes.begin(), a->sizes.end(), b->sizes.begin(), b->sizes.end(),
                    [](const ExportedSize& one, const ExportedSize& other) {
                      return one.number == other.number && one.text == other.text;
                    });
}

}  // namespace

/// Of a view, the value behind it and others that has its sizes; -1 where there is none.
int Calls::origin_of_view(int node) const {
  const auto& values = program().values;
  const int output = program().nodes[static_cast<size_t>(node)].outputs.at(0);
  int value = output;
  for (int i = 0; i < most_views; ++i) {
    const int made = maker(value);
    if (made < 0 || !is_view(program().nodes[static_cast<size_t>(made)].row->name)) return -1;
    value = same(program().nodes[static_cast<size_t>(made)].arguments.at(0).get<Reference>()->index);
    if (have_same_sizes(values[static_cast<size_t>(value)].type, values[static_cast<size_t>(output)].type))
      return value;
  }
  return -1;
}

/// Of a squeeze() that takes away what unsqueeze() has added: the tensor before both, and what is left of it.
std::optional<Unsqueezed> Calls::unsqueezed_of(int node, int views) const {
  if (node < 0 || views > most_views) return {};
  const NodeView one(*this, node);
  if (one.row() == "unsqueeze") {
    const auto dim = one.integer("dim");
    if (!dim) return {};
    const int value = one.value("self");
    const auto before = unsqueezed_of(maker(value), views + 1);
    Unsqueezed made = before.value_or(Unsqueezed{value, {}});
    const auto at = *dim < 0 ? *dim + static_cast<int64_t>(rank(one.output())) : *dim;
    for (int64_t& other : made.dims) other += other >= at ? 1 : 0;
    made.dims.insert(std::lower_bound(made.dims.begin(), made.dims.end(), at), at);
    return made;
  }
  if (one.row() != "squeeze.dim" && one.row() != "squeeze.dims") return {};
  auto made = unsqueezed_of(maker(one.value("self")), views + 1);
  auto dims = one.integers("dim");
  if (!made || !dims) return {};
  for (int64_t& dim : *dims) dim += dim < 0 ? static_cast<int64_t>(rank(one.value("self"))) : 0;
  std::sort(dims->rbegin(), dims->rend());
  for (int64_t dim : *dims) {
    if (std::erase(made->dims, dim) == 0) return {};
    for (int64_t& other : made->dims) other -= other > dim ? 1 : 0;
  }
  return made;
}

const Unsqueezed* Calls::unsqueezed(int node) const {
  const auto found = unsqueezed_.find(node);
  return found == unsqueezed_.end() ? nullptr : &found->second;
}

/// Whether a tensor is made of ones alone.
bool Calls::is_ones(int value, int views) const {
  const int node = maker(value);
  if (node < 0 || views > most_views) return false;
  const NodeView one(*this, node);
  if (one.row() == "ones") return true;
  return (is_view(one.row()) || one.row() == "slice.Tensor") && is_ones(one.value("self"), views + 1);
}

/// The value that a node's result is as it was; -1 where it is another one.
int Calls::copied(int node) const {
  static const std::set<std::string_view> copies = {"alias",           "detach",  "contiguous",      "clone",
                                                    "lift_fresh_copy", "dropout", "feature_dropout", "alpha_dropout"};
  static const std::set<std::string_view> casts = {"to.dtype", "to.dtype_layout", "to.device",
                                                   "_to_copy", "to.other",        "type_as"};
  const NodeView one(*this, node);
  const auto* from = one.node().arguments.empty() ? nullptr : one.node().arguments[0].get<Reference>();
  if (from == nullptr || one.node().outputs.size() != 1) return -1;
  const int output = one.output();
  if (copies.contains(one.row())) return from->index;
  if (casts.contains(one.row())) return one.type(from->index) == one.type(output) ? from->index : -1;
  if (one.row() == "slice.Tensor") return is_whole(one) ? from->index : -1;
  if (one.row() == "pad") {
    const auto sides = one.integers("pad");
    return sides && std::all_of(sides->begin(), sides->end(), [](int64_t side) { return side == 0; }) ? from->index
                                                                                                      : -1;
  }
  if (one.row() == "mul.Tensor" && one.value("other") >= 0 && is_ones(one.value("other")) &&
      have_same_sizes(program().values[static_cast<size_t>(from->index)].type,
                      program().values[static_cast<size_t>(output)].type))
    return from->index;
  return is_view(one.row()) ? origin_of_view(node) : -1;
}

/// Copies are what they copy, but where they are all that a layer does.
void Calls::find_copies(Call& call, bool in_layer) {
  std::erase_if(call.steps, [&](Step& step) {
    if (step.call) {
      find_copies(*step.call, in_layer || step.call->layer.has_value());
      return false;
    }
    const int from = in_layer ? -1 : copied(step.node);
    if (from >= 0) {
      same_[program().nodes[static_cast<size_t>(step.node)].outputs[0]] = from;
    } else if (const std::string_view row = program().nodes[static_cast<size_t>(step.node)].row->name;
               row.starts_with("squeeze.")) {
      if (auto found = unsqueezed_of(step.node)) unsqueezed_[step.node] = std::move(*found);
    }
    return from >= 0;
  });
}

const Normalization* Calls::normalization(int node) const {
  const auto found = normalizations_.find(node);
  return found == normalizations_.end() ? nullptr : &found->second;
}

/// What a node does that divides a value by the larger of its norm and eps, and the nodes that compute those.
std::optional<Normalization> Calls::normalization_of(int node, std::vector<int>& parts) const {
  const NodeView quotient(*this, node);
  if (quotient.row() != "div.Tensor" || quotient.value("other") < 0) return {};
  Normalization made{.value = quotient.value("self")};
  const auto part = [&](int value, std::string_view row) -> std::optional<NodeView> {
    const int maker = this->maker(value);
    if (maker < 0 || NodeView(*this, maker).row() != row) return {};
    parts.push_back(maker);
    return NodeView(*this, maker);
  };
  const auto spread = part(quotient.value("other"), "expand_as");
  const auto limited = part(spread ? spread->value("self") : quotient.value("other"), "clamp_min");
  const auto norm = limited ? part(limited->value("self"), "linalg_vector_norm") : std::nullopt;
  if (!norm || norm->value("self") != made.value || !norm->boolean("keepdim") || norm->is_none("dim")) return {};
  const auto dims = norm->integers("dim");
  const auto p = norm->number("ord"), eps = limited->number("min");
  if (!dims || dims->size() != 1 || p != 2.0 || !eps) return {};
  made.dim = dims->front();
  made.eps = *eps;
  return made;
}

/// How often each value is read.
std::vector<int> Calls::count_readers() const {
  std::vector<int> counts(program().values.size());
  for (const ExportedNode& node : program().nodes)
    for (int value : tensors_of(node)) ++counts[static_cast<size_t>(value)];
  for (const Argument& result : program().outputs)
    each_reference(result, [&](int value) { ++counts[static_cast<size_t>(same(value))]; });
  return counts;
}

/// What normalize() is made of is one operation, where nobody else reads what is between.
void Calls::find_normalizations(Call& call, const std::vector<int>& counts) {
  std::set<int> absorbed;
  for (Step& step : call.steps) {
    if (step.call) {
      find_normalizations(*step.call, counts);
      continue;
    }
    std::vector<int> parts;
    const auto made = normalization_of(step.node, parts);
    if (!made) continue;
    if (!std::all_of(parts.begin(), parts.end(), [&](int node) {
          return counts[static_cast<size_t>(program().nodes[static_cast<size_t>(node)].outputs.at(0))] == 1;
        }))
      continue;
    normalizations_[step.node] = *made;
    absorbed.insert(parts.begin(), parts.end());
  }
  std::erase_if(call.steps, [&](const Step& step) { return !step.call && absorbed.contains(step.node); });
}

/// A layer works in place where it has what it is given to itself, as in PyTorch: behind a copy, which the library may
/// leave out, it makes a new value.
void Calls::settle_in_place(Call& call) {
  static const std::set<std::string_view> aliases = {"alias", "detach", "dropout", "feature_dropout", "alpha_dropout"};
  static const std::set<std::string_view> copies = {"repeat",
                                                    "pad",
                                                    "constant_pad_nd",
                                                    "expand",
                                                    "flip",
                                                    "stack",
                                                    "slice.Tensor",
                                                    "upsample_nearest2d.vec",
                                                    "upsample_bilinear2d.vec"};
  for (Step& step : call.steps) {
    if (!step.call) continue;
    settle_in_place(*step.call);
    if (!step.call->layer || !program().nodes[static_cast<size_t>(maker(step.call->layer->output))].in_place) continue;
    bool is_copy = false;
    int value = step.call->layer->input;
    for (; same_.contains(value); value = same_.at(value))
      is_copy |= !aliases.contains(program().nodes[static_cast<size_t>(maker(value))].row->name);
    if (const int node = maker(value); node >= 0) {
      const ExportedNode& made = program().nodes[static_cast<size_t>(node)];
      is_copy |= copies.contains(made.row->name) || (made.row->name == "cat" && tensors_of(made).size() < 2);
    }
    if (!is_copy) continue;
    if (Expression* flag = in_place_flag(*step.call->layer)) flag->number = false;
  }
}

size_t Calls::rank(int value) const {
  const auto& known = program().values[static_cast<size_t>(value)].type;
  return known ? known->sizes.size() : 0;
}

std::vector<int> Calls::tensors_of(const ExportedNode& node) const {
  const auto index = static_cast<int>(&node - program().nodes.data());
  if (const Normalization* one = normalization(index)) return {one->value};
  if (const Unsqueezed* one = unsqueezed(index)) return {one->value};
  std::vector<int> all;
  for (const Argument& argument : node.arguments)
    each_reference(argument, [&](int value) {
      if (is_tensor(value)) all.push_back(same(value));
    });
  return all;
}

int Calls::seen(int value, int node) const {
  for (auto found = overwritten_.find(value); found != overwritten_.end(); found = overwritten_.find(value)) {
    const auto& all = found->second;
    const auto outside = std::find_if(all.begin(), all.end(),
                                      [&](const Overwritten& one) { return node < one.first || node > one.last; });
    if (outside == all.end()) return value;
    value = outside->before;
  }
  return value;
}

bool Calls::is_reached(int value, const std::string& path) const {
  const int index = tensor(value);
  if (index < 0) return false;
  const ExportedTensor& one = program().tensors[static_cast<size_t>(index)];
  const std::string owner = parent_of(one.name);
  return one.kind == ExportedTensor::Kind::constant || path.empty() || owner == path || owner.starts_with(path + ".");
}

std::vector<int> Calls::reads(const Call& call, const Step& step) const {
  std::vector<int> all = step.call ? step.call->inputs : tensors_of(program().nodes[static_cast<size_t>(step.node)]);
  for (int& value : all) value = seen(value, step.call ? step.call->first : step.node);
  std::erase_if(all, [&](int value) { return is_reached(value, call.path); });
  return all;
}

std::vector<int> Calls::makes(const Step& step) const {
  return step.call ? step.call->outputs : program().nodes[static_cast<size_t>(step.node)].outputs;
}

void Calls::find_live(const Call& call) {
  for (size_t i = call.steps.size(); i-- > 0;) {
    const Step& step = call.steps[i];
    if (step.call && !step.call->layer) {
      find_live(*step.call);
    } else if (step.call) {
      const LayerCall& layer = *step.call->layer;
      if (!live_.contains(layer.output)) continue;
      live_.insert(same(layer.input));
      readers_[same(layer.input)].push_back(step.call->last);
    } else {
      const ExportedNode& node = program().nodes[static_cast<size_t>(step.node)];
      if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](int value) { return live_.contains(value); }))
        continue;
      for (int value : tensors_of(node)) {
        live_.insert(value);
        readers_[value].push_back(step.node);
      }
    }
  }
}

void Calls::drop_dead(Call& call) {
  std::erase_if(call.steps, [&](Step& step) {
    if (step.call && step.call->layer) return false;
    if (step.call) {
      drop_dead(*step.call);
      return false;
    }
    const ExportedNode& node = program().nodes[static_cast<size_t>(step.node)];
    return std::none_of(node.outputs.begin(), node.outputs.end(), [&](int value) { return live_.contains(value); });
  });
}

/// What each call takes and gives, those within it first.
void Calls::find_ends(Call& call) {
  if (call.layer) {
    call.inputs = {seen(same(call.layer->input), call.first)};
    call.outputs = {call.layer->output};
    if (const Expression* flag = in_place_flag(*call.layer); flag != nullptr && flag->number == Number(true))
      in_place_[call.layer->output] = call.inputs[0];
    return;
  }
  std::set<int> made, given;
  std::vector<int> all;
  for (Step& step : call.steps) {
    if (step.call) find_ends(*step.call);
    for (int value : reads(call, step))
      if (!made.contains(value) && given.insert(value).second) call.inputs.push_back(value);
    for (int value : makes(step)) {
      made.insert(value);
      all.push_back(value);
    }
  }
  if (&call == &root_) {
    call.inputs.clear();
    for (const ExportedArgument& input : program().inputs) call.inputs.push_back(input.value);
    for (const Argument& output : program().outputs) {
      const auto* reference = output.get<Reference>();
      if (reference == nullptr) continue;
      if (!is_tensor(reference->index)) refuse("an output is a number");
      call.outputs.push_back(seen(same(reference->index), root_.last));
    }
    return;
  }
  // An archive does not say in which order Python has them: pictures come before what is said of them, such as labels
  // and styles, which have fewer dimensions.
  std::stable_sort(call.inputs.begin(), call.inputs.end(), [&](int a, int b) { return rank(a) > rank(b); });
  std::set<int> results;
  for (const Argument& output : program().outputs)
    each_reference(output, [&](int value) { results.insert(same(value)); });
  for (int value : all) {
    const auto readers = readers_.find(value);
    const bool is_read_outside =
        readers != readers_.end() && std::any_of(readers->second.begin(), readers->second.end(),
                                                 [&](int node) { return node < call.first || node > call.last; });
    if (is_read_outside || results.contains(value)) call.outputs.push_back(value);
  }
  // What was given and changed in place need not be given back.
  for (size_t i = 0; call.outputs.size() > 1 && i < call.outputs.size();) {
    int before = call.outputs[i];
    while (in_place_.contains(before) && !given.contains(before)) before = in_place_.at(before);
    if (before == call.outputs[i] || !given.contains(before) || results.contains(call.outputs[i])) {
      ++i;
      continue;
    }
    overwritten_[call.outputs[i]].push_back({call.first, call.last, before});
    for (int node : readers_[call.outputs[i]])
      if (node < call.first || node > call.last) readers_[before].push_back(node);
    call.outputs.erase(call.outputs.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

}  // namespace upconv::tools
