#include "layers/exported/runner.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "framework/compile.h"
#include "framework/fail.h"
#include "framework/path_scope.h"
#include "framework/weights/bytes.h"
#include "framework/weights/packed_cache.h"
#include "framework/writing.h"
#include "layers/exported/printed.h"

namespace upconv::internal {
namespace {

/// Elements of all values together that depend on weights alone and are kept: what a file of a few bytes can ask for is
/// bounded. What is beyond is computed in each run. Each weight of a large archive may be folded some times over.
int64_t most_folded(size_t archive_size) {
  constexpr int64_t always = int64_t{1} << 22;
  return always + 4 * static_cast<int64_t>(std::min(archive_size, size_t{1} << 40));
}

/// Elements of a result: a terabyte of them is a mistake or an attack, and twenty thousand such sizes still have a sum.
constexpr int64_t most_elements = int64_t{1} << 38;

/// Elements of all results of a node, `beyond` where there are more or nobody knows before a call.
int64_t elements_of(const ExportedProgram& program, const ExportedNode& node, int64_t beyond) {
  int64_t all = 0;
  for (int output : node.outputs) {
    const std::optional<ExportedType>& type = program.values[static_cast<size_t>(output)].type;
    if (!type) return beyond;
    int64_t count = 1;
    for (const ExportedSize& size : type->sizes)
      if (!size.number || __builtin_mul_overflow(count, *size.number, &count)) return beyond;
    if (__builtin_add_overflow(all, count, &all)) return beyond;
  }
  return std::min(all, beyond);
}

/// Whether every argument of a node is known when weights are.
bool depends_on(const Argument& argument, const std::vector<bool>& is_known) {
  if (const auto* reference = argument.get<Reference>()) return !is_known[static_cast<size_t>(reference->index)];
  const auto* list = argument.get<Argument::List>();
  return list != nullptr &&
         std::any_of(list->begin(), list->end(), [&](const Argument& one) { return depends_on(one, is_known); });
}

/// A condition or a size as it was written, unless it is longer than anybody reads.
std::string brief(const std::string& text) {
  constexpr size_t longest = 500;
  return text.size() <= longest ? printable(text) : shown(text);
}

}  // namespace

/// What is known while one call is written down.
struct ExportedRunner::Call {
  Graph& graph;
  std::vector<Item> items;
  std::map<std::string, int64_t, std::less<>> symbols;

