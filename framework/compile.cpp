#include "framework/compile.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "framework/code.h"
#include "framework/fail.h"
#include "framework/layout.h"
#include "framework/suggestion.h"

namespace upconv {
namespace {

/// The graph while passes change it. Nodes keep their indices; removed ones are not alive.
struct Plan {
  struct Node : Graph::Node {
    bool alive = true;
    bool residual = false;  ///< its last input is added to what it stores
    Layout layout = Layout::contiguous;
  };
  std::vector<Node> nodes;
  std::vector<int> order;  ///< alive nodes, every input before its readers
  std::vector<int> inputs, outputs;

  Node& at(int node) { return nodes[static_cast<size_t>(node)]; }

  /// How often the value is read, being an output included.
  int64_t readers(int node) {
    int64_t count = std::count(outputs.begin(), outputs.end(), node);
    for (int other : order) count += std::count(at(other).inputs.begin(), at(other).inputs.end(), node);
    return count;
  }

  void replace(int old_node, int new_node) {
    for (Node& node : nodes) std::replace(node.inputs.begin(), node.inputs.end(), old_node, new_node);
    std::replace(outputs.begin(), outputs.end(), old_node, new_node);
    remove(old_node);
  }

  void remove(int node) {
    at(node).alive = false;
    std::erase(order, node);
  }
};

Plan plan_of(const Graph& graph) {
  Plan plan;
  for (const Graph::Node& node : graph.nodes()) plan.nodes.push_back({node});
  plan.inputs = graph.inputs();
  plan.outputs = graph.outputs();
  return plan;
}

/// Pass: what no output needs is dropped.
void prune(Plan& plan) {
  std::vector<bool> needed(plan.nodes.size());
  for (int output : plan.outputs) needed[static_cast<size_t>(output)] = true;
  for (int node = static_cast<int>(plan.nodes.size()) - 1; node >= 0; --node) {
    plan.at(node).alive = needed[static_cast<size_t>(node)] || !plan.at(node).operation;
    if (needed[static_cast<size_t>(node)])
      for (int input : plan.at(node).inputs) needed[static_cast<size_t>(input)] = true;
  }
  for (int node = 0; node < static_cast<int>(plan.nodes.size()); ++node)
    if (plan.at(node).alive) plan.order.push_back(node);
}

bool is_residual(const Plan::Node& node, size_t input) { return node.residual && input + 1 == node.inputs.size(); }

/// Lets producers absorb their only reader where `absorb(producer, reader)` gives an operation that equals both.
template <class Absorb>
void merge(Plan& plan, Absorb absorb) {
  for (int node : std::vector<int>(plan.order)) {
    Plan::Node& reader = plan.at(node);
    if (!reader.operation || reader.inputs.size() != 1) continue;
    const int producer = reader.inputs.front();
    if (!plan.at(producer).operation || plan.readers(producer) != 1) continue;
    if (auto merged = absorb(plan.at(producer), reader)) {
      plan.at(producer).operation = std::move(merged);
      plan.replace(node, producer);
    }
  }
}

/// The operation that equals `reader` after the operation of `before`, or nullptr.
std::shared_ptr<const Operation> after(const Operation& reader, const Operation& before, std::span<const Type> inputs) {
  if (const auto pad = before.pad()) return reader.after_pad(*pad);
  if (const auto repeat = before.repeat(inputs)) return reader.after_repeat(*repeat);
  return nullptr;
}

/// Pass: pads and enlarged pictures into the layers that read them. Those that nobody else reads are dropped.
void absorb(Plan& plan) {
  for (int index : std::vector<int>(plan.order)) {
    Plan::Node& reader = plan.at(index);
    while (reader.operation && reader.inputs.size() == 1) {
      const int before = reader.inputs.front();
      if (!plan.at(before).operation || plan.at(before).inputs.size() != 1) break;
      const Type& input = plan.at(plan.at(before).inputs.front()).type;
      if (numel(input.shape) == 0) break;  // pads make pictures of nothing, which their readers would refuse
      auto merged = after(*reader.operation, *plan.at(before).operation, std::span(&input, 1));
      if (!merged) break;
      reader.operation = std::move(merged);
      reader.inputs = plan.at(before).inputs;
      if (plan.readers(before) > 0) continue;
      plan.at(before).alive = false;
      std::erase(plan.order, before);
    }
  }
}

/// Pass: BatchNorm, and factors, into the weights and bias of the layer before it.
void fold(Plan& plan) {
  merge(plan, [](const Plan::Node& producer, const Plan::Node& reader) -> std::shared_ptr<const Operation> {
    std::optional<ChannelAffine> affine = reader.operation->channel_affine();
    if (!affine) return nullptr;
    if (affine->scale.size() == 1) {
      if (reader.type.shape.size() != 4) return nullptr;  // which dimension the channels are in, is not said
      affine->scale.resize(static_cast<size_t>(reader.type.shape[1]), affine->scale[0]);
      affine->shift.resize(affine->scale.size(), affine->shift[0]);
    }
    return producer.operation->with_affine(*affine);
  });
}

/// Pass: sums into what the later one of their terms stores, where nobody else reads that. Its node moves to the sum's
/// place, where the other term is there too.
void add_residuals(Plan& plan) {
  for (int node : std::vector<int>(plan.order)) {
    Plan::Node& sum = plan.at(node);
    if (!sum.operation || !sum.operation->is_sum()) continue;
    std::vector<int> terms = sum.inputs;
    std::sort(terms.rbegin(), terms.rend());
    for (size_t i = 0; i < terms.size(); ++i) {
      const Plan::Node& term = plan.at(terms[i]);
      if (!term.operation || term.residual || term.type != sum.type || plan.readers(terms[i]) != 1) continue;
      const int other = terms[1 - i];
      auto merged = plan.at(other).type == sum.type ? term.operation->with_residual() : nullptr;
      if (!merged) continue;
      sum.operation = std::move(merged);
      sum.inputs = term.inputs;
      sum.inputs.push_back(other);
      sum.path = term.path;
      sum.residual = true;
      plan.remove(terms[i]);
      break;
    }
  }
}

/// Pass: activations into the epilogue of the layer before them.
void fuse(Plan& plan) {
  merge(plan, [](const Plan::Node& producer, const Plan::Node& reader) -> std::shared_ptr<const Operation> {
    const auto pointwise = reader.operation->pointwise();
    return pointwise ? producer.operation->with_pointwise(*pointwise) : nullptr;
  });
}

/// Pass: concatenations whose reader can read their parts instead are not read, and go where nobody reads them.
void part(Plan& plan) {
  for (int node : std::vector<int>(plan.order)) {
    if (!plan.at(node).operation) continue;
    for (size_t input = 0; input < plan.at(node).inputs.size(); ++input) {
      Plan::Node& reader = plan.at(node);
      const int whole = reader.inputs[input];
      if (is_residual(reader, input) || !plan.at(whole).operation || !plan.at(whole).operation->is_concatenation())
        continue;
      const std::vector<int> parts = plan.at(whole).inputs;
      std::vector<Type> types;
      for (int part : parts) types.push_back(plan.at(part).type);
      auto merged = reader.operation->with_parts(input, types);
      if (!merged) continue;
      reader.operation = std::move(merged);
      const auto at = reader.inputs.erase(reader.inputs.begin() + static_cast<std::ptrdiff_t>(input));
      reader.inputs.insert(at, parts.begin(), parts.end());
      input += parts.size() - 1;
      if (plan.readers(whole) == 0) plan.remove(whole);
    }
  }
}

/// The operation that only changes the layout.
class Relayout : public Operation {
 public:
  std::string_view name() const override { return "Relayout"; }
  Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override;
};

class RelayoutStep : public Step {
 public:
  RelayoutStep(const ImageShape& shape, Layout to) : shape_(shape), to_(to) {}

