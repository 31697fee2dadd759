#include "modules.h"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <utility>

#include "arrays.h"
#include "options.h"
#include "values.h"

namespace upconv::python {
namespace {

/// Of an object that has not been through Module.__init__(), nanobind has nothing to give.
void check_ready(nb::handle self) {
  if (!nb::inst_ready(self))
    throw nb::type_error((class_of(self) + ": call super().__init__() in __init__(), before all else").c_str());
}

/// Whether a class derives from Module and defines `name` itself, or inherits it from one that does.
bool overrides(nb::handle self, const char* name) {
  return !nb::object(self.type().attr(name)).is(nb::object(nb::type<AnyModule>().attr(name)));
}

/// All values of a result of forward(), in order.
Values values_in(nb::handle result, const std::string& of) {
  Values all;
  mapped(result, [&](nb::handle leaf) {
    if (is_plain(leaf)) return nb::borrow(leaf);
    const std::optional<Operand> operand = operand_of(leaf, of + ": what forward() gives");
    all.push_back(operand->value);
    return nb::borrow(leaf);
  });
  return all;
}

/// The arrays of a call, in arguments of any structure, and whether there are values among them.
struct Given : Arrays {
  bool has_values = false;

  /// A value, or an array.
  void add(nb::handle one, const std::string& role) {
    if (is_symbolic(one))
      has_values = true;
    else
      Arrays::add(one, role);
  }
  void take(nb::handle argument, const std::string& role) {
    mapped(argument, [&](nb::handle leaf) {
      if (!is_plain(leaf)) add(leaf, role);
      return nb::borrow(leaf);
    });
  }
};

/// Arguments with values in the place of their arrays.
struct Substituted {
  nb::tuple args;
  nb::dict kwargs;

