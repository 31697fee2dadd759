// Compiled networks: the classes Program, Step and Profile, and compile().
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <upconv/upconv.h>

#include "arrays.h"
#include "options.h"
#include "parts.h"
#include "values.h"

namespace upconv::python {
namespace {

/// One array, or a tuple or list of them.
Arrays arrays_in(nb::handle given) {
  Arrays arrays;
  const auto add = [&](nb::handle array) { arrays.add(array, "input " + std::to_string(arrays.tensors.size())); };
  if (is_list(given))
    for (nb::handle array : given) add(array);
  else
    add(given);
  return arrays;
}

nb::object run(const Program& program, nb::handle inputs, nb::handle out) {
  const Arrays given = arrays_in(inputs);
  if (out.is_none()) {
    std::vector<Tensor> outputs;
    {
      const nb::gil_scoped_release free;
      outputs = program(given.tensors);
    }
    return arrays_of(outputs, given.torch);
  }
  const nb::tuple places = nb::isinstance<nb::tuple>(out) || nb::isinstance<nb::list>(out) ? nb::tuple(nb::borrow(out))
                                                                                           : nb::make_tuple(out);
  if (places.size() != program.outputs().size())
    throw nb::value_error(
        ("out: expected " + std::to_string(program.outputs().size()) + " arrays, got " + std::to_string(places.size()))
            .c_str());
  std::vector<Place> to;
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < places.size(); ++i) {
    to.emplace_back(places[i], program.outputs()[i], "out " + std::to_string(i));
    outputs.push_back(to.back().tensor());
  }
  {
    const nb::gil_scoped_release free;
    Workspace workspace(program);
    program.run(workspace, given.tensors, outputs);
    for (Place& place : to) place.finish();
  }
  return nb::borrow(out);
}

nb::object called(const Program& program, const nb::args& inputs) { return run(program, inputs, nb::none()); }

Profile profiled(const Program& program, nb::handle inputs) {
  const Arrays given = arrays_in(inputs);
  std::vector<Tensor> outputs;
  for (const Type& type : program.outputs()) outputs.emplace_back(type.shape, type.dtype);
  const nb::gil_scoped_release free;
  Workspace workspace(program);
  program.run(workspace, given.tensors, outputs);  // the first run has pages to touch
  return program.profile(workspace, given.tensors, outputs);
}

Program compiled(const AnyModule& module, const nb::args& inputs, const std::string& tune, const std::string& accuracy,
                 const std::string& algorithm, int threads, const std::optional<std::string>& isa,
                 double tuning_seconds, const std::optional<std::filesystem::path>& choices,
                 const std::string& precision, const std::vector<std::string>& float32, bool round_inputs) {
  std::vector<Type> types;
  for (const Tensor& tensor : arrays_in(inputs).tensors) types.push_back({tensor.shape(), tensor.dtype()});
  const Options options =
      options_of(tune, accuracy, algorithm, threads, isa, tuning_seconds, choices, precision, float32, round_inputs);
  const nb::gil_scoped_release free;
  return compile(module, types, options);
}

std::string written(const StepInfo& step) {
  return step.path + (step.path.empty() ? "" : ": ") + step.operation + " " + str(step.shape) + ", " + step.algorithm +
         (step.precision == Precision::float32 ? "" : std::string(", ") + name(step.precision));
}

std::string written(const Program& program) {
  std::string text = "Program(isa=" + std::string(name(program.isa())) +
                     ", threads=" + std::to_string(program.threads()) + ", steps=[";
  for (const StepInfo& step : program.steps()) text += "\n  " + written(step);
  return text + "\n])";
}

}  // namespace

