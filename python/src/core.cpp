// The module upconv._core: what Python calls of upconv.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <array>

#include "arrays.h"

namespace upconv::python {
namespace {

/// One of some words, or a ValueError that lists them.
template <class T, size_t count>
T one_of(const char* argument, const std::string& word, const std::array<std::pair<const char*, T>, count>& words) {
  std::string all;
  for (const auto& [name, value] : words) {
    if (word == name) return value;
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  throw nb::value_error((std::string(argument) + ": expected one of " + all + ", got " + word).c_str());
}

Options options_of(const std::string& tune, const std::string& accuracy, const std::string& algorithm, int threads,
                   const std::optional<std::string>& isa) {
  constexpr std::array tunes = {std::pair("latency", Tune::latency), std::pair("throughput", Tune::throughput)};
  constexpr std::array accuracies = {std::pair("exact", Accuracy::exact), std::pair("standard", Accuracy::standard),
                                     std::pair("fast", Accuracy::fast)};
  Options options{.tune = one_of("tune", tune, tunes),
                  .accuracy = one_of("accuracy", accuracy, accuracies),
                  .algorithm = algorithm,
                  .threads = threads};
  if (!isa) return options;
  std::string all;
  for (Isa known : available_isas()) {
    if (*isa == name(known)) options.isa = known;
    all += (all.empty() ? "" : ", ") + std::string(name(known));
  }
  if (!options.isa) throw nb::value_error(("isa: this machine has " + all + ", got " + *isa).c_str());
  return options;
}

/// Arguments of a call as tensors, and whether any of them was a torch.Tensor, as results then are.
struct Inputs {
  std::vector<Tensor> tensors;
  bool torch = false;

  explicit Inputs(const nb::args& args) {
    for (size_t i = 0; i < args.size(); ++i) {
      tensors.push_back(tensor_of(args[i], "input " + std::to_string(i)));
      torch = torch || is_torch(args[i]);
    }
  }
};

/// One array, or a tuple of several.
nb::object results(const std::vector<Tensor>& tensors, bool torch) {
  if (tensors.size() == 1) return array_of(tensors.front(), torch);
  nb::list all;
  for (const Tensor& tensor : tensors) all.append(array_of(tensor, torch));
  return nb::tuple(all);
}

nb::object call(const AnyModule& module, const nb::args& args) {
  const Inputs inputs(args);
  std::vector<Tensor> outputs;
  {
    const nb::gil_scoped_release free;
    outputs = module(inputs.tensors);
  }
  return results(outputs, inputs.torch);
}

nb::object run(const Program& program, const nb::args& args) {
  const Inputs inputs(args);
  std::vector<Tensor> outputs;
  {
    const nb::gil_scoped_release free;
    outputs = program(inputs.tensors);
  }
  return results(outputs, inputs.torch);
}

nb::dict state_dict(const AnyModule& module) {
  nb::dict all;
  for (const auto& [name, stored] : module.state_dict()) all[name.c_str()] = array_of(stored.to_tensor(), false);
  return all;
}

void load_arrays(AnyModule& module, const nb::dict& arrays, bool strict) {
  StateDict weights;
  for (const auto& [key, array] : arrays) {
    const auto name = nb::cast<std::string>(key);
    // A copy: what Python writes into its array afterwards is no weight.
    weights.add(name, Stored::of(tensor_of(array, name).clone()));
  }
  module.load_state_dict(weights, strict);
}

nb::list named_parameters(const AnyModule& module) {
  nb::list all;
  for (const auto& [name, parameter] : module.named_parameters())
    all.append(nb::make_tuple(name, array_of(parameter.value(), false)));
  return all;
}

/// How a network takes or gives a tensor: (name, sizes), where a size is a number, or the name of one that calls
/// choose.
nb::list described(const std::vector<ExportedTensorInfo>& infos) {
  nb::list all;
  for (const ExportedTensorInfo& info : infos) {
    nb::list sizes;
    for (const ExportedDim& dim : info.dims)
      sizes.append(dim.size ? nb::object(nb::int_(*dim.size)) : nb::object(nb::str(dim.symbol.c_str())));
    all.append(nb::make_tuple(info.name, nb::tuple(sizes)));
  }
  return all;
}

std::shared_ptr<Exported> load_bytes(const nb::bytes& bytes, bool ignore_guards) {
  const auto* begin = static_cast<const std::byte*>(bytes.data());
  // The archive's weights are views of a copy, as Python's bytes may go.
  const auto kept = std::make_shared<std::vector<std::byte>>(begin, begin + bytes.size());
  const nb::gil_scoped_release free;
  return std::make_shared<Exported>(
      load_exported({kept->data(), kept->size()}, "bytes", kept, {.ignore_guards = ignore_guards}));
}

std::shared_ptr<Exported> load_file(const std::filesystem::path& path, bool ignore_guards) {
  const nb::gil_scoped_release free;
  return std::make_shared<Exported>(load_exported(path, {.ignore_guards = ignore_guards}));
}

nb::dict step(const StepInfo& info) {
  nb::dict all;
  all["path"] = info.path;
  all["operation"] = info.operation;
  all["algorithm"] = info.algorithm;
  all["shape"] = nb::tuple(nb::cast(info.shape));
  all["flops"] = info.flops;
  all["bytes"] = info.bytes;
  return all;
}

nb::list steps(const Program& program) {
  nb::list all;
  for (const StepInfo& info : program.steps()) all.append(step(info));
  return all;
}

Program compiled(const AnyModule& module, const nb::args& args, const std::string& tune, const std::string& accuracy,
                 const std::string& algorithm, int threads, const std::optional<std::string>& isa) {
  std::vector<Type> types;
  for (const Tensor& tensor : Inputs(args).tensors) types.push_back({tensor.shape(), tensor.dtype()});
  const Options options = options_of(tune, accuracy, algorithm, threads, isa);
  const nb::gil_scoped_release free;
  return compile(module, types, options);
}

nb::object drawn(const Shape& shape, uint64_t seed) { return array_of(randn(shape, seed), false); }

void painted(const std::filesystem::path& path, const nb::object& pictures, int64_t nrow, int64_t padding,
             const std::optional<std::pair<double, double>>& value_range, float pad_value) {
  const Tensor tensor = tensor_of(pictures, "pictures");
  const nb::gil_scoped_release free;
  save_grid(path, tensor, {.nrow = nrow, .padding = padding, .value_range = value_range, .pad_value = pad_value});
}

}  // namespace

NB_MODULE(_core, m) {
  using namespace nb::literals;
  m.attr("__version__") = UPCONV_VERSION;
  nb::exception<Error>(m, "Error", PyExc_RuntimeError).attr("__doc__") =
      "What upconv refuses: its text says what was wrong, where, what was expected and what came.";

  nb::class_<Program>(m, "Program", "A network, compiled for fixed shapes. Threads may share it.")
      .def("__call__", run, "inputs"_a, "Computes the network of arrays of the shapes that it was compiled for.")
      .def("run", run, "inputs"_a, "The same.")
      .def("steps", steps, "What it does, step by step: path, operation, algorithm, shape, flops and bytes of each.")
      .def_prop_ro("threads", &Program::threads, "How many threads work on one run.")
      .def_prop_ro(
          "isa", [](const Program& program) { return std::string(name(program.isa())); },
          "The instruction set that it was compiled for.");

  nb::class_<AnyModule>(m, "Module", "A network. Call it with arrays of NumPy, PyTorch or DLPack.")
      .def("__call__", call, "inputs"_a,
           "Computes. Gives a torch.Tensor where it was given one, else a NumPy array; a tuple of several.")
      .def("__repr__", &AnyModule::str)
      .def(
          "load",
          [](AnyModule& module, const std::filesystem::path& path, bool strict) {
            const nb::gil_scoped_release free;
            module.load(path, {.strict = strict});
          },
          "path"_a, nb::kw_only(), "strict"_a = true, "Replaces all weights by those of a file, as PyTorch names them.")
      .def("load_state_dict", load_arrays, "state_dict"_a, "strict"_a = true,
           "Replaces all weights by copies of arrays.")
      .def("state_dict", state_dict, "Copies of all weights by their names, in PyTorch's order.")
      .def("named_parameters", named_parameters, "The weights that are trained, each with its name.")
      .def(
          "set_options",
          [](AnyModule& module, const std::string& tune, const std::string& accuracy, const std::string& algorithm,
             int threads, const std::optional<std::string>& isa) {
            module.set_options(options_of(tune, accuracy, algorithm, threads, isa));
          },
          nb::kw_only(), "tune"_a = "latency", "accuracy"_a = "standard", "algorithm"_a = "", "threads"_a = 0,
          "isa"_a = nb::none(), "How calls are compiled from now on; docs/program.md says what the options mean.");

  nb::class_<Exported, AnyModule>(m, "Exported", "A network that torch.export.save wrote.")
      .def_prop_ro(
          "inputs", [](const Exported& net) { return described(net.inputs()); },
          "(name, sizes) of each input; a size is a number, or the name of one that calls choose.")
      .def_prop_ro(
          "outputs", [](const Exported& net) { return described(net.outputs()); }, "The same of what it gives.");

  m.def("load_exported", load_bytes, "archive"_a, nb::kw_only(), "ignore_guards"_a = false,
        "Reads an archive of torch.export.save, from its bytes or from a file.");
  m.def("load_exported", load_file, "path"_a, nb::kw_only(), "ignore_guards"_a = false);
  m.def(
      "parse_module", [](std::string_view text) -> std::shared_ptr<AnyModule> { return parse_module(text); }, "text"_a,
      "The module that PyTorch prints so, without weights.");
  m.def("compile", compiled, "module"_a, "inputs"_a, nb::kw_only(), "tune"_a = "latency", "accuracy"_a = "standard",
        "algorithm"_a = "", "threads"_a = 0, "isa"_a = nb::none(),
        "Compiles a module for arrays of these shapes and types.");
  m.def("randn", drawn, "shape"_a, nb::kw_only(), "seed"_a = 0,
        "Bit for bit what torch.manual_seed(seed); torch.randn(shape) gives.");
  m.def("save_grid", painted, "path"_a, "pictures"_a, nb::kw_only(), "nrow"_a = 8, "padding"_a = 2,
        "value_range"_a = nb::none(), "pad_value"_a = 0.0f,
        "Paints pictures (N, C, H, W) onto one PNG, as torchvision.utils.save_image does.");
}

}  // namespace upconv::python
