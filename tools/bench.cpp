// upconv bench: how fast a network runs on this machine, layer by layer.
#include <fmt/ranges.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "layers/convolution/machine_class.h"
#include "tools/assumptions.h"
#include "tools/commands.h"
#include "tools/models.h"
#include "tools/options.h"
#include "tools/profile.h"
#include "tools/roof.h"
#include "tools/sample.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/timing.h"

namespace upconv::tools {
namespace {

struct Bench {
  NetworkOptions network;
  MachineOptions machine;
  std::vector<Shape> inputs;
  double seconds = 1;
  ChoiceOptions choice;
  bool json = false;
  bool profile = false;
  std::string trace;

  void run() const;
};

/// A program and what it runs on.
struct Runner {
  explicit Runner(Program which) : program(std::move(which)), workspace(program) {
    for (const Type& type : program.outputs()) outputs.emplace_back(type.shape, type.dtype);
  }
  Program program;
  Workspace workspace;
  std::vector<Tensor> outputs;
};

/// Seconds of whole runs, and others that were watched: a sample of each, however long it took.
struct Times {
  static constexpr size_t most_profiles = 256;  // which have every tile of a run
  Sample<double> runs;
  double least = std::numeric_limits<double>::infinity();
  Sample<Profile> profiles{most_profiles};
};

/// The candidates for one step, measured in the same rounds.
struct Contest {
  size_t step;
  std::vector<Candidate> candidates;
  std::vector<Sample<double>> seconds;  ///< [candidate], each of the same rounds
};

/// Calls `sample` for so long, and at least a few times.
void repeat(double seconds, const std::function<void()>& sample) {
  constexpr int least = 5;
  const auto start = std::chrono::steady_clock::now();
  for (int count = 0; count < least || seconds_since(start) < seconds; ++count) sample();
}

/// Of a .pt2, which does not say how many there are to choose from, every integer is 0 and every truth 1.
Tensor random_input(const Type& type, const AnyModule& module, bool is_truth, Random& random) {
  if (is_truth) return {type.shape, std::vector<float>(static_cast<size_t>(numel(type.shape)), 1.0f)};
  if (type.dtype == DType::float32) return random.randn(type.shape);
  Tensor indices(type.shape, type.dtype);
  if (find_embedding(module) == nullptr) {
    std::fill_n(indices.indices(), indices.numel(), 0);
    return indices;
  }
  for (int64_t i = 0; i < indices.numel(); ++i) indices.indices()[i] = i % find_embedding(module)->num_embeddings;
  return indices;
}

Times measure(const Program& program, const std::vector<Tensor>& inputs, double seconds, Roof& roof) {
  Runner runner(program);
  program.run(runner.workspace, inputs, runner.outputs);  // warms up
  Times times;
  repeat(seconds, [&] {
    const auto start = std::chrono::steady_clock::now();
    program.run(runner.workspace, inputs, runner.outputs);
    const double took = seconds_since(start);
    times.runs.add(took);
    times.least = std::min(times.least, took);
  });
  repeat(seconds / 4, [&] {
    roof.sample();
    times.profiles.add(program.profile(runner.workspace, inputs, runner.outputs));
  });
  return times;
}

std::vector<Contest> contests_of(const Program& program) {
  std::vector<Contest> contests;
  const std::vector<StepInfo> steps = program.steps();
  for (size_t i = 0; i < steps.size(); ++i)
    if (const auto& candidates = steps[i].candidates; !candidates.empty())
      contests.push_back({i, candidates, std::vector<Sample<double>>(candidates.size())});
  return contests;
}

/// Every candidate of every step: a round runs one program for each algorithm, in an order that rotates, so that what
/// slows the machine slows all; several times, of which the last counts, so that its weights are where its own last run
/// left them, and not where another's that has them too. `compile_with` compiles the network with one of them wherever
/// that applies.
std::vector<Contest> compare(const std::function<Program(const std::string&)>& compile_with,
                             const std::vector<Tensor>& inputs, double seconds) {
  std::vector<Contest> contests = contests_of(compile_with(""));
  std::vector<std::string> algorithms;
  std::vector<Runner> runners;
  for (const Contest& contest : contests)
    for (const Candidate& candidate : contest.candidates)
      if (std::find(algorithms.begin(), algorithms.end(), candidate.algorithm) == algorithms.end()) {
        algorithms.push_back(candidate.algorithm);
        runners.emplace_back(compile_with(candidate.algorithm));
      }
  const auto run = [&](size_t which) {
    Runner& runner = runners[which];
    warm_up([&] { runner.program.run(runner.workspace, inputs, runner.outputs); });
    const std::vector<double> times = runner.program.profile(runner.workspace, inputs, runner.outputs).steps;
    for (Contest& contest : contests)
      for (size_t c = 0; c < contest.candidates.size(); ++c)
        if (contest.candidates[c].algorithm == algorithms[which]) contest.seconds[c].add(times[contest.step]);
  };
  size_t round = 0;
  if (!runners.empty())
    repeat(seconds, [&] {
      for (size_t i = 0; i < runners.size(); ++i) run((round + i) % runners.size());
      ++round;
    });
  return contests;
}

/// One step's part of the report.
nlohmann::ordered_json layer_report(const StepInfo& step, double seconds) {
  return {{"path", step.path},
          {"operation", step.operation},
          {"algorithm", step.algorithm},
          {"precision", name(step.precision)},
          {"stored", name(step.stored)},
          {"shape", step.shape},
          {"portions", step.portions},
          {"ms", seconds * 1e3},
          {"gflops", step.flops / seconds / 1e9}};
}

nlohmann::ordered_json layer_reports(const Program& program, const Times& times) {
  auto layers = nlohmann::ordered_json::array();
  const std::vector<StepInfo> steps = program.steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    std::vector<double> seconds;
    for (const Profile& profile : times.profiles.kept()) seconds.push_back(profile.steps[i]);
    layers.push_back(layer_report(steps[i], median(seconds)));
  }
  return layers;
}

/// The watched run whose time is the median.
Profile typical(std::vector<Profile> profiles) {
  const auto middle = profiles.begin() + static_cast<std::ptrdiff_t>(profiles.size() / 2);
  std::nth_element(profiles.begin(), middle, profiles.end(),
                   [](const Profile& a, const Profile& b) { return a.seconds < b.seconds; });
  return std::move(*middle);
}

/// A step's candidates, in the order of its list. Ratios are to the one with the least median: of times, the median
/// over the rounds; of the cycles that were expected, to the least. `measured` is what Tune::measured takes.
nlohmann::ordered_json contest_report(const Contest& contest, const StepInfo& step, const std::string& measured) {
  std::vector<double> medians, cycles;
  for (size_t c = 0; c < contest.candidates.size(); ++c) {
    medians.push_back(median(contest.seconds[c].kept()));
    cycles.push_back(contest.candidates[c].cycles);
  }
  const auto best = static_cast<size_t>(std::min_element(medians.begin(), medians.end()) - medians.begin());
  const double least = *std::min_element(cycles.begin(), cycles.end());
  auto candidates = nlohmann::ordered_json::array();
  for (size_t c = 0; c < contest.candidates.size(); ++c) {
    std::vector<double> ratios;
    for (size_t round = 0; round < contest.seconds[c].kept().size(); ++round)
      ratios.push_back(contest.seconds[c].kept()[round] / contest.seconds[best].kept()[round]);
    const std::string& algorithm = contest.candidates[c].algorithm;
    candidates.push_back({{"algorithm", algorithm},
                          {"chosen", algorithm == step.algorithm},
                          {"measured", algorithm == measured},
                          {"ms", medians[c] * 1e3},
                          {"gflops", step.flops / medians[c] / 1e9},
                          {"ratio", median(ratios)},
                          {"expected_cycles", cycles[c]},
                          {"expected_ratio", cycles[c] / least}});
  }
  return candidates;
}

/// How many pictures an output of this shape is: (N, C, H, W) or (N, features), else one.
int64_t images(const Shape& shape) { return shape.size() == 4 || shape.size() == 2 ? shape[0] : 1; }

/// Who takes a candidate: "expected", "measured", both or nobody.
std::string choosers(const nlohmann::ordered_json& candidate) {
  std::vector<std::string_view> all;
  if (candidate["chosen"]) all.emplace_back("expected");
  if (candidate["measured"]) all.emplace_back("measured");
  return fmt::format("{}", fmt::join(all, ", "));
}

void print_candidates(const nlohmann::ordered_json& layers) {
  Table table({{"layer"},
               {"algorithm"},
               {"chosen as"},
               {"ms", true},
               {"GFLOP/s", true},
               {"of the best", true},
               {"expected Mcycles", true},
               {"of the least", true}});
  for (const auto& layer : layers)
    for (const auto& one : layer.value("candidates", nlohmann::ordered_json::array()))
      table.add({layer["path"], one["algorithm"], choosers(one), fmt::format("{:.3f}", one["ms"].get<double>()),
                 fmt::format("{:.1f}", one["gflops"].get<double>()), fmt::format("{:.2f}", one["ratio"].get<double>()),
                 fmt::format("{:.3f}", one["expected_cycles"].get<double>() / 1e6),
                 fmt::format("{:.2f}", one["expected_ratio"].get<double>())});
  fmt::print("\n");
  table.print();
}

void print_layers(const nlohmann::ordered_json& reports) {
  Table layers({{"layer"}, {"operation"}, {"algorithm"}, {"output"}, {"ms", true}, {"%", true}, {"GFLOP/s", true}});
  double sum = 0;
  for (const auto& layer : reports) sum += layer["ms"].get<double>();
  for (const auto& layer : reports) {
    const double ms = layer["ms"], gflops = layer["gflops"];
    layers.add({layer["path"], layer["operation"], algorithm_text(layer), str(layer["shape"].get<Shape>()),
                fmt::format("{:.3f}", ms), fmt::format("{:.0f}", 100 * ms / sum),
                gflops > 0 ? fmt::format("{:.1f}", gflops) : ""});
  }
  layers.print();
}

void print(const nlohmann::ordered_json& report) {
  const auto shape = [](const nlohmann::ordered_json& sizes) { return str(sizes.get<Shape>()); };
  fmt::print("{} to {}, {}, {} thread{}, tuned for {}, accuracy {}, {}\n\n", shape(report["input"]),
             shape(report["output"]), report["isa"].get<std::string>(), report["threads"].get<int>(),
             report["threads"] == 1 ? "" : "s", report["tune"].get<std::string>(),
             report["accuracy"].get<std::string>(), report["precision"].get<std::string>());
  if (report.contains("peak_gflops"))
    print_profile(report);
  else
    print_layers(report["layers"]);
  fmt::print("\nmedian {:.3f} ms, least {:.3f} ms of {} runs: {:.0f} images/s, {:.1f} GFLOP/s\n",
             report["median_ms"].get<double>(), report["min_ms"].get<double>(), report["runs"].get<size_t>(),
             report["images_per_s"].get<double>(), report["gflops"].get<double>());
  fmt::print("packed weights {:.1f} MB, arena {:.1f} MB\n", report["packed_bytes"].get<double>() / 1e6,
             report["arena_bytes"].get<double>() / 1e6);
  if (report["algorithm"] == "all") print_candidates(report["layers"]);
}

/// Whose costs the choices are expected by.
nlohmann::ordered_json machine_report(Isa isa) {
  const internal::MachineProperties here = internal::properties_of(internal::processor(), isa);
  const internal::MachineClass& known = internal::class_of(here);
  constexpr const char* words[] = {"none", "slow", "fast"};  // as Bfloat16 has them
  return {{"wide", here.wide},
          {"halves", here.halves},
          {"own_additions", here.own_additions},
          {"bfloat16", isa == Isa::amx ? "tiles" : words[static_cast<size_t>(bfloat16_instructions())]},
          {"costs", known.name},
          {"measured", internal::is_measured(here)}};
}

void Bench::run() const {
  std::optional<internal::TemporaryFile> traced;  // opened before the work
  if (trace == "-")
    throw CLI::ValidationError("--trace", "expected the name of a file: standard output has the report");
  if (!trace.empty()) traced.emplace(trace);
  const Model model = find_network(network.spec, network.exported);
  tell(model.assumptions, network.no_assumptions);
  const std::vector<Type> types = model.types(inputs);
  model.load(network.weights);
  Random random;
  randomize(*model.module, random);
  std::vector<Tensor> xs;
  const Exported* exported = model.exported();
  for (size_t i = 0; i < types.size(); ++i)
    xs.push_back(
        random_input(types[i], *model.module, exported && exported->inputs()[i].dtype == DType::boolean, random));
  const auto compile_with = [&](const std::string& name) {
    Options options = choice.options(machine);
    options.algorithm = name;
    return compile(*model.module, types, options);
  };
  const bool all = choice.algorithm == "all";
  const Program program = compile_with(choice.options(machine).algorithm);
  Roof roof(program);
  Times times = measure(program, xs, seconds, roof);

  const double seconds_of_one = median(times.runs.kept());
  const std::vector<StepInfo> steps = program.steps();
  const double flops = std::accumulate(steps.begin(), steps.end(), 0.0,
                                       [](double sum, const StepInfo& step) { return sum + step.flops; });
  const Shape& output = program.outputs()[0].shape;
  nlohmann::ordered_json layers = layer_reports(program, times);
  if (all) {
    Options options = choice.options(machine);
    options.tune = Tune::measured;
    const std::vector<StepInfo> measured = compile(*model.module, types, options).steps();
    for (const Contest& contest : compare(compile_with, xs, seconds))
      layers[contest.step]["candidates"] =
          contest_report(contest, steps[contest.step], measured[contest.step].algorithm);
  }
  if (profile)
    for (size_t i = 0; i < steps.size(); ++i)
      layers[i].update(step_profile(steps[i], i, times.profiles.kept(), program.threads(), roof));
  nlohmann::ordered_json report = {
      {"input", types[0].shape},
      {"output", output},
      {"isa", name(program.isa())},
      {"machine", machine_report(program.isa())},
      {"threads", program.threads()},
      {"tune", choice.tune},
      {"accuracy", choice.accuracy},
      {"precision", choice.precision.precision},
      {"algorithm", choice.algorithm},
      {"arena_bytes", program.arena_bytes()},
      {"packed_bytes", program.packed_bytes()},
      {"runs", times.runs.count()},
      {"median_ms", seconds_of_one * 1e3},
      {"min_ms", times.least * 1e3},
      {"images_per_s", static_cast<double>(images(output)) / seconds_of_one},
      {"gflops", flops / seconds_of_one / 1e9},
      {"layers", layers},
  };
  if (profile) {
    report["peak_gflops"] = roof.flops() / 1e9;
    report["bandwidth_gbytes_per_s"] = roof.bandwidth() / 1e9;
  }
  if (traced) write_trace(*traced, program, typical(times.profiles.kept()));
  if (json) {
    print_json(report);
  } else {
    print(report);
  }
}

}  // namespace

