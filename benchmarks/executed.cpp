// upconv_executed ISA RUNS: the shipped DCGAN on one thread, so many pictures of a batch of one, and nothing else. Two
// numbers of runs under a counter of instructions tell what one run executes: `./dev instructions`.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "examples/dcgan.h"

int main(int argc, char** argv) {
  using namespace upconv;
  if (argc != 3) {
    fmt::print(stderr, "expected an instruction set and a number of runs\n");
    return 2;
  }
  examples::Dcgan net;
  net.load(UPCONV_SOURCE "/examples/weights/dcgan.safetensors");
  const Program program = compile(net, {1, 100, 1, 1}, {.threads = 1, .isa = parse_isa(argv[1])});
  for (const StepInfo& step : program.steps()) fmt::print("{} {}, {}\n", step.path, step.operation, step.algorithm);
  Workspace workspace(program);
  const Tensor latent = randn({1, 100, 1, 1}, 0);
  std::vector<Tensor> picture{Tensor(program.outputs()[0].shape)};
  for (int64_t run = std::atoll(argv[2]); run > 0; --run) program.run(workspace, std::span(&latent, 1), picture);
}
