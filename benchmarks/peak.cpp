// The machine's own limit: multiply-adds in registers, one thread, per instruction set.
#include <fmt/format.h>

#include "benchmarks/measure.h"

namespace upconv::benchmarks {
namespace {

void peak(benchmark::State& state, Isa isa) {
  const kernels::Table& table = kernels::table(isa);
  float sink = 1;
  double flops = 0;
  for (auto _ : state) benchmark::DoNotOptimize(flops = table.peak(1000, &sink) * 1000);
  state.counters["GFLOP/s"] = benchmark::Counter(flops / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

const bool enrolled = [] {
  for (Isa isa : available_isas())
    benchmark::RegisterBenchmark(fmt::format("peak/{}", name(isa)).c_str(), [=](benchmark::State& state) {
      peak(state, isa);
    })->UseRealTime();
  return true;
}();

}  // namespace
}  // namespace upconv::benchmarks