  Substituted(const nb::tuple& given, const nb::dict& named, const Values& values) {
    size_t next = 0;
    const auto value = [&](nb::handle leaf) {
      return is_plain(leaf) ? nb::borrow(leaf) : nb::cast(operand_of(values[next++]));
    };
    args = nb::borrow<nb::tuple>(mapped(given, value));
    kwargs = nb::borrow<nb::dict>(mapped(named, value));
  }
};

}  // namespace

PythonModule::PythonModule(nb::handle self, const std::shared_ptr<AnyModule>& layer, nb::dict arguments)
    : AnyModule(*layer), self_(self), layer_(layer), arguments_(std::move(arguments)) {
  for (const auto& list : {layer->named_parameters(), layer->named_buffers()})
    for (const auto& [name, parameter] : list) layer_names_.push_back(name);
}

bool PythonModule::is_of_layer(const std::string& name) const {
  return arguments_.contains(name.c_str()) ||
         std::find(layer_names_.begin(), layer_names_.end(), name) != layer_names_.end();
}

bool PythonModule::is_written_in_python() const { return !layer_ || overrides(self_, "forward"); }

nb::object PythonModule::write(const nb::tuple& args, const nb::dict& kwargs) const {
  Values xs;
  for (const nb::object& part : {nb::object(args), nb::object(kwargs)})
    mapped(part, [&](nb::handle leaf) {
      if (nb::isinstance<Operand>(leaf)) xs.push_back(nb::cast<const Operand&>(leaf).value);
      return nb::borrow(leaf);
    });
  nb::object result;
  scoped(xs, [&] { result = self_.attr("forward")(*args, **kwargs); });
  return result;
}

nb::object PythonModule::compute(const nb::tuple& args, const nb::dict& kwargs, const Arrays& arrays) const {
  nb::object written;
  std::vector<Tensor> outputs;
  {
    const nb::gil_scoped_release free;
    outputs = run(arrays.tensors, [&](const Values& xs) {
      const nb::gil_scoped_acquire held;
      const Substituted with(args, kwargs, xs);
      written = write(with.args, with.kwargs);
      Values all = values_in(written, type_name());
      if (all.empty()) throw Error(type_name() + ": forward() gives no value, so there is nothing to compute");
      return all;
    });
  }
  size_t next = 0;
  return mapped(written, [&](nb::handle leaf) {
    return is_plain(leaf) ? nb::borrow(leaf) : array_of(outputs[next++], arrays.torch);
  });
}

Values PythonModule::layer_forward(const Values& xs) const {
  if (!layer_) throw Error(type_name() + " has no forward(): define one in the class");
  return forward_of(*layer_, xs);
}

Values PythonModule::forward_all(const Values& xs) const {
  const nb::gil_scoped_acquire held;
  if (!is_written_in_python()) return layer_forward(xs);
  nb::list args;
  for (const Value& x : xs) args.append(nb::cast(operand_of(x)));
  return values_in(self_.attr("forward")(*args), type_name());
}

namespace {

/// Whoever stood behind `name` does so again, after something new has taken its place at the end.
template <class Pairs, class Again>
void keep_order(const Pairs& before, const std::string& name, Again again) {
  auto later = std::find_if(before.begin(), before.end(), [&](const auto& pair) { return pair.first == name; });
  if (later == before.end()) return;
  for (++later; later != before.end(); ++later)
    if (later->first.find('.') == std::string::npos) again(later->first, later->second);
}

}  // namespace

void PythonModule::set(const std::string& name, nb::handle value) {
  const auto children = named_children();
  const auto parameters = named_parameters();
  remove(name);
  if (nb::isinstance<AnyModule>(value)) {
    add_child(name, nb::cast<std::shared_ptr<AnyModule>>(value));
    keep_order(children, name, [&](const std::string& later, const std::shared_ptr<const AnyModule>& child) {
      remove(later);
      add_child(later, std::const_pointer_cast<AnyModule>(child));
    });
  } else {
    add_parameter(name, nb::cast<const Parameter&>(value));
    keep_order(parameters, name, [&](const std::string& later, const Parameter& parameter) {
      remove(later);
      add_parameter(later, parameter);
    });
  }
}

void PythonModule::set_buffer(const std::string& name, const Parameter& buffer) {
  const auto buffers = named_buffers();
  remove(name);
  add_buffer(name, buffer);
  keep_order(buffers, name, [&](const std::string& later, const Parameter& other) {
    remove(later);
    add_buffer(later, other);
  });
}

std::string PythonModule::type_name() const {
  const nb::gil_scoped_acquire held;
  return class_of(self_);
}

std::string PythonModule::extra_repr() const {
  const nb::gil_scoped_acquire held;
  if (overrides(self_, "extra_repr")) return nb::cast<std::string>(self_.attr("extra_repr")());
  return layer_ ? layer_->extra_repr() : "";
}

std::string PythonModule::str() const {
  const nb::gil_scoped_acquire held;
  return nb::hasattr(self_, "_is_list") ? list_str() : AnyModule::str();
}

nb::object called(nb::handle self, const nb::args& args, const nb::kwargs& kwargs) {
  check_ready(self);
  const auto& module = nb::cast<const AnyModule&>(self);
  const auto* own = dynamic_cast<const PythonModule*>(&module);
  const bool in_python = own != nullptr && own->is_written_in_python();
  if (!in_python && kwargs.size() > 0)
    throw nb::type_error((module.type_name() + ": forward takes its values by position").c_str());
  Given given;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string role = "input " + std::to_string(i);
    if (in_python)
      given.take(args[i], role);
    else
      given.add(args[i], role);
  }
  for (const auto& [key, value] : kwargs) given.take(value, nb::cast<std::string>(key));
  if (given.has_values) {
    if (in_python) return own->write(args, kwargs);
    Values xs;
    for (nb::handle one : args) xs.push_back(operand_of(one, "input")->value);
    nb::list all;
    for (const Value& value : module(xs)) all.append(nb::cast(operand_of(value)));
    return all.size() == 1 ? nb::object(all[0]) : nb::object(nb::tuple(all));
  }
  if (in_python) return own->compute(args, kwargs, given);
  std::vector<Tensor> outputs;
  {
    const nb::gil_scoped_release free;
    outputs = module(given.tensors);
  }
  return arrays_of(outputs, given.torch);
}

