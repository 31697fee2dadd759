// upconv run: one array through a network, as `y = module(x)` in PyTorch.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "framework/fail.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/readers.h"
#include "framework/weights/writers.h"
#include "tools/assumptions.h"
#include "tools/commands.h"
#include "tools/models.h"
#include "tools/options.h"
#include "tools/output.h"

namespace upconv::tools {

using namespace internal;

namespace {

struct Run {
  NetworkOptions network;
  ChoiceOptions choice;
  MachineOptions machine;
  std::vector<std::string> inputs;
  std::string output;
  Shape output_size;

  void run() const;
  Program compile_for(const AnyModule& module, const std::vector<Type>& types) const;
};

/// Floating-point numbers of any width, or the integers that PyTorch's layers take.
Tensor load_input(const std::string& path) {
  MappedFile file = map_or_read(path);
  const Stored stored = read_npy(file.bytes, path, std::move(file.owner));
  if (!is_floating(stored.dtype) && stored.dtype != DType::int64 && stored.dtype != DType::int32)
    fail("{}: expected floating point, int64 or int32 values, got {}", path, name(stored.dtype));
  return stored.to_tensor();
}

/// As a run refuses it, but with the name of the file.
void check_indices(const Tensor& x, const AnyModule& module, const std::string& path) {
  const Embedding* embedding = find_embedding(module);
  if (!embedding || x.dtype() != DType::int64) return;
  for (int64_t i = 0; i < x.numel(); ++i)
    if (x.indices()[i] < 0 || x.indices()[i] >= embedding->num_embeddings)
      fail("{}: expected indices from 0 to {}, got {}", path, embedding->num_embeddings - 1, x.indices()[i]);
}

Program Run::compile_for(const AnyModule& module, const std::vector<Type>& types) const {
  const Options options = choice.options(machine);
  if (output_size.empty()) return compile(module, types, options);
  const auto* layer = dynamic_cast<const ConvTranspose2d*>(&module);
  if (!layer)
    throw CLI::ValidationError(
        "--output-size",
        fmt::format("only a ConvTranspose2d alone takes it in its forward, got {}", module.type_name()));
  Graph graph;
  graph.output((*layer)(graph.input(types.at(0)), output_size));
  return compile(graph, options);
}

void Run::run() const {
  Result result(output);
  const Model model = find_network(network.spec);
  tell(model.assumptions, network.no_assumptions);
  model.load(network.weights);
  check_weights(*model.module);
  if (const size_t expected = std::max<size_t>(model.inputs.size(), 1); inputs.size() != expected)
    throw CLI::ValidationError("--input", fmt::format("expected {} of them, got {}", expected, inputs.size()));
  std::vector<Tensor> xs;
  std::vector<Type> types;
  for (const std::string& path : inputs) {
    xs.push_back(load_input(path));
    types.push_back({xs.back().shape(), xs.back().dtype()});
  }
  const Program program = compile_for(*model.module, types);
  for (size_t i = 0; i < xs.size(); ++i) check_indices(xs[i], *model.module, inputs[i]);
  const Tensor y = program(xs)[0];
  write_npy(result.output(), y);
  result.finish(fmt::format("{} {}", name(y.dtype()), str(y.shape())));
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<Run>();
  CLI::App* command = app.add_subcommand("run", "Run a network on an array: x.npy to y.npy");
  add_network_options(*command, options->network);
  command->add_option("--input", options->inputs, "The array: .npy; once for each input of the network")
      ->check(named())
      ->required()
      ->allow_extra_args(false);
  command->add_option("--output", options->output, "Where the result goes: .npy; - is standard output")
      ->check(named())
      ->required();
  add_sizes(*command, "--output-size", options->output_size, "H,W: ConvTranspose2d's output_size");
  add_machine_options(*command, options->machine);
  add_choice_options(*command, options->choice, "latency");
  command->footer(
      "Examples:\n"
      "  upconv run dcgan --input z.npy --output pictures.npy\n"
      "  upconv run conditional_dcgan --weights G.pth --input z.npy --input classes.npy --output pictures.npy\n"
      "  upconv run \"ConvTranspose2d(8, 4, 3, stride=2)\" --weights layer.safetensors --input x.npy --output y.npy\n"
      "Keys of the weights are PyTorch's: weight for one layer, 0.weight in a Sequential.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
