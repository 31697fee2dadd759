// upconv run: one array through a network, as `y = module(x)` in PyTorch. Several where it takes or gives several.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
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
  std::vector<std::string> inputs, outputs;
  Shape output_size;

  void run() const;
  Program compile_for(const AnyModule& module, const std::vector<Type>& types) const;
};

/// Floating-point numbers of any width, or the integers that PyTorch's layers take; truths where a .pt2 takes them.
Tensor load_input(const std::string& path, bool takes_truths) {
  MappedFile file = map_or_read(path);
  const Stored stored = read_npy(file.bytes, path, std::move(file.owner));
  if (takes_truths && stored.dtype == DType::boolean) {
    const Tensor truths = stored.to_tensor();
    return {truths.shape(), std::vector<float>(truths.indices(), truths.indices() + truths.numel())};
  }
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

/// The files of the inputs in the order in which the network takes them: as they were given, or NAME=FILE of each.
std::vector<std::string> ordered(const std::vector<std::string>& given, const Exported* network) {
  if (network == nullptr) return given;
  const std::vector<ExportedTensorInfo>& inputs = network->inputs();
  std::vector<std::string> files(inputs.size());
  size_t named = 0;
  for (const std::string& one : given) {
    const size_t equals = one.find('=');
    for (size_t i = 0; equals != one.npos && i < inputs.size(); ++i) {
      if (one.compare(0, equals, inputs[i].name) != 0) continue;
      if (!files[i].empty()) throw CLI::ValidationError("--input", fmt::format("{} is given twice", inputs[i].name));
      files[i] = one.substr(equals + 1);
      if (files[i].empty()) throw CLI::ValidationError("--input", fmt::format("{}= names no file", inputs[i].name));
      ++named;
      break;
    }
  }
  if (named == 0) return given;
  if (named != given.size()) throw CLI::ValidationError("--input", "expected NAME=FILE of every input, or of none");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (files[i].empty()) throw CLI::ValidationError("--input", fmt::format("{} is not given", inputs[i].name));
  return files;
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
  std::deque<Result> results;
  std::set<std::string> names;
  for (const std::string& output : outputs)
    if (!names.insert(results.emplace_back(output).name()).second)
      throw CLI::ValidationError("--output", fmt::format("{} is given twice", results.back().name()));
  const Model model = find_network(network.spec, network.exported);
  tell(model.assumptions, network.no_assumptions);
  model.load(network.weights);
  check_weights(*model.module);
  const Exported* exported = model.exported();
  const auto expect = [](const char* option, size_t expected, size_t got) {
    if (got != expected) throw CLI::ValidationError(option, fmt::format("expected {} of them, got {}", expected, got));
  };
  const std::vector<std::string> files = ordered(inputs, exported);
  expect("--input", exported ? exported->inputs().size() : std::max<size_t>(model.inputs.size(), 1), files.size());
  expect("--output", exported ? exported->outputs().size() : 1, results.size());
  std::vector<Tensor> xs;
  std::vector<Type> types;
  for (size_t i = 0; i < files.size(); ++i) {
    xs.push_back(load_input(files[i], exported && exported->inputs()[i].dtype == DType::boolean));
    types.push_back({xs.back().shape(), xs.back().dtype()});
  }
  const Program program = compile_for(*model.module, types);
  for (size_t i = 0; i < xs.size(); ++i) check_indices(xs[i], *model.module, files[i]);
  const std::vector<Tensor> ys = program(xs);
  for (size_t i = 0; i < results.size(); ++i) write_npy(results[i].output(), ys.at(i));
  for (size_t i = 0; i < results.size(); ++i)
    results[i].finish(fmt::format("{} {}", name(ys[i].dtype()), str(ys[i].shape())));
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<Run>();
  CLI::App* command = app.add_subcommand("run", "Run a network on an array: x.npy to y.npy");
  add_network_options(*command, options->network);
  command
      ->add_option("--input", options->inputs,
                   "The array: .npy; once for each input of the network. Of a .pt2 also NAME=FILE")
      ->check(named())
      ->required()
      ->allow_extra_args(false);
  command
      ->add_option("--output", options->outputs,
                   "Where the result goes: .npy; - is standard output. Once for each output of a .pt2")
      ->check(named())
      ->required()
      ->allow_extra_args(false);
  add_sizes(*command, "--output-size", options->output_size, "H,W: ConvTranspose2d's output_size");
  add_machine_options(*command, options->machine);
  add_choice_options(*command, options->choice, "latency");
  command->footer(
      "Examples:\n"
      "  upconv run dcgan --input z.npy --output pictures.npy\n"
      "  upconv run conditional_dcgan --weights G.pth --input z.npy --input classes.npy --output pictures.npy\n"
      "  upconv run \"ConvTranspose2d(8, 4, 3, stride=2)\" --weights layer.safetensors --input x.npy --output y.npy\n"
      "  upconv run net.pt2 --input x.npy --output y.npy\n"
      "  upconv run net.pt2 --input labels=classes.npy --input noise=z.npy --output pictures.npy\n"
      "Keys of the weights are PyTorch's: weight for one layer, 0.weight in a Sequential. A .pt2 has\n"
      "weights of its own; --weights loads others into it. Its inputs and outputs come in the order of its forward(),\n"
      "which \"upconv inspect\" shows.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
