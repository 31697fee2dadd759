// upconv_runs [RUNS]: what memory a process has that runs one DCGAN image, and whether many runs of a small program
// change that. Fails where it has more anonymous memory than the packed weights, the arena and 10 MB, or where it
// grows.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <cstdint>
#include <cstdlib>

#include "examples/dcgan.h"
#include "tests/anonymous_memory.h"
#include "tools/timing.h"

namespace upconv::benchmarks {
namespace {

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

/// Whether one image of the shipped DCGAN leaves as little behind as promised. The module and the program stay alive.
bool paints_in_little() {
  constexpr int64_t allowed = 10'000'000;
  const int64_t before = testing::anonymous_memory();
  examples::Dcgan net;
  net.load(UPCONV_SOURCE "/examples/weights/dcgan.safetensors");
  const Program program = compile(net, {1, 100, 1, 1});
  const Tensor picture = program(randn({1, 100, 1, 1}, 0));
  const int64_t after = testing::anonymous_memory();
  const auto packed = static_cast<int64_t>(program.packed_bytes()), arena = static_cast<int64_t>(program.arena_bytes());
  fmt::print("one DCGAN image: {:.1f} MB anonymous ({:.1f} before), of them packed weights {:.1f}, arena {:.1f}\n",
             megabytes(after), megabytes(before), megabytes(packed), megabytes(arena));
  return after <= packed + arena + allowed;
}

/// Whether the memory after the first runs is that after all.
bool stays_flat(int64_t runs) {
  Sequential net =
      sequential(ConvTranspose2d(4, 8, 4, {.stride = 2, .padding = 1}), ReLU(), ConvTranspose2d(8, 3, 2), Tanh());
  for (auto& [name, parameter] : net.named_parameters()) parameter.set(randn(parameter.shape(), 1));
  const Program program = compile(net, {1, 4, 4, 4});
  Workspace workspace(program);
  const Tensor x = randn({1, 4, 4, 4}, 2);
  std::vector<Tensor> y{Tensor(program.outputs()[0].shape)};
  const auto run = [&](int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      program.run(workspace, std::span(&x, 1), y);
      if (i % 100 == 0) net(x);  // which makes a workspace and an output of its own
    }
  };
  run(1000);
  const int64_t before = testing::anonymous_memory();
  const auto start = std::chrono::steady_clock::now();
  run(runs);
  const int64_t after = testing::anonymous_memory();
  fmt::print("{} runs in {:.1f} s: {} kB anonymous before, {} kB after\n", runs, seconds_since(start), before >> 10,
             after >> 10);
  return after <= before + (64 << 10);  // what the C library may have set aside meanwhile
}

}  // namespace
}  // namespace upconv::benchmarks

int main(int argc, char** argv) {
  using namespace upconv::benchmarks;
  const bool little = paints_in_little(), flat = stays_flat(argc > 1 ? std::atoll(argv[1]) : 1'000'000);
  return little && flat ? 0 : 1;
}