  SizesOfCall sizes(const std::map<std::string, size_t>& input_index, const Values& xs) const {
    return {[this](const std::string& symbol) -> std::optional<int64_t> {
              const auto found = symbols.find(symbol);
              return found == symbols.end() ? std::nullopt : std::optional(found->second);
            },
            [&input_index, &xs](const std::string& input, int64_t dim) -> std::optional<int64_t> {
              const auto found = input_index.find(input);
              if (found == input_index.end() || found->second >= xs.size()) return {};
              const Shape& shape = xs[found->second].shape();
              if (dim < 0 || dim >= static_cast<int64_t>(shape.size())) return {};
              return shape[static_cast<size_t>(dim)];
            }};
  }
};

ExportedRunner::ExportedRunner(std::shared_ptr<const ExportedProgram> program, const ExportedOptions& options)
    : program_(std::move(program)), ignore_guards_(options.ignore_guards) {
  // Of tied parameters, which are one. The same bytes of two types are two.
  std::map<std::tuple<const std::byte*, Shape, DType>, Parameter> seen;
  for (const ExportedTensor& tensor : program_->tensors) {
    const DType dtype =
        is_floating(tensor.stored.dtype) || tensor.stored.dtype == DType::boolean ? DType::float32 : DType::int64;
    Parameter parameter(tensor.stored.shape, dtype);
    const bool is_readable = tensor.stored.unreadable.empty();  // else nothing that runs reads it
    if (is_readable) parameter.set(tensor.stored);
    const bool is_shared = is_readable && !tensor.stored.bytes.empty();
    parameters_.push_back(
        is_shared ? seen.try_emplace({tensor.stored.bytes.data(), tensor.stored.shape, tensor.stored.dtype}, parameter)
                        .first->second
                  : parameter);
  }
  find_folded();

  std::map<std::string, std::pair<int64_t, std::optional<int64_t>>> bounds;
  for (const ExportedRange& range : program_->ranges) bounds[range.text] = {range.least.value_or(0), range.most};
  const auto info = [&](const std::string& name, const ExportedType& type) {
    ExportedTensorInfo info{name, {}, type.dtype};
    for (const ExportedSize& size : type.sizes) {
      ExportedDim dim{.size = size.number, .symbol = {}, .most = {}};
      if (!size.number) {
        dim.symbol = size.is_symbol() ? size.expression->name : size.text;
        if (const auto found = bounds.find(dim.symbol); found != bounds.end())
          std::tie(dim.least, dim.most) = found->second;
      }
      info.dims.push_back(std::move(dim));
    }
    return info;
  };
  // What guards call an input. Where a program was exported with strict=True, they count what was given.
  for (size_t i = 0; i < program_->inputs.size(); ++i) {
    input_index_.emplace(program_->inputs[i].name, i);
    input_index_.emplace(fmt::format("flat_args_{}", program_->inputs[i].place), i);
  }
  for (const ExportedArgument& input : program_->inputs)
    inputs.push_back(info(input.name, *program_->values[static_cast<size_t>(input.value)].type));
  for (const Argument& output : program_->outputs) {
    const auto* reference = output.get<Reference>();
    if (reference == nullptr) continue;
    const ExportedValue& value = program_->values[static_cast<size_t>(reference->index)];
    outputs.push_back(value.type ? info(value.name, *value.type) : ExportedTensorInfo{value.name, {}, DType::float32});
  }
}

void ExportedRunner::find_folded() {
  std::vector<bool> is_known(program_->values.size());
  for (const ExportedTensor& tensor : program_->tensors) is_known[static_cast<size_t>(tensor.value)] = true;
  for (const auto& [value, argument] : program_->baked) is_known[static_cast<size_t>(value)] = true;
  std::vector<int> folded;
  int64_t room = most_folded(program_->archive_size);
  for (const ExportedNode& node : program_->nodes) {
    bool known =
        !node.outputs.empty() && std::none_of(node.arguments.begin(), node.arguments.end(),
                                              [&](const Argument& argument) { return depends_on(argument, is_known); });
    for (int output : node.outputs) known &= program_->values[static_cast<size_t>(output)].is_tensor;
    if (known) {
      const int64_t elements = elements_of(*program_, node, room + 1);
      known = elements <= room;
      if (known) room -= elements;
    }
    is_folded_.push_back(known);
    for (int output : node.outputs) {
      is_known[static_cast<size_t>(output)] = known;
      if (known) folded.push_back(output);
    }
  }
  is_read_.resize(program_->values.size());
  const auto read = [&](int value) { is_read_[static_cast<size_t>(value)] = true; };
  for (size_t i = 0; i < program_->nodes.size(); ++i)
    if (!is_folded_[i])
      for (const Argument& argument : program_->nodes[i].arguments) each_reference(argument, read);
  for (const Argument& output : program_->outputs) each_reference(output, read);
  for (int value : folded)
    if (is_read_[static_cast<size_t>(value)]) frontier_.push_back(value);
}

/// `all`, or those that calls read.
std::vector<Item> ExportedRunner::inputs_of(Call& call, bool all) const {
  std::vector<Item> items(program_->values.size());
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const ExportedTensor& tensor = program_->tensors[i];
    if (!tensor.stored.unreadable.empty() || !(all || is_read_[static_cast<size_t>(tensor.value)])) continue;
    const DType type = tensor.stored.dtype == DType::boolean ? DType::boolean : parameters_[i].dtype();
    items[static_cast<size_t>(tensor.value)] = Operand{call.graph.constant(parameters_[i]), type};
  }
  for (const auto& [value, argument] : program_->baked) {
    Item& item = items[static_cast<size_t>(value)];
    if (const auto* integer = argument.get<int64_t>()) item = *integer;
    if (const auto* number = argument.get<double>()) item = *number;
    if (const auto* truth = argument.get<bool>()) item = static_cast<int64_t>(*truth);
  }
  return items;
}

