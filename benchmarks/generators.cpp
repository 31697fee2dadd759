// Whole generators, with the weights that come with them.
#include <fmt/format.h>
#include <upconv/upconv.h>

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

void dcgan(benchmark::State& state, int64_t batch, int threads) {
  examples::Dcgan net;
  net.load(UPCONV_SOURCE "/examples/weights/dcgan.safetensors");
  const Tensor z = [&] {  // the first latents of the 64 of the golden pictures
    const Tensor all = randn({64, 100, 1, 1}, 0);
    Tensor first({batch, 100, 1, 1});
    std::copy_n(all.data(), first.numel(), first.data());
    return first;
  }();
  const Options options{.tune = batch > 1 ? Tune::throughput : Tune::latency, .threads = threads};
  const Program program = compile(net, z.shape(), options);
  if (!verified(program(z))) return state.SkipWithError("wrong pictures");
  double flops = 0;
  for (const StepInfo& step : program.steps()) flops += step.flops;
  measure(state, program, {z}, flops, static_cast<double>(batch));
}

const bool enrolled = [] {
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
