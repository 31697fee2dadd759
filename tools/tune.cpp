// upconv tune: the fastest algorithms on this machine, timed in their places, in a file for other processes.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "framework/weights/temporary_file.h"
#include "tools/assumptions.h"
#include "tools/commands.h"
#include "tools/models.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/timing.h"

namespace upconv::tools {
namespace {

struct TuneNetwork {
  NetworkOptions network;
  MachineOptions machine;
  ChoiceOptions choice;
  std::vector<Shape> inputs;
  std::string file = "choices.txt";

  void run() const;
};

/// A bar that goes on by itself for as long as the work may last.
class Ticking {
 public:
  explicit Ticking(double seconds) : thread_([this, seconds] { tick(seconds); }) {}
  ~Ticking() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Ticking(const Ticking&) = delete;
  Ticking& operator=(const Ticking&) = delete;

 private:
  void tick(double seconds) {
    constexpr int64_t steps = 100;
    Progress progress(steps);
    std::unique_lock lock(mutex_);
    for (int64_t step = 0; step < steps; ++step) {
      if (changed_.wait_for(lock, std::chrono::duration<double>(seconds / steps), [this] { return over_; })) return;
      progress.advance(1);
    }
    changed_.wait(lock, [this] { return over_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

/// The candidate of that name; nullptr where there is none.
const Candidate* find(const StepInfo& step, const std::string& algorithm) {
  const auto found = std::find_if(step.candidates.begin(), step.candidates.end(),
                                  [&](const Candidate& one) { return one.algorithm == algorithm; });
  return found == step.candidates.end() ? nullptr : &*found;
}

/// What was gained, layer by layer.
void print(const Program& expected, const Program& measured) {
  Table table({{"layer"}, {"expected to be fastest"}, {"ms", true}, {"fastest"}, {"ms", true}, {"gained", true}});
  const std::vector<StepInfo> before = expected.steps(), after = measured.steps();
  double sum_before = 0, sum_after = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    const Candidate* first = find(after[i], before[i].algorithm);
    const Candidate* best = find(after[i], after[i].algorithm);
    if (after[i].candidates.size() < 2 || !first || !best) continue;
    if (best->seconds == 0) {
      table.add({after[i].path, before[i].algorithm, "", "not timed", "", ""});
      continue;
    }
    sum_before += first->seconds;
    sum_after += best->seconds;
    table.add({after[i].path, before[i].algorithm, fmt::format("{:.3f}", first->seconds * 1e3), best->algorithm,
               fmt::format("{:.3f}", best->seconds * 1e3),
               fmt::format("{:.0f} %", 100 * (1 - best->seconds / first->seconds))});
  }
  table.print();
  if (sum_after > 0)
    fmt::print("\nlayers with a choice: {:.3f} ms as expected, {:.3f} ms as measured, {:.0f} % less\n",
               sum_before * 1e3, sum_after * 1e3, 100 * (1 - sum_after / sum_before));
}

void TuneNetwork::run() const {
  // Before the work, so that nothing is measured for a file that cannot be written.
  Choices all = std::filesystem::exists(file) ? Choices::load(file) : Choices();
  internal::TemporaryFile written(file);
  const Model model = find_network(network.spec, network.exported);
  tell(model.assumptions, network.no_assumptions);
  const std::vector<Type> types = model.types(inputs);
  model.load(network.weights);
  Random random;
  randomize(*model.module, random);

  Options options = choice.options(machine);
  options.tune = Tune::latency;
  const Program expected = compile(*model.module, types, options);
  options.tune = Tune::measured;
  const auto start = std::chrono::steady_clock::now();
  const Program measured = [&] {
    const Ticking progress(options.tuning_seconds);
    return compile(*model.module, types, options);
  }();
  const double took = seconds_since(start);

  const Choices found = measured.choices();
  for (const Choice& one : found.all()) all.add(one);
  const std::string text = all.str();
  written.write(text.data(), text.size());
  written.commit();

  print(expected, measured);
  fmt::print("{}: {} choice{} for {} thread{} and {}, {} in all, found in {:.1f} s\n", file, found.all().size(),
             found.all().size() == 1 ? "" : "s", measured.threads(), measured.threads() == 1 ? "" : "s",
             name(measured.isa()), all.all().size(), took);
}

}  // namespace

void add_tune(CLI::App& app) {
  auto options = std::make_shared<TuneNetwork>();
  CLI::App* command = app.add_subcommand("tune", "Time the algorithms of each layer and write the fastest to a file");
  add_network_options(*command, options->network);
  add_inputs(*command, options->inputs);
  add_machine_options(*command, options->machine);
  add_accuracy_option(*command, options->choice);
  add_tuning_option(*command, "--seconds", options->choice.tuning_seconds);
  command->add_option("--choices", options->file, "Where the choices go; those of other networks stay in it")
      ->type_name("FILE")
      ->default_str("choices.txt");
  options->file = "choices.txt";
  options->choice.tune = "measured";
  command->footer(
      "Examples:\n"
      "  upconv tune dcgan --input 16,100,1,1 --choices dcgan.txt\n"
      "  upconv bench dcgan --input 16,100,1,1 --choices dcgan.txt\n"
      "The file is text, a line for each kind of layer, and good for this number of threads, this accuracy and this\n"
      "instruction set. With it, run, bench and pack take the same algorithms on every machine, and give the same "
      "bits.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