/// What weights alone decide, computed once for all calls until one of them changes.
std::vector<Parameter> ExportedRunner::folded() const {
  if (frontier_.empty()) return {};
  std::vector<uint64_t> versions;
  for (const Parameter& parameter : parameters_) versions.push_back(parameter.version());
  const std::lock_guard lock(mutex_);
  if (mutex_.was_abandoned()) {
    begin_anew(versions_);
    begin_anew(folded_);
  }
  if (versions_ == versions) return folded_;
  Graph graph;
  {
    const Writing writing(graph);
    Call call{graph, {}, {}};
    call.items = inputs_of(call, true);
    for (size_t i = 0; i < program_->nodes.size(); ++i)
      if (is_folded_[i]) write_node(call, program_->nodes[i]);
    for (int value : frontier_) {
      const auto* operand = std::get_if<Operand>(&call.items[static_cast<size_t>(value)]);
      if (operand == nullptr)
        fail("{}: {} is not made", program_->where, printable(program_->values[static_cast<size_t>(value)].name));
      graph.output(operand->value);
    }
  }
  const std::vector<Tensor> tensors =
      compile(graph, {.accuracy = Accuracy::exact, .threads = 1})(std::span<const Tensor>());
  folded_.clear();
  const auto first = std::find_if(parameters_.begin(), parameters_.end(),
                                  [](const Parameter& parameter) { return parameter.has_value(); });
  for (const Tensor& tensor : tensors) {
    folded_.emplace_back(tensor.shape(), tensor.dtype());
    // Packed once for all who run the file, as the weights that lie in it are.
    folded_.back().set(first == parameters_.end() ? Stored::of(tensor)
                                                  : PackedCache::alike(Stored::of(tensor), first->stored()));
  }
  versions_ = std::move(versions);
  return folded_;
}

std::map<int, Parameter> ExportedRunner::folded_values() const {
  const std::vector<Parameter> values = folded();
  std::map<int, Parameter> all;
  for (size_t i = 0; i < frontier_.size(); ++i) all.emplace(frontier_[i], values[i]);
  return all;
}

/// Finds what a size of an input makes of its symbols. Throws Error where it is another one than was exported.
void ExportedRunner::bind_symbol(Call& call, const ExportedSize& size, int64_t got, const std::string& what) const {
  if (size.number) {
    if (*size.number != got)
      fail("{}: expected {}, got {}: the program was exported for this size alone; export it with dynamic_shapes", what,
           *size.number, got);
    return;
  }
  if (!size.expression) fail("{}: its size is {}, which is not understood", what, brief(size.text));
  std::string unknown;
  size.expression->each_symbol([&](const std::string& symbol) {
    if (!call.symbols.contains(symbol)) unknown = symbol;
  });
  const auto at = [&](int64_t value) {
    return evaluate(*size.expression, {[&](const std::string& symbol) -> std::optional<int64_t> {
                                         if (symbol == unknown) return value;
                                         const auto found = call.symbols.find(symbol);
                                         return found == call.symbols.end() ? std::nullopt
                                                                            : std::optional(found->second);
                                       },
                                       [](const std::string&, int64_t) -> std::optional<int64_t> { return {}; }});
  };
  int64_t value = got;
  if (!unknown.empty() && !size.is_symbol()) {
    // a * s + b: exported shapes are linear in a symbol that they introduce.
    const std::optional<int64_t> zero = at(0), one = at(1);
    int64_t slope = 0, rest = 0;
    if (!zero || !one || __builtin_sub_overflow(*one, *zero, &slope) || slope == 0 ||
        __builtin_sub_overflow(got, *zero, &rest))
      fail("{}: its size is {}, which is not understood", what, brief(size.text));
    value = rest / slope;
  }
  const std::optional<int64_t> again = at(value);
  if (!again || *again != got)
    fail("{}: the program was exported for sizes of {}, got {}", what, brief(size.text), got);
  if (!unknown.empty()) call.symbols.emplace(unknown, value);
}

