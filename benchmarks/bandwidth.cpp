// How fast the machine reads: sizes that stay in the L2 cache, in the last one, and in neither.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <utility>

#include "framework/parallel.h"
#include "tools/timing.h"

namespace upconv::benchmarks {

using namespace internal;

namespace {

void read(benchmark::State& state, size_t size) {
  const Reading reading(size);
  for (auto _ : state) benchmark::DoNotOptimize(reading());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * size));
}

const bool enrolled = [] {
  const std::pair<const char*, size_t> levels[] = {{"L2", 256 << 10}, {"L3", 8 << 20}, {"DRAM", 256 << 20}};
  for (const auto& [level, size] : levels)
    for (int threads = 1; threads <= hardware_threads(); threads *= 2)
      benchmark::RegisterBenchmark(fmt::format("bandwidth/{}", level).c_str(),
                                   [size = size](benchmark::State& state) { read(state, size); })
          ->Threads(threads)
          ->UseRealTime();
  return true;
}();

}  // namespace
}  // namespace upconv::benchmarks
