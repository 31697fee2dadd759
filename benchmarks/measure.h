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
#include "tools/timing.h"

namespace upconv::benchmarks {

/// Runs `once`, which has verified its result, as long as Google Benchmark asks. `flops` and `images` are those of one
/// run.
template <class F>
void measure(benchmark::State& state, const kernels::Table& table, int threads, double flops, double images, F once) {
  std::vector<double> times, peaks;
  for (auto _ : state) {
    peaks.push_back(peak_sample(table));
    const auto start = std::chrono::steady_clock::now();
    once();
    times.push_back(seconds_since(start));
    state.SetIterationTime(times.back());
  }
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(flops / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["images/s"] = Counter(images, Counter::kIsIterationInvariantRate);
  // A neighbour on the same core takes more from these kernels than from bare multiply-adds, so the fastest run beside
  // the fastest peak says what the code can do, the medians what the machine gave.
  const double best = *std::max_element(peaks.begin(), peaks.end()) * threads, peak = median(peaks) * threads;
  state.counters["best % of peak"] = 100 * flops / *std::min_element(times.begin(), times.end()) / best;
  state.counters["peak GFLOP/s"] = peak / 1e9;
  state.counters["% of peak"] = 100 * flops / median(times) / peak;
  state.SetLabel(std::string(name(table.isa)));
}

inline void measure(benchmark::State& state, const Program& program, const std::vector<Tensor>& inputs, double flops,
                    double images) {
  Workspace workspace(program);
  std::vector<Tensor> outputs;
  for (const Type& type : program.outputs()) outputs.emplace_back(type.shape, type.dtype);
  const auto once = [&] { program.run(workspace, inputs, outputs); };
  once();
  measure(state, kernels::table(program.isa()), program.threads(), flops, images, once);
}

}  // namespace upconv::benchmarks