void bind_programs(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<StepInfo>(m, "Step", "What a program does at one place.")
      .def_ro("path", &StepInfo::path, "Of the module: main.3.")
      .def_ro("operation", &StepInfo::operation, "The layer or function.")
      .def_ro("algorithm", &StepInfo::algorithm, "How it computes.")
      .def_prop_ro(
          "precision", [](const StepInfo& step) { return std::string(name(step.precision)); },
          "What it multiplies: float32 or bfloat16.")
      .def_prop_ro(
          "stored", [](const StepInfo& step) { return std::string(name(step.stored)); },
          "What its output is in memory: bfloat16 between some layers.")
      .def_prop_ro(
          "shape", [](const StepInfo& step) { return tuple_of(step.shape); },
          nb::sig("def shape(self) -> tuple[int, ...]"), "Of its output.")
      .def_ro("portions", &StepInfo::portions,
              "In how many parts the batch is computed, each by several steps before the next.")
      .def_ro("flops", &StepInfo::flops, "Floating-point operations as the layer's definition has them.")
      .def_ro("bytes", &StepInfo::bytes, "Bytes that it moves at least.")
      .def_ro("packed_bytes", &StepInfo::packed_bytes, "Bytes of its packed weights.")
      .def("__repr__", [](const StepInfo& step) { return "Step(" + written(step) + ")"; });

  nb::class_<Profile>(m, "Profile", "One run as it went, in seconds from its beginning.")
      .def_ro("seconds", &Profile::seconds, "Of the whole run.")
      .def_ro("steps", &Profile::steps, "Of each step of Program.steps().")
      .def_prop_ro(
          "tiles",
          [](const Profile& profile) {
            nb::list all;
            for (const Profile::Tile& tile : profile.tiles)
              all.append(nb::make_tuple(tile.step, tile.tile, tile.worker, tile.begin, tile.end));
            return all;
          },
          nb::sig("def tiles(self) -> list[tuple[int, int, int, float, float]]"),
          "(step, tile, thread, begin, end) of each piece of work.");

  nb::class_<Program>(m, "Program", "A network, compiled for fixed shapes. Any number of threads may run one.")
      .def("__call__", called, nb::sig("def __call__(self, *inputs: typing.Any) -> typing.Any"),
           "Computes the network of arrays of the shapes that it was compiled for.")
      .def(
          "run", run, "inputs"_a, "out"_a = nb::none(),
          nb::sig("def run(self, inputs: typing.Any, out: typing.Any = None) -> typing.Any"),
          "The same of one array, or of a tuple of them. out: arrays to write to, of the outputs' shapes and types, in "
          "place of new ones.")
      .def("steps", &Program::steps, "What it does, step by step.")
      .def(
          "save_choices",
          [](const Program& program, const std::filesystem::path& path) {
            const nb::gil_scoped_release free;
            program.choices().save(path);
          },
          "path"_a, nb::sig("def save_choices(self, path: str | os.PathLike[str]) -> None"),
          "Writes the algorithms of its layers to a file, for choices= of other processes and machines.")
      .def("profile", profiled, "inputs"_a, nb::sig("def profile(self, inputs: typing.Any) -> Profile"),
           "Runs it once, watched.")
      .def_prop_ro("threads", &Program::threads, "How many threads work on one run.")
      .def_prop_ro(
          "isa", [](const Program& program) { return std::string(name(program.isa())); },
          "The instruction set that it was compiled for.")
      .def_prop_ro("arena_bytes", &Program::arena_bytes, "Bytes of intermediate values of a run.")
      .def_prop_ro("packed_bytes", &Program::packed_bytes, "Bytes of packed weights.")
      .def("__repr__", [](const Program& program) { return written(program); });

  m.def("compile", compiled, "module"_a, "inputs"_a, nb::kw_only(), "tune"_a = "latency", "accuracy"_a = "standard",
        "algorithm"_a = "", "threads"_a = 0, "isa"_a = nb::none(), "tuning_seconds"_a = 2.0, "choices"_a = nb::none(),
        "precision"_a = "float32", "float32"_a = std::vector<std::string>(), "round_inputs"_a = false,
        nb::sig("def compile(module: Module, *inputs: typing.Any, tune: str = 'latency', accuracy: str = 'standard', "
                "algorithm: str = '', threads: int = 0, isa: str | None = None, tuning_seconds: float = 2.0, choices: "
                "str | os.PathLike[str] | None = None, precision: str = 'float32', float32: "
                "collections.abc.Sequence[str] = (), round_inputs: bool = False) -> Program"),
        "Compiles a module for arrays of these shapes and types.");
  m.def("set_num_threads", &set_num_threads, "threads"_a,
        "How many threads whoever is not told takes from then on; 0 means as many as there are.");
  m.def("get_num_threads", &get_num_threads, "How many that is.");
}

}  // namespace upconv::python