namespace {

PythonModule& own(nb::handle self) {
  check_ready(self);
  auto* module = dynamic_cast<PythonModule*>(nb::cast<AnyModule*>(self));
  if (module == nullptr)
    throw nb::type_error((class_of(self) + ": its children are those of the network that it was read from").c_str());
  return *module;
}

template <class Pairs>
bool has(const Pairs& pairs, const std::string& name) {
  return std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first == name; });
}

/// self.__dict__[name] = value, or its end.
void set_in_python(nb::handle self, const std::string& name, PyObject* value) {
  if (PyObject_GenericSetAttr(self.ptr(), nb::str(name.c_str()).ptr(), value) != 0) nb::raise_python_error();
}
bool is_in_python(nb::handle self, const std::string& name) {
  return nb::cast<nb::dict>(self.attr("__dict__")).contains(name.c_str());
}

/// What becomes of a child, parameter or buffer where something that is none of the first two is assigned to its name:
/// None ends it, and a buffer gets another array. Whether that is all.
bool replaced(nb::handle self, const std::string& name, nb::handle value) {
  auto& module = own(self);
  if (has(module.named_buffers(), name)) {
    if (value.is_none()) return module.forget(name), false;
    module.set_buffer(name, Parameter(tensor_of(value, name).clone()));
    return true;
  }
  const bool is_child = has(module.named_children(), name);
  if (!is_child && !has(module.named_parameters(), name)) return false;
  if (!value.is_none())
    throw nb::type_error((class_of(self) + ": " + name + " must stay a " + (is_child ? "Module" : "Parameter") +
                          " or become None, got " + class_of(value))
                             .c_str());
  module.forget(name);
  return false;
}

/// What a layer was made of stays: its program is compiled of that.
void check_free(nb::handle self, const std::string& name, nb::handle value) {
  const auto* module = nb::inst_ready(self) ? dynamic_cast<const PythonModule*>(nb::cast<AnyModule*>(self)) : nullptr;
  if (module == nullptr || !module->is_of_layer(name)) return;
  const nb::object now = nb::getattr(self, name.c_str());
  if (now.is(value) || (!nb::isinstance<Parameter>(now) && !nb::isinstance<Parameter>(value) && now.equal(value)))
    return;
  throw nb::type_error(
      (class_of(self) + ": " + name +
       " is the layer's own, made once: copy_() and load_state_dict() change the numbers of a parameter")
          .c_str());
}

/// object.name = value. Modules and parameters are registered, and stay what they are in Python too.
void set_attribute(nb::handle self, const std::string& name, nb::handle value) {
  check_free(self, name, value);
  if (nb::isinstance<AnyModule>(value) || nb::isinstance<Parameter>(value))
    own(self).set(name, value);
  else if (nb::inst_ready(self) && nb::hasattr(self, name.c_str()) &&
           dynamic_cast<PythonModule*>(nb::cast<AnyModule*>(self)) != nullptr && replaced(self, name, value))
    return;
  set_in_python(self, name, value.ptr());
}

void delete_attribute(nb::handle self, const std::string& name) {
  auto& module = own(self);
  check_free(self, name, nb::none());
  const bool is_member =
      has(module.named_children(), name) || has(module.named_parameters(), name) || has(module.named_buffers(), name);
  if (is_member) module.forget(name);
  if (!is_member || is_in_python(self, name)) set_in_python(self, name, nullptr);
}

void add_module(nb::handle self, const std::string& name, nb::handle module) {
  if (!nb::isinstance<AnyModule>(module))
    throw nb::type_error((class_of(self) + ": expected a Module as " + name + ", got " + class_of(module)).c_str());
  own(self).set(name, module);
}

void register_parameter(nb::handle self, const std::string& name, nb::handle parameter) {
  if (parameter.is_none()) return;
  if (!nb::isinstance<Parameter>(parameter))
    throw nb::type_error(
        (class_of(self) + ": expected a Parameter as " + name + ", got " + class_of(parameter)).c_str());
  own(self).set(name, parameter);
}