void ExportedRunner::check_sizes(Call& call, const Values& xs) const {
  // Plain symbols first, so that expressions of them are compared, not solved.
  for (const bool plain : {true, false})
    for (size_t i = 0; i < xs.size(); ++i) {
      const ExportedType& type = *program_->values[static_cast<size_t>(program_->inputs[i].value)].type;
      const Shape& shape = xs[i].shape();
      if (shape.size() != type.sizes.size())
        fail("input {}: expected {}, got {}", printable(program_->inputs[i].name), written(type.sizes), str(shape));
      for (size_t d = 0; d < shape.size(); ++d) {
        if ((type.sizes[d].number || type.sizes[d].is_symbol()) == plain)
          bind_symbol(call, type.sizes[d], shape[d],
                      fmt::format("input {}, dimension {} of {}", printable(program_->inputs[i].name), d, str(shape)));
      }
    }
}

void ExportedRunner::check_guards(const Call& call, const Values& xs) const {
  if (ignore_guards_) return;
  const SizesOfCall sizes = call.sizes(input_index_, xs);
  constexpr std::string_view way_out = "ignore_guards runs it all the same";
  for (const ExportedMerge& merge : program_->merges)
    fail(
        "nothing uses {}, and {} is of the same type: where the program was exported with one tensor for both, it "
        "uses {} for either; export it with a tensor for each; {}",
        printable(merge.unused), printable(merge.used), printable(merge.used), way_out);
  for (const ExportedRange& range : program_->ranges) {
    if (!range.least && !range.most) continue;
    bool is_bound = true;
    if (range.expression)
      range.expression->each_symbol([&](const std::string& symbol) { is_bound &= call.symbols.contains(symbol); });
    if (!is_bound) continue;  // no input has it, and nothing here depends on it
    const std::optional<int64_t> value = range.expression ? evaluate(*range.expression, sizes) : std::nullopt;
    if (!value) fail("the range of {} is not understood; {}", brief(range.text), way_out);
    // A smallest size of 2 is what PyTorch writes where it was given none, and 1 runs as well.
    const int64_t least = range.least.value_or(0);
    if ((*value < least && !(least == 2 && *value == 1)) || (range.most && *value > *range.most))
      fail("the size {} is {}, and the program was exported for {} to {}; {}", brief(range.text), *value, least,
           range.most ? std::to_string(*range.most) : "any", way_out);
  }
  for (const ExportedGuard& guard : program_->guards) {
    const std::optional<int64_t> holds = guard.expression ? evaluate(*guard.expression, sizes) : std::nullopt;
    if (!holds) fail("the guard {} is not understood; {}", brief(guard.text), way_out);
    if (*holds != 0) continue;
    std::string sides;
    if (guard.expression->compares()) {
      const auto left = evaluate(guard.expression->operands[0], sizes);
      const auto right = evaluate(guard.expression->operands[1], sizes);
      if (left && right) sides = fmt::format(", with {} and {}", *left, *right);
    }
    fail("the guard {} fails{}: the program was not exported for these sizes; {}", brief(guard.text), sides, way_out);
  }
}

