#pragma once
// How every benchmark measures: it has verified before it comes here; it reports rates that do not depend on the number
// of iterations, in real time, and the machine's own limit measured between its iterations, so that both saw the same
// minute.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "framework/parallel.h"
#include "framework/program.h"
#include "layers/kernels/kernels.h"

namespace upconv::benchmarks {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// Floating-point operations a second of one thread that only multiplies and adds in registers, over about 100 us.
inline double peak_sample(const kernels::Table& table) {
  static float sink = 1;
  constexpr int64_t rounds = 500;
  const auto start = std::chrono::steady_clock::now();
  const double flops = table.peak(rounds, &sink) * rounds;
  return flops / seconds_since(start);
}

/// Runs `program` as long as Google Benchmark asks. `flops` are those of one run.
inline void measure(benchmark::State& state, const Program& program, const std::vector<Tensor>& inputs, double flops,
                    double images) {
  Workspace workspace(program);
  std::vector<Tensor> outputs;
  for (const Type& type : program.outputs()) outputs.emplace_back(type.shape, type.dtype);
  program.run(workspace, inputs, outputs);
  const kernels::Table& table = kernels::table(program.isa());
  std::vector<double> times, peaks;
  for (auto _ : state) {
    peaks.push_back(peak_sample(table));
    const auto start = std::chrono::steady_clock::now();
    program.run(workspace, inputs, outputs);
    times.push_back(seconds_since(start));
    state.SetIterationTime(times.back());
  }
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(flops / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["images/s"] = Counter(images, Counter::kIsIterationInvariantRate);
  // A neighbour on the same core takes more from these kernels than from bare multiply-adds, so the fastest run beside
  // the fastest peak says what the code can do, the medians what the machine gave.
  state.counters["best % of peak"] = 100 * flops / *std::min_element(times.begin(), times.end()) /
                                     (*std::max_element(peaks.begin(), peaks.end()) * program.threads());
  const double peak = median(peaks) * program.threads();
  state.counters["peak GFLOP/s"] = peak / 1e9;
  state.counters["% of peak"] = 100 * flops / median(times) / peak;
  state.SetLabel(std::string(name(program.isa())));
}

}  // namespace upconv::benchmarks