  // A tile is a run of channels of one image.
  int64_t tiles() const override { return shape_.N * runs(); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t pixels = shape_.H * shape_.W, C = shape_.C;
    const int64_t image = tile / runs() * C * pixels;
    const int64_t c0 = tile % runs() * channels, count = std::min(channels, C - c0);
    const float* x = static_cast<const float*>(frame.inputs[0]) + image;
    float* y = static_cast<float*>(frame.output) + image;
    if (to_ == Layout::channels_last)
      transpose(x + c0 * pixels, pixels, y + c0, C, count, pixels);
    else
      transpose(x + c0, C, y + c0 * pixels, pixels, pixels, count);
  }
  std::string algorithm() const override { return to_ == Layout::channels_last ? "to channels-last" : "to contiguous"; }

 private:
  static constexpr int64_t channels = 32;
  int64_t runs() const { return (shape_.C + channels - 1) / channels; }
  ImageShape shape_;
  Layout to_;
};

std::unique_ptr<Step> Relayout::lower(const Lowering& lowering) const {
  return std::make_unique<RelayoutStep>(image_shape(lowering.output.shape), lowering.output_layout);
}

/// The value of `node` in the layout `to`, where it has another by a node that an earlier reader asked for, or else by
/// a new one right before position `at` of the order.
int relaid(Plan& plan, int node, Layout to, size_t& at) {
  if (plan.at(node).layout == to || same_in_both_layouts(plan.at(node).type.shape)) return node;
  for (int earlier : plan.order)
    if (plan.at(earlier).inputs == std::vector<int>{node} && plan.at(earlier).layout == to &&
        dynamic_cast<const Relayout*>(plan.at(earlier).operation.get()))
      return earlier;
  Plan::Node made;
  made.operation = std::make_shared<Relayout>();
  made.inputs = {node};
  made.type = plan.at(node).type;
  made.path = plan.at(node).path;
  made.layout = to;
  plan.nodes.push_back(std::move(made));
  const int index = static_cast<int>(plan.nodes.size()) - 1;
  plan.order.insert(plan.order.begin() + static_cast<std::ptrdiff_t>(at++), index);
  return index;
}

/// The layout of a node's largest input, the first of equals: the others are cheaper to convert.
Layout main_layout(Plan& plan, const Plan::Node& node) {
  int64_t most = -1;
  Layout layout = Layout::contiguous;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Plan::Node& input = plan.at(node.inputs[i]);
    if (is_residual(node, i) || numel(input.type.shape) <= most) continue;
    most = numel(input.type.shape);
    layout = input.layout;
  }
  return layout;
}

/// What the readers of each value would like best: contiguous for outputs of the program, for readers that need it,
/// and for indices and what is no picture.
std::vector<Layout> wanted_layouts(Plan& plan) {
  std::vector<Layout> wanted(plan.nodes.size(), Layout::channels_last);
  for (int output : plan.outputs) wanted[static_cast<size_t>(output)] = Layout::contiguous;
  for (int node : plan.order)
    if (plan.at(node).type.dtype != DType::float32 || plan.at(node).type.shape.size() > 4)
      wanted[static_cast<size_t>(node)] = Layout::contiguous;
  for (auto node = plan.order.rbegin(); node != plan.order.rend(); ++node) {
    const Plan::Node& reader = plan.at(*node);
    if (!reader.operation) continue;
    for (size_t i = 0; i < reader.inputs.size(); ++i) {
      const Layout want = wanted[static_cast<size_t>(*node)], preferred = reader.operation->preferred_layout(want);
      if ((is_residual(reader, i) ? reader.operation->output_layout(preferred, want) : preferred) == Layout::contiguous)
        wanted[static_cast<size_t>(reader.inputs[i])] = Layout::contiguous;
    }
  }
  return wanted;
}

/// Whether a view shows features as pictures, and whoever computes them for it alone can put the channels of a pixel
/// side by side; from then on it does.
bool compute_channels_last(Plan& plan, const Plan::Node& view) {
  const int producer = view.inputs.front();
  const Shape &pictures = view.type.shape, &features = plan.at(producer).type.shape;
  if (!view.operation->is_view() || pictures.size() != 4 || features.size() != 2 || features[0] != pictures[0])
    return false;
  if (!plan.at(producer).operation || plan.readers(producer) != 1) return false;
  auto made = plan.at(producer).operation->with_channels_last(pictures[1]);
  if (!made) return false;
  plan.at(producer).operation = std::move(made);
  return true;
}

/// Pass: gives every value a layout and puts conversions where producer and reader differ.
void lay_out(Plan& plan) {
  const std::vector<Layout> wanted = wanted_layouts(plan);
  for (size_t at = 0; at < plan.order.size(); ++at) {
    const int node = plan.order[at];
    if (!plan.at(node).operation) continue;
    const Operation& operation = *plan.at(node).operation;
    const Layout want = wanted[static_cast<size_t>(node)];
    std::vector<Type> types;
    for (int input : plan.at(node).inputs) types.push_back(plan.at(input).type);
    Layout in = operation.preferred_layout(want);
    if (!types.empty() && operation.any_layout(types)) in = main_layout(plan, plan.at(node));
    const Layout out = operation.output_layout(in, want);
    for (size_t i = 0; i < plan.at(node).inputs.size(); ++i) {
      const int input = relaid(plan, plan.at(node).inputs[i], is_residual(plan.at(node), i) ? out : in, at);
      plan.at(node).inputs[i] = input;
    }
    plan.at(node).layout = out;
    if (want == Layout::channels_last && compute_channels_last(plan, plan.at(node)))
      plan.at(node).layout = Layout::channels_last;
  }
  for (int& output : plan.outputs) {
    size_t end = plan.order.size();
    output = relaid(plan, output, Layout::contiguous, end);
  }
}

/// Copies a value that the program must give under a second address: an output that is also an input or another output.
class Copy : public Operation {
 public:
  std::string_view name() const override { return "Copy"; }
  Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override;
};

class CopyStep : public Step {
 public:
  explicit CopyStep(size_t bytes) : bytes_(bytes) {}
  int64_t tiles() const override { return 1; }
  void run(int64_t, const Frame& frame) const override {
    const auto* x = static_cast<const std::byte*>(frame.inputs[0]);
    std::copy(x, x + bytes_, static_cast<std::byte*>(frame.output));
  }
  std::string algorithm() const override { return "copy"; }

