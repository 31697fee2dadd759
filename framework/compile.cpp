#include "framework/compile.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "framework/caches.h"
#include "framework/choices.h"
#include "framework/code.h"
#include "framework/fail.h"
#include "framework/memo.h"
#include "framework/plan.h"
#include "framework/suggestion.h"
#include "framework/tuning.h"
#include "framework/weights/names.h"

namespace upconv {

using namespace internal;

namespace {

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

std::unique_ptr<Step> Copy::lower(const Lowering& lowering) const {
  return std::make_unique<CopyStep>(bytes_of(lowering.output));
}

/// Pass: every output of the program gets memory of its own, which no constant has.
void separate_outputs(Plan& plan) {
  std::vector<int> taken = plan.inputs;
  for (int& output : plan.outputs) {
    const int storage = plan.storage_of(output);
    if (plan.constant(storage) || std::find(taken.begin(), taken.end(), storage) != taken.end()) {
      Plan::Node copy;
      copy.operation = std::make_shared<Copy>();
      copy.inputs = {output};
      copy.type = plan.at(output).type;
      copy.path = plan.at(output).path;
      plan.nodes.push_back(std::move(copy));
      output = static_cast<int>(plan.nodes.size()) - 1;
      plan.order.push_back(output);
    }
    taken.push_back(plan.storage_of(output));
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

/// What lies in memory for the whole batch is needed from the first portion to the last: the next ones read and write
/// it.
void keep_between_portions(Plan& plan, int portions, const std::vector<size_t>& bytes,
                           std::vector<Interval>& intervals) {
  size_t first = plan.order.size(), last = 0;
  for (size_t at = 0; at < plan.order.size(); ++at)
    if (plan.at(plan.order[at]).portions == portions) first = std::min(first, at), last = at;
  for (Interval& interval : intervals) {
    const Plan::Node& node = plan.at(interval.storage);
    const bool inside =
        node.portions == portions && bytes_of(node.type) == bytes[static_cast<size_t>(interval.storage)];
    if (inside || interval.last < first || interval.first > last) continue;
    interval.first = std::min(interval.first, first);
    interval.last = std::max(interval.last, last);
  }
}

/// Pass: addresses for all values; the intermediate ones share one arena, the constants have their own.
std::vector<Place> place_values(Plan& plan, Code& code) {
  std::vector<Place> places(plan.nodes.size());
  for (size_t i = 0; i < plan.inputs.size(); ++i) places[static_cast<size_t>(plan.inputs[i])] = {Place::input, i};
  for (size_t i = 0; i < plan.outputs.size(); ++i)
    places[static_cast<size_t>(plan.storage_of(plan.outputs[i]))] = {Place::output, i};
  for (int node : plan.order)
    if (const Parameter* constant = plan.constant(node)) {
      places[static_cast<size_t>(node)] = {Place::constant, code.constants.size()};
      code.constants.push_back(constant->value());
    }

  std::vector<size_t> bytes(plan.nodes.size());  // of what a value lies in; views of it may be of a larger batch
  for (int node : plan.order) {
    size_t& most = bytes[static_cast<size_t>(plan.storage_of(node))];
    most = std::max(most, bytes_of(plan.at(node).type));
  }
  std::vector<Interval> intervals;
  for (size_t at = 0; at < plan.order.size(); ++at) {
    const int node = plan.order[at];
    for (int input : plan.at(node).inputs)
      for (Interval& interval : intervals)
        if (interval.storage == plan.storage_of(input)) interval.last = at;
    const bool own = plan.storage_of(node) == node && places[static_cast<size_t>(node)].space == Place::arena;
    if (own) intervals.push_back({node, at, at, (bytes[static_cast<size_t>(node)] + 63) / 64 * 64});
  }
  for (int portions = 0; portions < static_cast<int>(plan.portions.size()); ++portions)
    keep_between_portions(plan, portions, bytes, intervals);
  code.arena_bytes = place(intervals);
  for (const Interval& interval : intervals)
    places[static_cast<size_t>(interval.storage)] = {Place::arena, interval.offset};
  for (int node : plan.order) {
    const size_t storage = static_cast<size_t>(plan.storage_of(node));
    const size_t own = bytes_of(plan.at(node).type);
    const bool is_part = plan.at(node).portions >= 0 && own < bytes[storage];
    places[static_cast<size_t>(node)] = {places[storage].space, places[storage].at, is_part ? own : 0};
  }
  return places;
}

/// The step that computes a node, as `options` have it.
Code::Placed lowered(Plan& plan, const std::vector<Place>& places, int index, const Options& options,
                     const Crew& crew) {
  const Plan::Node& node = plan.at(index);
  std::vector<Place> inputs;
  for (int input : node.inputs) inputs.push_back(places[static_cast<size_t>(input)]);
  Options own = options;
  const NodeLowering asked(plan, index, own, crew);
  const Lowering& lowering = asked.lowering();
  // As a layer of the whole batch: how it is divided differs from machine to machine, and choices are for many.
  const NodeLowering whole(plan, index, own, crew, NodeLowering::whole);
  const std::string described = node.operation->described(whole.lowering());
  // Now, so that weights are packed once; what tune() finds to be none of the candidates is none here.
  if (options.choices && !described.empty())
    if (const Choice* choice = options.choices->find(described, options.accuracy, crew.threads(), *options.isa))
      own.algorithm = choice->algorithm;
  std::unique_ptr<Step> step;
  try {
    step = node.operation->lower(lowering);
  } catch (const Error& error) {
    fail("{}{} {}", beginning(node.path), node.operation->name(), error.what());
  }
  size_t bytes = bytes_of(whole.lowering().output) + step->weight_bytes();
  for (const Type& type : whole.types()) bytes += bytes_of(type);
  const int64_t portions = plan.count_of_portions(index);
  StepInfo info{node.path,
                std::string(node.operation->name()),
                step->algorithm(),
                whole.lowering().output.shape,
                step->flops() * static_cast<double>(portions),
                step->packed().size_bytes(),
                bytes,
                node.operation->candidates(lowering),
                described,
                step->precision(),
                node.type.dtype,
                portions};
  return {.step = std::move(step),
          .inputs = std::move(inputs),
          .input_types = asked.types(),
          .output = places[static_cast<size_t>(index)],
          .info = std::move(info),
          .portions = node.portions};
}

/// The nodes that compute, in the order in which they run: one for each step.
std::vector<int> computing(Plan& plan) {
  std::vector<int> all;
  for (int index : plan.order)
    if (plan.computes(index)) all.push_back(index);
  return all;
}

/// Which nodes may not round what they read, since it came into the network as it is: nothing but what multiplies by
/// weights makes another thing of it.
std::vector<bool> read_what_enters(Plan& plan) {
  std::vector<bool> entered(plan.nodes.size()), found(plan.nodes.size());
  for (int input : plan.inputs) entered[static_cast<size_t>(input)] = plan.at(input).type.dtype == DType::float32;
  for (int index : plan.order) {
    const Plan::Node& node = plan.at(index);
    if (!node.operation) continue;
    bool reads = false;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      reads = reads || (!node.is_residual(i) && entered[static_cast<size_t>(node.inputs[i])]);
    found[static_cast<size_t>(index)] = reads;
    entered[static_cast<size_t>(index)] = reads && !node.operation->has_precision();
  }
  return found;
}

/// Options::float32 names layers that there are.
void check_float32(const Options& options, Plan& plan) {
  std::vector<std::string_view> known;
  for (int index : computing(plan))
    if (plan.at(index).operation->has_precision()) known.push_back(plan.at(index).path);
  for (const std::string& pattern : options.float32) {
    const auto names = [&](std::string_view path) { return is_match_or_below(pattern, path); };
    if (std::any_of(known.begin(), known.end(), names)) continue;
    fail("Options::float32: \"{}\" names no layer that could be rounded: there are {}{}", pattern,
         fmt::join(known, ", "), suggestion(pattern, known));
  }
}

/// The options for each node: those of all, with the precision that it has.
class NodeOptions {
 public:
  NodeOptions(const Options& options, Plan& plan) : all_(options), exact_(options) {
    exact_.precision = Precision::float32;
    if (options.precision == Precision::float32) return;
    check_float32(options, plan);
    stays_ = options.round_inputs ? std::vector<bool>(plan.nodes.size()) : read_what_enters(plan);
    for (int index : computing(plan))
      for (const std::string& pattern : options.float32)
        if (is_match_or_below(pattern, plan.at(index).path)) stays_[static_cast<size_t>(index)] = true;
  }
  const Options& of(int node) const { return !stays_.empty() && stays_[static_cast<size_t>(node)] ? exact_ : all_; }

 private:
  Options all_, exact_;
  std::vector<bool> stays_;  // none: all as `all_` has it
};

/// Pass: every node that computes becomes a step.
void lower(Plan& plan, const std::vector<Place>& places, Code& code) {
  const NodeOptions options(code.options, plan);
  for (int index : computing(plan)) code.steps.push_back(lowered(plan, places, index, options.of(index), *code.crew));
}

/// Pass: algorithms that are told or timed, and nothing kept of those that were only tried.
void choose_algorithms(Plan& plan, const std::vector<Place>& places, Code& code) {
  const std::vector<int> nodes = computing(plan);
  const NodeOptions all(code.options, plan);
  tune(code, [&](size_t step, const std::string& algorithm) {
    Options options = all.of(nodes[step]);
    options.algorithm = algorithm;
    return lowered(plan, places, nodes[step], options, *code.crew);
  });
  if (code.options.tune != Tune::measured) return;
  for (int node : nodes) {
    Fingerprint print;
    plan.at(node).operation->identify(print);
    for (const Parameter& parameter : print.parameters()) Memo::drop_unused(parameter);
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
bool share(Code& code) {
  // A thread that looks for work already takes a tile within a microsecond; a sleeping one wakes within tens of them.
  // Expected cycles: 4 us and 20 us on a Zen 1 of 2 GHz, whose multiply-adds take twice the cycles that are expected.
  constexpr double least_step = 6e3, least_run = 30e3;
  double sum = 0;
  for (auto& placed : code.steps) {
    const double cycles = cycles_of(placed.info);
    placed.shared = placed.step->tiles() > 1 && cycles >= least_step * static_cast<double>(placed.info.portions);
    if (placed.shared) sum += cycles;
  }
  return sum >= least_run;
}

/// All steps, those of portions once for each.
std::vector<Code::Turn> turns_of(const std::vector<Code::Placed>& steps) {
  std::vector<Code::Turn> turns;
  for (size_t first = 0, end = 0; first < steps.size(); first = end) {
    for (end = first + 1;
         end < steps.size() && steps[end].portions >= 0 && steps[end].portions == steps[first].portions;)
      ++end;
    for (int64_t portion = 0; portion < steps[first].info.portions; ++portion)
      for (size_t step = first; step < end; ++step) turns.push_back({step, portion});
  }
  return turns;
}

/// Pass: an algorithm that was asked for by name is one that some layer could take.
void check_algorithm(const Code& code) {
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
size_t packed_bytes(const Code& code) {
  std::set<const float*> seen;
  size_t sum = 0;
  for (const auto& placed : code.steps)
    if (seen.insert(placed.step->packed().data()).second) sum += placed.step->packed().size_bytes();
  return sum;
}

/// With `evaluated`, what depends on constants alone is computed now, else by each run.
Program compiled(const Graph& graph, const Options& options, bool evaluated) {
  if (graph.outputs().empty()) fail("a graph without outputs");
  if (!(options.tuning_seconds >= 0))
    fail("Options::tuning_seconds must not be negative, got {}", options.tuning_seconds);
  if (options.threads < 0) fail("Options::threads must not be negative, got {}; 0 means all", options.threads);
  auto code = std::make_shared<Code>();
  code->options = options;
  code->options.isa = options.isa ? *options.isa : default_isa();
  code->crew = crew(options.threads, options.arena);
  code->options.threads = code->crew->threads();
  for (int input : graph.inputs()) code->inputs.push_back(graph.nodes()[static_cast<size_t>(input)].type);
  for (int output : graph.outputs()) code->outputs.push_back(graph.nodes()[static_cast<size_t>(output)].type);

  Plan plan = plan_of(graph);
  prune(plan);
  see_through(plan);
  if (evaluated) {
    evaluate(plan, [&](const Graph& known) {
      return compiled(known, {.threads = 1, .isa = code->options.isa}, false)(std::span<const Tensor>());
    });
    modulate(plan);
    bind_constants(plan);
  }
  absorb(plan);
  fold(plan);
  add_residuals(plan);
  fuse(plan);
  chain(plan);
  part(plan);
  lay_out(plan);
  separate_outputs(plan);
  if (options.precision == Precision::bfloat16) {
    const NodeOptions each(code->options, plan);
    store_rounded(
        plan, [&](int node) -> const Options& { return each.of(node); }, *code->crew);
  }
  divide(plan, static_cast<size_t>(l2_bytes()), code->crew->threads());
  const std::vector<Place> places = place_values(plan, *code);
  lower(plan, places, *code);
  if (!share(*code) && code->options.threads > 1) {  // cut for one thread
    code->crew = crew(1, options.arena);
    code->options.threads = 1;
    code->steps.clear();
    lower(plan, places, *code);
  }
  choose_algorithms(plan, places, *code);
  code->turns = turns_of(code->steps);
  code->scratch_bytes = scratch_bytes_of(*code);
  check_algorithm(*code);
  code->packed_bytes = packed_bytes(*code);
  return Code::program(std::move(code));
}

}  // namespace

Program compile(const Graph& graph, const Options& options) { return compiled(graph, options, true); }

Program compile(const AnyModule& module, const Shape& input, const Options& options) {
  const Type type{input, DType::float32};
  return compile(module, std::span(&type, 1), options);
}

}  // namespace upconv
