// Networks of examples/ beside the same from archives of torch.export, in turns: the steps are equal, so the times are.
#include "layers/exported.h"

#include <fmt/format.h>
#include <upconv/upconv.h>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "benchmarks/measure.h"
#include "examples/cyclegan.h"
#include "examples/dcgan.h"
#include "examples/esrgan.h"
#include "examples/pix2pix.h"
#include "examples/taesd.h"

namespace upconv::benchmarks {

using namespace internal;
namespace {

/// A network as it is written by hand, with the shape of its input. The archive of that name has its widths.
struct Network {
  const char* name;
  std::function<std::shared_ptr<AnyModule>()> make;
  Shape input;
};

const std::vector<Network> networks = {
    {"dcgan", [] { return std::make_shared<examples::Dcgan>(100, 32); }, {1, 100, 1, 1}},
    {"pix2pix", [] { return std::make_shared<examples::Pix2pix>(3, 3, 6, 16, true); }, {1, 3, 128, 128}},
    {"cyclegan", [] { return std::make_shared<examples::Cyclegan>(3, 3, 16); }, {1, 3, 128, 128}},
    {"rrdbnet", [] { return std::make_shared<examples::RRDBNet>(3, 3, 32, 1, 16); }, {1, 3, 64, 64}},
    {"taesd", [] { return std::make_shared<Sequential>(examples::taesd_decoder(4, 32)); }, {1, 4, 32, 32}},
};

void in_turns(benchmark::State& state, const Network& network, int threads) {
  const std::shared_ptr<AnyModule> written = network.make();
  Exported exported = load_exported(
      std::filesystem::path(fmt::format(UPCONV_SOURCE "/tests/golden/exported/examples/{}.pt2", network.name)));
  exported.load_state_dict(written->state_dict());
  const Tensor x = randn(network.input, 0);
  std::vector<Program> programs;
  std::vector<Workspace> workspaces;
  std::vector<std::vector<Tensor>> outputs;
  for (const AnyModule* module : {written.get(), static_cast<AnyModule*>(&exported)}) {
    programs.push_back(compile(*module, x.shape(), {.threads = threads}));
    workspaces.emplace_back(programs.back());
    outputs.push_back({programs.back()(x)});
  }
  if (!std::equal(outputs[0][0].data(), outputs[0][0].data() + outputs[0][0].numel(), outputs[1][0].data()))
    return state.SkipWithError("other pictures");
  std::vector<double> times[2];
  for (auto _ : state) {
    for (size_t i : {size_t{0}, size_t{1}}) {
      const auto start = std::chrono::steady_clock::now();
      programs[i].run(workspaces[i], std::span(&x, 1), outputs[i]);
      times[i].push_back(seconds_since(start));
    }
    state.SetIterationTime(times[1].back());
  }
  state.counters["steps"] = static_cast<double>(programs[1].steps().size());
  state.counters["steps by hand"] = static_cast<double>(programs[0].steps().size());
  state.counters["time / by hand"] = median(times[1]) / median(times[0]);
}

const bool enrolled = [] {
  for (const Network& network : networks)
    for (int threads = 1; threads <= hardware_threads(); threads *= 2)
      benchmark::RegisterBenchmark(fmt::format("exported/{}/threads {}", network.name, threads).c_str(),
                                   [&network, threads](benchmark::State& state) { in_turns(state, network, threads); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
}  // namespace upconv::benchmarks