void add_bench(CLI::App& app) {
  auto options = std::make_shared<Bench>();
  CLI::App* command = app.add_subcommand("bench", "Measure a network, with random weights where none are given");
  add_network_options(*command, options->network);
  add_inputs(*command, options->inputs);
  add_machine_options(*command, options->machine);
  add_seconds(*command, options->seconds);
  add_choice_options(*command, options->choice, "latency");
  CLI::Option* profile = command->add_flag(
      "--profile", options->profile, "Also bytes that each layer moves, and how near it comes to the machine's limits");
  command
      ->add_option("--trace", options->trace,
                   "A file for one watched run, a row for each thread: open it in chrome://tracing or ui.perfetto.dev")
      ->type_name("FILE")
      ->check(named())
      ->needs(profile);
  command->add_flag("--json", options->json, "One JSON object in place of the table");
  command->footer(
      "Examples:\n"
      "  upconv bench taesd\n"
      "  upconv bench dcgan --input 64,100,1,1 --tune throughput\n"
      "  upconv bench net.pt2 --input 16,100,1,1\n"
      "  upconv bench \"ConvTranspose2d(128, 64, 4, stride=2, padding=1)\" --input 1,128,32,32 --threads 1 --json\n"
      "  upconv bench dcgan --input 1,100,1,1 --algorithm all\n"
      "  upconv bench dcgan --input 16,100,1,1 --profile --trace trace.json\n"
      "--algorithm all measures every one that applies, beside what is chosen as expected and as --tune measured "
      "finds\n"
      "it. A layer's time is that from the end of "
      "the\n"
      "one before to its own, within whole runs. GFLOP/s count the layer's own products, of which Winograd's "
      "algorithm\n"
      "needs fewer: it may go beyond the roof. The roof of a layer is the more of two times: its operations by bare\n"
      "multiply-adds, and the bytes of its inputs, output and weights by bare reading, from the cache that holds what "
      "a\n"
      "run moves, on all threads. \"% busy\" is how much of the threads' time went into its tiles.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