void ExportedRunner::check_result(const Call& call, int index) const {
  const ExportedValue& value = program_->values[static_cast<size_t>(index)];
  const auto* operand = std::get_if<Operand>(&call.items[static_cast<size_t>(index)]);
  if (operand == nullptr) return;
  const Shape& shape = operand->value.shape();
  if (shape.size() > max_rank) fail("gives {} dimensions, at most {} are expected", shape.size(), max_rank);
  if (numel(shape) > most_elements) fail("gives {}, which is more than {} elements", str(shape), most_elements);
  if (!value.type) return;
  bool fits = shape.size() == value.type->sizes.size();
  static const Values none;
  const SizesOfCall sizes = call.sizes(input_index_, none);
  for (size_t d = 0; fits && d < shape.size(); ++d) {
    const ExportedSize& size = value.type->sizes[d];
    const std::optional<int64_t> expected = size.number       ? size.number
                                            : size.expression ? evaluate(*size.expression, sizes)
                                                              : std::nullopt;
    fits = !expected || *expected == shape[d];
  }
  if (!fits)
    fail("gives {}, where the program says {}: it was not exported for these sizes", str(shape),
         written(value.type->sizes));
  if (operand->type != computed_type(value.type->dtype))
    fail("gives {}, where the program says {}", name(operand->type), name(value.type->dtype));
}

void ExportedRunner::write_node(Call& call, const ExportedNode& node) const {
  if (ignore_guards_ && node.row->name == "_assert_scalar") return;  // a guard that became a node
  const PathScope scope(call.graph, node.path);
  try {
    std::vector<Item> made = node.row->make(NodeCall(node, call.items, call.graph, node.outputs.size()));
    if (made.size() > node.outputs.size())
      fail("gives {} results, where the program has {}", made.size(), node.outputs.size());
    for (size_t i = 0; i < made.size(); ++i) {
      call.items[static_cast<size_t>(node.outputs[i])] = std::move(made[i]);
      check_result(call, node.outputs[i]);
    }
  } catch (const Error& error) {
    const std::string text = error.what(), at = beginning(call.graph.path());
    fail("{}{}: {}", at, printable(node.row->name), text.starts_with(at) ? text.substr(at.size()) : text);
  }
}

Values ExportedRunner::write(const Values& xs) const {
  const std::vector<Parameter> folded = this->folded();
  Graph* graph = xs.empty() ? Writing::current() : &xs.front().graph();
  if (graph == nullptr) fail("called without values outside of any forward()");
  const std::string at = beginning(graph->path());
  Call call{*graph, {}, {}};
  call.items = inputs_of(call, false);
  try {
    for (size_t i = 0; i < xs.size(); ++i) {
      const DType type = *computed_type(inputs[i].dtype);
      const DType expected = type == DType::boolean ? DType::float32 : type;
      if (xs[i].dtype() != expected)
        fail("input {}: expected {}, got {}", printable(inputs[i].name), name(expected), name(xs[i].dtype()));
      call.items[static_cast<size_t>(program_->inputs[i].value)] = Operand{xs[i], type};
    }
    check_sizes(call, xs);
    check_guards(call, xs);
  } catch (const Error& error) {
    fail("{}{}", at, error.what());
  }
  for (size_t i = 0; i < frontier_.size(); ++i) {
    const ExportedValue& value = program_->values[static_cast<size_t>(frontier_[i])];
    const DType type = value.type->dtype == DType::boolean ? DType::boolean : folded[i].dtype();
    call.items[static_cast<size_t>(frontier_[i])] = Operand{graph->constant(folded[i]), type};
  }
  for (size_t i = 0; i < program_->nodes.size(); ++i)
    if (!is_folded_[i]) write_node(call, program_->nodes[i]);
  Values results;
  for (const Argument& output : program_->outputs) {
    const auto* reference = output.get<Reference>();
    if (reference == nullptr) continue;  // a number, a text or None, which PyTorch gives as it is
    const auto* operand = std::get_if<Operand>(&call.items[static_cast<size_t>(reference->index)]);
    if (operand == nullptr)
      fail("{}the output {} is a number, not a tensor", at,
           printable(program_->values[static_cast<size_t>(reference->index)].name));
    results.push_back(operand->value);
  }
  return results;
}

}  // namespace upconv::internal
