// How long a program for a new height and width takes: everything but packing, since the packed weights are there.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include "benchmarks/measure.h"
#include "examples/dcgan.h"

namespace upconv::benchmarks {
namespace {

/// The size of the latent changes with every iteration.
void dcgan(benchmark::State& state, int64_t size) {
  examples::Dcgan net;
  net.load(UPCONV_SOURCE "/examples/weights/dcgan.safetensors");
  const auto shape = [&](int64_t more) { return Shape{1, 100, size + more, size + 1}; };
  for (int64_t more = 0; more < 2; ++more) (void)compile(net, shape(more), {});  // packs
  std::vector<double> times;
  int64_t more = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const Program program = compile(net, shape(more ^= 1), {});
    times.push_back(seconds_since(start));
    state.SetIterationTime(times.back());
    if (program.outputs()[0].shape != Shape{1, 3, 16 * (size + more + 3), 16 * (size + 4)})
      return state.SkipWithError("wrong shape");
  }
  state.counters["median us"] = 1e6 * median(times);
  state.counters["most us"] = 1e6 * *std::max_element(times.begin(), times.end());
}

const bool enrolled = [] {
  for (const int64_t size : {1, 4, 16, 64})
    benchmark::RegisterBenchmark(fmt::format("compile/dcgan/changed size near {}", size).c_str(),
                                 [=](benchmark::State& state) { dcgan(state, size); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  return true;
}();

}  // namespace
}  // namespace upconv::benchmarks
