// ConvTranspose2d over the named shapes: every instruction set on one thread, as chosen and by the direct kernel alone;
// the best one on all threads.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <cmath>
#include <map>
#include <string>

#include "benchmarks/measure.h"
#include "benchmarks/shapes.h"
#include "framework/layout.h"
#include "tests/reference/reference.h"

namespace upconv::benchmarks {

using namespace internal;

namespace {

/// A layer with random weights and an input for it.
struct Work {
  ConvTranspose2d layer;
  Tensor x;

  Work(const LayerShape& shape, int64_t batch)
      : layer(shape.in_channels, shape.out_channels, shape.kernel, shape.options) {
    Random random(0);
    layer.weight.set(random.randn(layer.weight.shape()));
    x = random.randn({batch, shape.in_channels, shape.size, shape.size});
  }
};

/// The first image by the reference loops; computed once, as Google Benchmark comes back for every repetition.
const Tensor& expected(const LayerShape& shape, const Work& work, Pair output) {
  static std::map<std::string, Tensor> known;
  auto [found, unknown] = known.try_emplace(shape.name);
  if (unknown) {
    Shape one = work.x.shape();
    one[0] = 1;
    Tensor x(one);
    std::copy_n(work.x.data(), x.numel(), x.data());
    found->second = reference::conv_transpose2d(x, work.layer.weight.value(), Tensor(), work.layer.options, output);
  }
  return found->second;
}

/// Whether the first image equals the reference loops' within rounding.
bool verified(const LayerShape& shape, const Work& work, const Tensor& y) {
  const Tensor& truth = expected(shape, work, Pair(y.size(2), y.size(3)));
  double scale = 1;
  for (int64_t i = 0; i < truth.numel(); ++i) scale = std::max(scale, std::abs(double(truth.data()[i])));
  for (int64_t i = 0; i < truth.numel(); ++i)
    if (!(std::abs(y.data()[i] - truth.data()[i]) <= 1e-5 * scale)) return false;
  return true;
}

void run(benchmark::State& state, const LayerShape& shape, int64_t batch, const Options& options) {
  const Work work(shape, batch);
  const Program program = compile(work.layer, work.x.shape(), options);
  if (!verified(shape, work, program(work.x))) return state.SkipWithError("wrong result");
  measure(state, program, {work.x}, program.steps().back().flops, static_cast<double>(batch));
}

/// The direct kernel as it runs inside a network: channels-last on both sides, on the calling thread.
void run_inside(benchmark::State& state, const LayerShape& shape, Isa isa) {
  const Work work(shape, 1);
  Graph graph;
  const Value x = graph.input({work.x.shape(), DType::float32});
  const Value y = work.layer(x);
  const Options options{.accuracy = Accuracy::exact, .threads = 1, .isa = isa};
  const auto alone = crew(1, nullptr);
  const Type types[] = {{x.shape(), DType::float32}};
  const Layout layouts[] = {Layout::channels_last};
  const std::unique_ptr<Step> step =
      graph.node(y).operation->lower({types, layouts, graph.node(y).type, Layout::channels_last, options, *alone});

  const int64_t in = x.size(2) * x.size(3), out = y.size(2) * y.size(3);
  Tensor inputs(x.shape()), outputs(y.shape()), result(y.shape());
  Tensor scratch({static_cast<int64_t>(step->scratch_bytes() / sizeof(float)) + 16});
  transpose(work.x.data(), in, inputs.data(), x.size(1), x.size(1), in);
  const void* const sources[] = {inputs.data()};
  const Frame frame{sources, outputs.data(), reinterpret_cast<std::byte*>(scratch.data())};
  const auto once = [&] {
    for (int64_t tile = 0; tile < step->tiles(); ++tile) step->run(tile, frame);
  };
  once();
  transpose(outputs.data(), y.size(1), result.data(), out, out, y.size(1));
  if (!verified(shape, work, result)) return state.SkipWithError("wrong result");
  measure(state, kernels::table(isa), 1, step->flops(), 1, once);
}

void enrol_inside(const LayerShape& shape, Isa isa) {
  const std::string title = fmt::format("conv_transpose2d/{}/direct inside a network/{}", shape.name, name(isa));
  benchmark::RegisterBenchmark(title.c_str(), [=](benchmark::State& state) { run_inside(state, shape, isa); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

void enrol(const LayerShape& shape, int64_t batch, Isa isa, int threads) {
  const std::string title =
      fmt::format("conv_transpose2d/{}/batch {}/{}/threads {}", shape.name, batch, name(isa), threads);
  const Options options{.threads = threads, .isa = isa};
  benchmark::RegisterBenchmark(title.c_str(), [=](benchmark::State& state) { run(state, shape, batch, options); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

const bool enrolled = [] {
  for (const LayerShape& shape : layer_shapes()) {
    for (Isa isa : available_isas())
      if (isa != Isa::scalar) {
        enrol(shape, 1, isa, 1);
        enrol_inside(shape, isa);
      }
    if (hardware_threads() > 1) enrol(shape, 1, available_isas().front(), hardware_threads());
    if (shape.size <= 16) enrol(shape, 16, available_isas().front(), hardware_threads());
  }
  return true;
}();

}  // namespace
}  // namespace upconv::benchmarks