 private:
  size_t bytes_;
};

size_t bytes_of(const Type& type) { return static_cast<size_t>(numel(type.shape)) * size_of(type.dtype); }

std::unique_ptr<Step> Copy::lower(const Lowering& lowering) const {
  return std::make_unique<CopyStep>(bytes_of(lowering.output));
}

/// The node whose memory a chain of views shows.
int storage_of(Plan& plan, int node) {
  while (plan.at(node).operation && plan.at(node).operation->is_view()) node = plan.at(node).inputs.front();
  return node;
}

/// Pass: every output of the program gets memory of its own.
void separate_outputs(Plan& plan) {
  std::vector<int> taken = plan.inputs;
  for (int& output : plan.outputs) {
    const int storage = storage_of(plan, output);
    if (std::find(taken.begin(), taken.end(), storage) != taken.end()) {
      Plan::Node copy;
      copy.operation = std::make_shared<Copy>();
      copy.inputs = {output};
      copy.type = plan.at(output).type;
      copy.path = plan.at(output).path;
      plan.nodes.push_back(std::move(copy));
      output = static_cast<int>(plan.nodes.size()) - 1;
      plan.order.push_back(output);
    }
    taken.push_back(storage_of(plan, output));
  }
}

/// Memory in the arena that is needed from the step that writes it to the last one that reads it.
struct Interval {
  int storage;
  size_t first, last, bytes, offset = 0;
};

/// Places intervals so that those alive at the same time do not overlap: largest first, each at the lowest free offset.
size_t place(std::vector<Interval>& intervals) {
  std::vector<Interval*> by_size, placed;
  for (Interval& interval : intervals) by_size.push_back(&interval);
  std::stable_sort(by_size.begin(), by_size.end(), [](auto* a, auto* b) { return a->bytes > b->bytes; });
  size_t total = 0;
  for (Interval* interval : by_size) {
    std::stable_sort(placed.begin(), placed.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
    size_t offset = 0;
    for (const Interval* other : placed)
      if (other->first <= interval->last && interval->first <= other->last && other->offset < offset + interval->bytes)
        offset = std::max(offset, other->offset + other->bytes);
    interval->offset = offset;
    placed.push_back(interval);
    total = std::max(total, offset + interval->bytes);
  }
  return total;
}

/// Pass: addresses for all values; the intermediate ones share one arena.
std::vector<Place> place_values(Plan& plan, size_t& arena_bytes) {
  std::vector<Place> places(plan.nodes.size());
  for (size_t i = 0; i < plan.inputs.size(); ++i) places[static_cast<size_t>(plan.inputs[i])] = {Place::input, i};
  for (size_t i = 0; i < plan.outputs.size(); ++i)
    places[static_cast<size_t>(storage_of(plan, plan.outputs[i]))] = {Place::output, i};

  std::vector<Interval> intervals;
  for (size_t at = 0; at < plan.order.size(); ++at) {
    const int node = plan.order[at];
    for (int input : plan.at(node).inputs)
      for (Interval& interval : intervals)
        if (interval.storage == storage_of(plan, input)) interval.last = at;
    const bool own = storage_of(plan, node) == node && places[static_cast<size_t>(node)].space == Place::arena;
    if (own) intervals.push_back({node, at, at, (bytes_of(plan.at(node).type) + 63) / 64 * 64});
  }
  arena_bytes = place(intervals);
  for (const Interval& interval : intervals)
    places[static_cast<size_t>(interval.storage)] = {Place::arena, interval.offset};
  for (int node : plan.order) places[static_cast<size_t>(node)] = places[static_cast<size_t>(storage_of(plan, node))];
  return places;
}

/// Pass: every node that computes becomes a step.
void lower(Plan& plan, const std::vector<Place>& places, Program::Code& code) {
  for (int index : plan.order) {
    const Plan::Node& node = plan.at(index);
    if (!node.operation || node.operation->is_view()) continue;
    std::vector<Type> types;
    std::vector<Layout> layouts;
    std::vector<Place> inputs;
    for (int input : node.inputs) {
      types.push_back(plan.at(input).type);
      layouts.push_back(plan.at(input).layout);
      inputs.push_back(places[static_cast<size_t>(input)]);
    }
    const Lowering lowering{types, layouts, node.type, node.layout, code.options, *code.crew};
    std::unique_ptr<Step> step;
    try {
      step = node.operation->lower(lowering);
    } catch (const Error& error) {
      fail("{}{}{} {}", node.path, node.path.empty() ? "" : ": ", node.operation->name(), error.what());
    }
    code.scratch_bytes = std::max(code.scratch_bytes, (step->scratch_bytes() + 63) / 64 * 64);
    size_t bytes = bytes_of(node.type) + step->weight_bytes();
    for (const Type& type : types) bytes += bytes_of(type);
    StepInfo info{node.path,
                  std::string(node.operation->name()),
                  step->algorithm(),
                  node.type.shape,
                  step->flops(),
                  step->packed().size_bytes(),
                  bytes,
                  node.operation->candidates(lowering)};
    code.steps.push_back({std::move(step), std::move(inputs), places[static_cast<size_t>(index)], std::move(info)});
  }
}

/// Cycles that one core takes for a step, about: what the layer expects of its algorithm, else of a vector for sixteen
/// operations or two numbers.
double cycles_of(const StepInfo& info) {
  for (const Candidate& candidate : info.candidates)
    if (candidate.algorithm == info.algorithm)
      return candidate.cycles * static_cast<double>(info.shape.size() == 4 ? info.shape[0] : 1);
  return std::max(info.flops / 16, static_cast<double>(info.bytes) / 8);
}

/// Pass: small steps stay on the calling thread. Returns whether enough remains for other threads.
bool share(Program::Code& code) {
  // A thread that looks for work already takes a tile within a microsecond; a sleeping one wakes within tens of them.
  // Expected cycles: 4 us and 20 us on a Zen 1 of 2 GHz, whose multiply-adds take twice the cycles that are expected.
  constexpr double least_step = 6e3, least_run = 30e3;
  double sum = 0;
  for (auto& placed : code.steps) {
    const double cycles = cycles_of(placed.info);
    placed.shared = placed.step->tiles() > 1 && cycles >= least_step;
    if (placed.shared) sum += cycles;
  }
  return sum >= least_run;
}

/// Pass: an algorithm that was asked for by name is one that some layer could take.
void check_algorithm(const Program::Code& code) {
  const std::string& wanted = code.options.algorithm;
  if (wanted.empty()) return;
  std::vector<std::string_view> known;
  for (const auto& placed : code.steps)
    for (const Candidate& candidate : placed.info.candidates)
      if (std::find(known.begin(), known.end(), candidate.algorithm) == known.end())
        known.push_back(candidate.algorithm);
  if (std::find(known.begin(), known.end(), wanted) != known.end()) return;
  if (known.empty()) fail("no layer has a choice of algorithms, got \"{}\"", wanted);
  fail("no layer could take the algorithm \"{}\": with these options there are {}{}", wanted, fmt::join(known, ", "),
       suggestion(wanted, known));
}

/// Of all steps, each once: two layers may share a parameter.
size_t packed_bytes(const Program::Code& code) {
  std::set<const float*> seen;
  size_t sum = 0;
  for (const auto& placed : code.steps)
    if (seen.insert(placed.step->packed().data()).second) sum += placed.step->packed().size_bytes();
  return sum;
}

}  // namespace

Program compile(const Graph& graph, const Options& options) {
  if (graph.outputs().empty()) fail("a graph without outputs");
  auto code = std::make_shared<Program::Code>();
  code->options = options;
  code->options.isa = options.isa ? *options.isa : default_isa();
  code->crew = crew(options.threads, options.arena);
  code->options.threads = code->crew->threads();
  for (int input : graph.inputs()) code->inputs.push_back(graph.nodes()[static_cast<size_t>(input)].type);
  for (int output : graph.outputs()) code->outputs.push_back(graph.nodes()[static_cast<size_t>(output)].type);

  Plan plan = plan_of(graph);
  prune(plan);
  absorb(plan);
  fold(plan);
  add_residuals(plan);
  fuse(plan);
  part(plan);
  lay_out(plan);
  separate_outputs(plan);
  const std::vector<Place> places = place_values(plan, code->arena_bytes);
  lower(plan, places, *code);
  if (!share(*code) && code->options.threads > 1) {  // cut for one thread
    code->crew = crew(1, options.arena);
    code->options.threads = 1;
    code->steps.clear();
    lower(plan, places, *code);
  }
  check_algorithm(*code);
  code->packed_bytes = packed_bytes(*code);
  return Program(std::move(code));
}

Program compile(const Module& module, std::span<const Type> inputs, const Options& options) {
  Graph graph;
  Values values;
  for (const Type& type : inputs) values.push_back(graph.input(type));
  for (const Value& value : module(values)) graph.output(value);
  return compile(graph, options);
}

Program compile(const Module& module, const Shape& input, const Options& options) {
  const Type type{input, DType::float32};
  return compile(module, std::span(&type, 1), options);
}

}  // namespace upconv
