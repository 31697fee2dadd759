// Whole generators, with the weights that come with them.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <chrono>
#include <thread>
#include <vector>

#include "benchmarks/measure.h"
#include "examples/dcgan.h"

namespace upconv::benchmarks {

using namespace internal;
namespace {

/// Whether the first pictures are PyTorch's.
bool verified(const Tensor& pictures) {
  const Tensor golden = load_state_dict(UPCONV_SOURCE "/tests/golden/dcgan.safetensors").at("output").to_tensor();
  for (int64_t i = 0; i < std::min(golden.numel(), pictures.numel()); ++i)
    if (!(std::abs(pictures.data()[i] - golden.data()[i]) <= 2e-4)) return false;
  return true;
}

/// Of the 64 of the golden pictures.
Tensor first_latents(int64_t count) {
  const Tensor all = randn({64, 100, 1, 1}, 0);
  Tensor first({count, 100, 1, 1});
  std::copy_n(all.data(), first.numel(), first.data());
  return first;
}

void dcgan(benchmark::State& state, int64_t batch, int threads) {
  examples::Dcgan net;
  net.load(UPCONV_SOURCE "/examples/weights/dcgan.safetensors");
  const Tensor z = first_latents(batch);
  const Options options{.tune = batch > 1 ? Tune::throughput : Tune::latency, .threads = threads};
  const Program program = compile(net, z.shape(), options);
  if (!verified(program(z))) return state.SkipWithError("wrong pictures");
  double flops = 0;
  for (const StepInfo& step : program.steps()) flops += step.flops;
  measure(state, program, {z}, flops, static_cast<double>(batch));
}

/// A server of three workers, each of which paints one picture after another.
void serve(benchmark::State& state, int threads) {
  constexpr int workers = 3, pictures = 32;  // of each worker between two looks at the clock
  examples::Dcgan net;
  net.load(UPCONV_SOURCE "/examples/weights/dcgan.safetensors");
  const Tensor z = first_latents(1);
  const Program program = compile(net, z.shape(), {.threads = threads});
  if (!verified(program(z))) return state.SkipWithError("wrong pictures");
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> all;
    for (int worker = 0; worker < workers; ++worker)
      all.emplace_back([&] {
        Workspace workspace(program);
        std::vector<Tensor> picture{Tensor(program.outputs()[0].shape)};
        for (int i = 0; i < pictures; ++i) program.run(workspace, std::span(&z, 1), picture);
      });
    for (std::thread& one : all) one.join();
    state.SetIterationTime(seconds_since(start));
  }
  state.counters["images/s"] = benchmark::Counter(workers * pictures, benchmark::Counter::kIsIterationInvariantRate);
}

const bool enrolled = [] {
  for (int threads = 1; threads <= hardware_threads(); threads *= 2)
    benchmark::RegisterBenchmark(fmt::format("generators/three workers/threads {}", threads).c_str(),
                                 [=](benchmark::State& state) { serve(state, threads); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  for (int64_t batch : {1, 16, 64})
    for (int threads = 1; threads <= hardware_threads(); threads *= 2)
      benchmark::RegisterBenchmark(fmt::format("generators/dcgan/batch {}/threads {}", batch, threads).c_str(),
                                   [=](benchmark::State& state) { dcgan(state, batch, threads); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
}  // namespace upconv::benchmarks
