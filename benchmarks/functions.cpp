// Functions of values against the memory's speed, in the middle of a network, where pictures lie channels-last: how
// many times as long they take as one pass, which reads and writes every element once.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <functional>
#include <utility>
#include <vector>

#include "framework/parallel.h"
#include "tools/timing.h"

namespace upconv::benchmarks {

using namespace internal;

namespace {

using Function = std::function<Value(Value, Value)>;

/// `function` of a picture and a style (N, 2 * C, 1, 1), between convolutions.
struct Between : ModuleOf<Value(Value, Value)> {
  Function function;
  Conv2d &before, &after;
  Between(Function function, int64_t channels)
      : function(std::move(function)),
        before(child("before", Conv2d(channels, channels, 1, {.groups = channels}))),
        after(child("after", Conv2d(channels, channels, 1, {.groups = channels}))) {}
  Value forward(Value x, Value style) const override { return after(function(before(x), style)); }
};

/// Seconds of one run's steps that are neither the convolutions' nor changes of layout for them.
class Steps {
 public:
  Steps(const Function& function, const Shape& shape, int threads)
      : inputs_{randn(shape, 0), randn({shape[0], 2 * shape[1], 1, 1}, 1)},
        outputs_{Tensor(shape)},
        program_(compile(Between(function, shape[1]), std::vector<Type>{{shape}, {inputs_[1].shape()}},
                         {.threads = threads})),
        workspace_(program_) {}
  double operator()() {
    const Profile profile = program_.profile(workspace_, inputs_, outputs_);
    double seconds = 0;
    for (size_t i = 0; i < profile.steps.size(); ++i)
      if (const StepInfo step = program_.steps()[i]; step.path.empty() && step.operation != "Relayout")
        seconds += profile.steps[i];
    return seconds;
  }

 private:
  std::vector<Tensor> inputs_, outputs_;
  Program program_;
  Workspace workspace_;
};

void passes(benchmark::State& state, const Function& function, const Shape& shape, int threads) {
  Steps one_pass([](Value x, Value) { return x * x; }, shape, threads), steps(function, shape, threads);
  std::vector<double> passes;
  for (auto _ : state) {
    const double one = one_pass(), all = steps();
    passes.push_back(all / one);
    state.SetIterationTime(all);
  }
  state.counters["passes"] = median(passes);
  state.counters["GB/s of a pass"] =
      benchmark::Counter(8e-9 * static_cast<double>(numel(shape)), benchmark::Counter::kIsIterationInvariantRate);
}

const bool enrolled = [] {
  const std::pair<const char*, Function> functions[] = {
      {"PixelNorm", [](Value x, Value) { return x * rsqrt(mean(x * x, 1, true) + 1e-8); }},
      {"AdaIN",
       [](Value x, Value style) {
         const Values s = chunk(style, 2, 1);
         return leaky_relu(instance_norm(x) * (1 + s[0]) + s[1], 0.2);
       }},
      {"seven functions in a row",
       [](Value x, Value style) {
         const Values s = chunk(style, 2, 1);
         return clamp(leaky_relu(x * s[0] + s[1], 0.2) * 1.4 + abs(x), -2, 2);
       }},
  };
  for (const auto& [name, function] : functions)
    for (const Shape& shape : {Shape{1, 64, 64, 64}, Shape{4, 64, 256, 256}})
      for (int threads = 1; threads <= hardware_threads(); threads *= 2)
        benchmark::RegisterBenchmark(
            fmt::format("functions/{}/{}/threads {}", name, str(shape), threads).c_str(),
            [function = function, shape, threads](benchmark::State& state) { passes(state, function, shape, threads); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
}  // namespace upconv::benchmarks