/// A child or parameter of a module that was read or parsed, which has no attributes of Python, or an argument of a
/// layer.
nb::object attribute(nb::handle self, const std::string& name) {
  if (nb::inst_ready(self)) {
    const auto& module = nb::cast<const AnyModule&>(self);
    for (const auto& [child_name, child] : module.named_children())
      if (child_name == name) return nb::cast(std::const_pointer_cast<AnyModule>(child));
    if (!name.starts_with("__"))
      for (const auto& list : {module.named_parameters(), module.named_buffers()})
        for (const auto& [parameter_name, parameter] : list)
          if (parameter_name == name) return nb::cast(parameter);
    const auto* own = dynamic_cast<const PythonModule*>(&module);
    if (own != nullptr && own->arguments().contains(name.c_str())) return own->arguments()[name.c_str()];
  }
  throw nb::attribute_error(("'" + class_of(self) + "' object has no attribute '" + name + "'").c_str());
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

template <class Pairs>
nb::list named(const Pairs& pairs) {
  nb::list all;
  for (const auto& [name, one] : pairs) all.append(nb::make_tuple(name, one));
  return all;
}

template <class Pairs>
nb::list seconds(const Pairs& pairs) {
  nb::list all;
  for (const auto& [name, one] : pairs) all.append(one);
  return all;
}

nb::list children(const AnyModule& module) {
  nb::list all;
  for (const auto& [name, child] : module.named_children())
    all.append(nb::make_tuple(name, std::const_pointer_cast<AnyModule>(child)));
  return all;
}

void each_module(const std::string& path, nb::handle module, nb::list& all, std::vector<const void*>& seen) {
  const void* identity = nb::inst_ptr<void>(module);
  if (std::find(seen.begin(), seen.end(), identity) != seen.end()) return;
  seen.push_back(identity);
  all.append(nb::make_tuple(path, module));
  for (nb::handle pair : children(nb::cast<const AnyModule&>(module))) {
    const auto name = nb::cast<std::string>(pair[0]);
    each_module(path.empty() ? name : path + "." + name, nb::object(pair[1]), all, seen);
  }
}

nb::list modules(nb::handle module) {
  nb::list all;
  std::vector<const void*> seen;
  each_module("", module, all, seen);
  return all;
}

nb::object forward(nb::handle self, const nb::args& xs) {
  const auto& module = nb::cast<const AnyModule&>(self);
  const auto* own = dynamic_cast<const PythonModule*>(&module);
  Values values;
  for (nb::handle x : xs) {
    const std::optional<Operand> operand = operand_of(x, "input");
    if (!operand) throw nb::type_error("forward: expected values");
    values.push_back(operand->value);
  }
  nb::list all;
  for (const Value& value : own != nullptr ? own->layer_forward(values) : module(values))
    all.append(nb::cast(operand_of(value)));
  return all.size() == 1 ? nb::object(all[0]) : nb::object(nb::tuple(all));
}

void bind_parameter(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<Parameter> parameter(m, "Parameter", "A named array of a module, which a forward() can compute with.");
  bind_parts(parameter);
  parameter
      .def(
          "__init__",
          [](Parameter* place, const nb::object& data) { new (place) Parameter(tensor_of(data, "data").clone()); },
          "data"_a, nb::sig("def __init__(self, data: typing.Any) -> None"), "Begins with a copy of an array.")
      .def_prop_ro(
          "dtype", [](const Parameter& p) { return std::string(name(p.dtype())); }, "float32 or int64.")
      .def(
          "__array__",
          [](const Parameter& p, const nb::object& dtype, const nb::object&) {
            const nb::object array = array_of(p.value(), false);
            return dtype.is_none() ? array : nb::object(array.attr("astype")(dtype));
          },
          "dtype"_a = nb::none(), "copy"_a = nb::none(),
          nb::sig("def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> "
                  "numpy.typing.NDArray[typing.Any]"))
      .def(
          "copy_",
          [](const nb::object& self, const nb::object& values) {
            nb::cast<const Parameter&>(self).set(tensor_of(values, "values"));
            return self;
          },
          "values"_a, nb::sig("def copy_(self, values: typing.Any) -> Parameter"), "Replaces its values by a copy.")
      .def("__repr__", [](const Parameter& p) {
        return "Parameter(shape=" + str(p.shape()) + ", dtype=" + std::string(name(p.dtype())) + ")";
      });
  parameter.attr("__array_ufunc__") = nb::none();
}

}  // namespace

void bind_modules(nb::module_& m) {
  using namespace nb::literals;
  bind_parameter(m);
  nb::class_<AnyModule, PythonModule>(
      m, "Module", nb::dynamic_attr(), nb::is_weak_referenceable(),
      "A network or a layer. Derive yours from it, with a forward() of values, or call one that was loaded.")
      .def("__init__", [](nb::pointer_and_handle<AnyModule> self) { new (self.p) PythonModule(self.h); })
      .def(
          "__call__", called, nb::sig("def __call__(self, *inputs: typing.Any, **kwargs: typing.Any) -> typing.Any"),
          "Computes what forward() says of arrays of NumPy, PyTorch or DLPack, in tuples, lists and dictionaries too, "
          "and gives arrays in the place of values: of torch.Tensor where one was given, else of NumPy. Inside another "
          "forward(), with values, it writes this one's down.")
      .def("forward", forward, nb::sig("def forward(self, *inputs: typing.Any) -> typing.Any"),
           "What the module does to values; override it. Nothing is computed there.")
      .def("__repr__", &AnyModule::str)
      .def("extra_repr", &AnyModule::extra_repr, "What stands between the parentheses where it is printed.")
      .def("__setattr__", set_attribute, "name"_a, "value"_a.none(),
           nb::sig("def __setattr__(self, name: str, value: typing.Any, /) -> None"))
      .def("__getattr__", attribute, "name"_a, nb::sig("def __getattr__(self, name: str, /) -> typing.Any"))
      .def("__delattr__", delete_attribute, "name"_a, nb::sig("def __delattr__(self, name: str, /) -> None"))
      .def("add_module", add_module, "name"_a, "module"_a.none(),
           nb::sig("def add_module(self, name: str, module: Module) -> None"),
           "Registers a child under a name that need not be one of Python's.")
      .def("register_module", add_module, "name"_a, "module"_a.none(),
           nb::sig("def register_module(self, name: str, module: Module) -> None"), "The same.")
      .def("register_parameter", register_parameter, "name"_a, "parameter"_a.none(),
           nb::sig("def register_parameter(self, name: str, parameter: Parameter | None) -> None"),
           "Registers a parameter.")
      .def(
          "register_buffer",
          [](nb::handle self, const std::string& name, const nb::object& values, bool) {
            const Parameter buffer = nb::isinstance<Parameter>(values) ? nb::cast<Parameter>(values)
                                                                       : Parameter(tensor_of(values, name).clone());
            own(self).set_buffer(name, buffer);
          },
          "name"_a, "tensor"_a, "persistent"_a = true,
          nb::sig("def register_buffer(self, name: str, tensor: typing.Any, persistent: bool = True) -> None"),
          "Registers an array that is saved beside the parameters, such as a running mean.")
      .def(
          "load",
          [](AnyModule& module, const std::filesystem::path& path, bool strict, const std::string& strip_prefix,
             const std::vector<std::pair<std::string, std::string>>& rename, const std::vector<std::string>& ignore) {
            const nb::gil_scoped_release free;
            module.load(path, {.strip_prefix = strip_prefix, .rename = rename, .ignore = ignore, .strict = strict});
          },
          "path"_a, nb::kw_only(), "strict"_a = true, "strip_prefix"_a = "",
          "rename"_a = std::vector<std::pair<std::string, std::string>>(), "ignore"_a = std::vector<std::string>(),
          nb::sig(
              "def load(self, path: str | os.PathLike[str], *, strict: bool = True, strip_prefix: str = '', rename: "
              "collections.abc.Sequence[tuple[str, str]] = (), ignore: collections.abc.Sequence[str] = ()) -> None"),
          "Replaces all weights by those of a file: safetensors, what torch.save wrote, .npz or .npy.")
      .def("load_state_dict", load_arrays, "state_dict"_a, "strict"_a = true,
           nb::sig("def load_state_dict(self, state_dict: collections.abc.Mapping[str, typing.Any], strict: bool = "
                   "True) -> None"),
           "Replaces all weights by copies of arrays.")
      .def("state_dict", state_dict, nb::sig("def state_dict(self) -> dict[str, numpy.typing.NDArray[typing.Any]]"),
           "Copies of all weights by their names, in PyTorch's order.")
      .def(
          "named_parameters", [](const AnyModule& module) { return named(module.named_parameters()); },
          nb::sig("def named_parameters(self) -> list[tuple[str, Parameter]]"),
          "The weights that are trained, each with its name.")
      .def(
          "named_buffers", [](const AnyModule& module) { return named(module.named_buffers()); },
          nb::sig("def named_buffers(self) -> list[tuple[str, Parameter]]"), "The others, each with its name.")
      .def(
          "parameters", [](const AnyModule& module) { return seconds(module.named_parameters()); },
          nb::sig("def parameters(self) -> list[Parameter]"), "The weights that are trained.")
      .def(
          "buffers", [](const AnyModule& module) { return seconds(module.named_buffers()); },
          nb::sig("def buffers(self) -> list[Parameter]"), "The others.")
      .def(
          "get_parameter", [](const AnyModule& module, const std::string& name) { return module.parameter(name); },
          "target"_a, "A parameter or buffer by its full name.")
      .def("named_children", children, nb::sig("def named_children(self) -> list[tuple[str, Module]]"),
           "Its children, each with its name.")
      .def(
          "children",
          [](const AnyModule& module) {
            nb::list all;
            for (nb::handle pair : children(module)) all.append(pair[1]);
            return all;
          },
          nb::sig("def children(self) -> list[Module]"), "Its children.")
      .def("named_modules", modules, nb::sig("def named_modules(self) -> list[tuple[str, Module]]"),
           "Itself and all below it, each once, with its path.")
      .def(
          "modules",
          [](nb::handle self) {
            nb::list all;
            for (nb::handle pair : modules(self)) all.append(pair[1]);
            return all;
          },
          nb::sig("def modules(self) -> list[Module]"), "Itself and all below it, each once.")
      .def(
          "eval", [](const nb::object& self) { return self; }, nb::sig("def eval(self) -> typing.Self"),
          "Itself: a network here is always as after eval().")
      .def_prop_ro(
          "training", [](const AnyModule&) { return false; }, "False.")
      .def(
          "set_options",
          [](AnyModule& module, const std::string& tune, const std::string& accuracy, const std::string& algorithm,
             int threads, const std::optional<std::string>& isa, double tuning_seconds,
             const std::optional<std::filesystem::path>& choices, const std::string& precision,
             const std::vector<std::string>& float32, bool round_inputs) {
            module.set_options(options_of(tune, accuracy, algorithm, threads, isa, tuning_seconds, choices, precision,
                                          float32, round_inputs));
          },
          nb::kw_only(), "tune"_a = "latency", "accuracy"_a = "standard", "algorithm"_a = "", "threads"_a = 0,
          "isa"_a = nb::none(), "tuning_seconds"_a = 2.0, "choices"_a = nb::none(), "precision"_a = "float32",
          "float32"_a = std::vector<std::string>(), "round_inputs"_a = false,
          nb::sig("def set_options(self, *, tune: str = 'latency', accuracy: str = 'standard', algorithm: str = '', "
                  "threads: int = 0, isa: str | None = None, tuning_seconds: float = 2.0, choices: str | "
                  "os.PathLike[str] | None = None, precision: str = 'float32', float32: collections.abc.Sequence[str] "
                  "= (), round_inputs: bool = False) -> None"),
          "How calls are compiled from now on; docs/program.md says what the options mean.");
}

}  // namespace upconv::python
