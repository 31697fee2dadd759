#include "functions.h"

#include <fmt/format.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <algorithm>
#include <map>
#include <set>

#include "framework/writing.h"
#include "layers.h"
#include "signatures.h"
#include "values.h"

namespace upconv::python {

using internal::Argument;
using internal::ArgumentKind;
using internal::Item;

namespace {

/// Functions of torch.nn.functional that are layers called at once: what follows the input are the layer's arguments.
constexpr std::pair<const char*, const char*> layer_functions[] = {
    {"relu", "ReLU"},
    {"leaky_relu", "LeakyReLU"},
    {"elu", "ELU"},
    {"silu", "SiLU"},
    {"gelu", "GELU"},
    {"softplus", "Softplus"},
    {"hardtanh", "Hardtanh"},
    {"relu6", "ReLU6"},
    {"hardsigmoid", "Hardsigmoid"},
    {"hardswish", "Hardswish"},
    {"mish", "Mish"},
    {"selu", "SELU"},
    {"celu", "CELU"},
    {"softsign", "Softsign"},
    {"tanhshrink", "Tanhshrink"},
    {"hardshrink", "Hardshrink"},
    {"softshrink", "Softshrink"},
    {"logsigmoid", "LogSigmoid"},
    {"threshold", "Threshold"},
    {"glu", "GLU"},
    {"softmin", "Softmin"},
    {"interpolate", "Upsample"},
    {"pixel_shuffle", "PixelShuffle"},
    {"pixel_unshuffle", "PixelUnshuffle"},
    {"channel_shuffle", "ChannelShuffle"},
    {"unfold", "Unfold"},
    {"fold", "Fold"},
    {"avg_pool2d", "AvgPool2d"},
    {"avg_pool1d", "AvgPool1d"},
    {"lp_pool2d", "LPPool2d"},
    {"adaptive_avg_pool2d", "AdaptiveAvgPool2d"},
    {"adaptive_avg_pool1d", "AdaptiveAvgPool1d"},
    {"adaptive_max_pool2d", "AdaptiveMaxPool2d"},
    {"adaptive_max_pool1d", "AdaptiveMaxPool1d"},
};

/// Functions of torch.nn.functional that have the arguments of ATen's in another order, or other defaults.
constexpr std::pair<const char*, const char*> functional_signatures[] = {
    {"batch_norm",
     "Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, bool "
     "training=False, float momentum=0.1, float eps=1e-05"},
    {"instance_norm",
     "Tensor input, Tensor? running_mean=None, Tensor? running_var=None, Tensor? weight=None, Tensor? bias=None, bool "
     "use_input_stats=True, float momentum=0.1, float eps=1e-05"},
    {"group_norm", "Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05"},
    {"layer_norm", "Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05"},
    {"embedding", "Tensor indices, Tensor weight, any padding_idx=None"},
    {"norm", "Tensor self, Scalar? p=2, int[]? dim=None, bool keepdim=False, ScalarType? dtype=None"},
};

/// What PyTorch has as methods of tensors and not as functions; split() has other names there, and is Python's.
constexpr std::string_view methods_alone[] = {"contiguous", "expand", "expand_as", "new_empty", "new_full", "new_ones",
                                              "new_zeros",  "repeat", "split",     "type_as",   "view",     "view_as"};

/// What it has as functions and not as methods.
constexpr std::string_view functions_alone[] = {"adaptive_avg_pool1d",
                                                "adaptive_avg_pool2d",
                                                "adaptive_max_pool1d",
                                                "adaptive_max_pool2d",
                                                "avg_pool1d",
                                                "avg_pool2d",
                                                "celu",
                                                "channel_shuffle",
                                                "elu",
                                                "empty_like",
                                                "fill",
                                                "full_like",
                                                "gelu",
                                                "glu",
                                                "hardswish",
                                                "hardsigmoid",
                                                "hardtanh",
                                                "leaky_relu",
                                                "max_pool1d",
                                                "max_pool2d",
                                                "mish",
                                                "one_hot",
                                                "ones_like",
                                                "pad",
                                                "pixel_shuffle",
                                                "pixel_unshuffle",
                                                "relu6",
                                                "rsub",
                                                "selu",
                                                "silu",
                                                "softplus",
                                                "softshrink",
                                                "std_mean",
                                                "threshold",
                                                "var_mean",
                                                "zeros_like"};

/// Methods that are written without parentheses, and the operation of each.
constexpr std::pair<const char*, const char*> properties[] = {{"T", "numpy_T"}, {"mT", "mT"}, {"mH", "mH"}};

/// Methods that convert.
constexpr std::pair<const char*, DType> conversions[] = {
    {"float", DType::float32}, {"long", DType::int64}, {"int", DType::int32}, {"bool", DType::boolean}};

/// Operators of Python, the operation of each, and whether the value stands on the right.
struct Operator {
  const char* name;
  const char* operation;
  bool reflected = false;
  bool takes_tensors = false;  ///< in the place of a number
};
constexpr Operator operators[] = {
    {"__add__", "add"},
    {"__radd__", "add"},
    {"__sub__", "sub"},
    {"__rsub__", "sub", true},
    {"__mul__", "mul"},
    {"__rmul__", "mul"},
    {"__truediv__", "div"},
    {"__rtruediv__", "div", true},
    {"__floordiv__", "floor_divide"},
    {"__rfloordiv__", "floor_divide", true, true},
    {"__mod__", "remainder"},
    {"__rmod__", "remainder", true, true},
    {"__pow__", "pow"},
    {"__rpow__", "pow", true},
    {"__matmul__", "matmul"},
    {"__rmatmul__", "matmul", true},
    {"__eq__", "eq"},
    {"__ne__", "ne"},
    {"__lt__", "lt"},
    {"__le__", "le"},
    {"__gt__", "gt"},
    {"__ge__", "ge"},
    {"__and__", "__and__", false, true},
    {"__rand__", "__and__", true, true},
    {"__or__", "__or__", false, true},
    {"__ror__", "__or__", true, true},
    {"__xor__", "__xor__", false, true},
    {"__rxor__", "__xor__", true, true},
};
constexpr std::pair<const char*, const char*> unary_operators[] = {
    {"__neg__", "neg"}, {"__pos__", "positive"}, {"__abs__", "abs"}, {"__invert__", "bitwise_not"}};

/// Whether people write it: not what PyTorch keeps for itself, and not what only stands in exported programs.
bool is_public(std::string_view name) {
  static const std::set<std::string, std::less<>> others = {"affine_grid_generator",
                                                            "alias",
                                                            "alpha_dropout",
                                                            "col2im",
                                                            "constant_pad_nd",
                                                            "convolution",
                                                            "copy",
                                                            "dropout",
                                                            "feature_alpha_dropout",
                                                            "feature_dropout",
                                                            "im2col",
                                                            "index",
                                                            "lift_fresh_copy",
                                                            "linalg_vector_norm",
                                                            "log_sigmoid",
                                                            "mH",
                                                            "mT",
                                                            "math",
                                                            "max_pool2d_with_indices",
                                                            "numpy_T",
                                                            "reflection_pad1d",
                                                            "reflection_pad2d",
                                                            "replication_pad1d",
                                                            "replication_pad2d",
                                                            "rrelu",
                                                            "scalar_tensor",
                                                            "slice",
                                                            "torch",
                                                            "zero"};
  const std::string base = base_of(name);
  return base[0] != '_' && !base.starts_with("native_") && !base.starts_with("sym_") &&
         !base.starts_with("upsample_") && !others.contains(base);
}

template <size_t count>
bool holds(const std::string_view (&names)[count], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

const std::map<std::string, Overloads>& overloads() {
  static const std::map<std::string, Overloads> all = [] {
    std::map<std::string, Overloads> made;
    for (const OperationRow& row : internal::operation_rows()) made[base_of(row.name)].push_back(&row);
    static std::vector<OperationRow> reordered;
    reordered.reserve(std::size(functional_signatures));
    for (const auto& [name, signature] : functional_signatures) {
      reordered.push_back(*made.at(name).front());
      reordered.back().signature = signature;
      reordered.back().parameters = internal::parameters_of(signature);
      made.at(name) = {&reordered.back()};
    }
    return made;
  }();
  return all;
}

/// The arguments of a call while they are matched with a row.
struct Call {
  internal::ExportedNode node;
  std::vector<Item> items;
};

std::optional<Argument> number_of(nb::handle given) {
  if (PyBool_Check(given.ptr())) return Argument{nb::cast<bool>(given)};
  if (is_integer(given)) return Argument{nb::cast<int64_t>(given)};
  if (PyFloat_Check(given.ptr())) return Argument{nb::cast<double>(given)};
  return {};
}

std::optional<DType> type_of(nb::handle given) {
  const auto text = nb::cast<std::string>(
      nb::str(nb::object(nb::hasattr(given, "name") ? nb::object(given.attr("name")) : nb::borrow(given))));
  const std::string word = text.substr(text.rfind('.') + 1);
  for (const auto& [name, type] :
       {std::pair("float32", DType::float32), std::pair("float", DType::float32), std::pair("int64", DType::int64),
        std::pair("long", DType::int64), std::pair("int32", DType::int32), std::pair("int", DType::int32),
        std::pair("bool", DType::boolean)})
    if (word == name) return type;
  return {};
}

/// A tensor, whose place among the call's items becomes the argument; nothing where it is none.
std::optional<Argument> tensor_argument(Call& call, nb::handle given, std::string_view role) {
  const bool is_array = nb::hasattr(given, "__dlpack__") || PyObject_CheckBuffer(given.ptr());
  const std::optional<Operand> operand =
      is_symbolic(given) || is_array ? operand_of(given, std::string(role)) : std::nullopt;
  if (!operand) return {};
  call.items.emplace_back(*operand);
  return Argument{internal::Reference{static_cast<int>(call.items.size()) - 1}};
}

/// One that may be a list of `element`s, or one of them.
template <class Element>
std::optional<Argument> list_argument(nb::handle given, bool one_will_do, Element element) {
  if (!is_list(given)) return one_will_do ? element(given) : std::nullopt;
  Argument::List list;
  for (nb::handle one : given) {
    std::optional<Argument> argument = element(one);
    if (!argument) return {};
    list.push_back(std::move(*argument));
  }
  return Argument{std::move(list)};
}

std::optional<Argument> integer_of(nb::handle given) {
  if (!is_integer(given)) return {};
  return Argument{nb::cast<int64_t>(given)};
}

/// What is given for a parameter, or nothing where it is of another kind.
std::optional<Argument> argument_of(Call& call, const OperationParameter& parameter, nb::handle given) {
  if (given.is_none() && parameter.takes_none) return Argument{};
  const auto* list = parameter.initial ? parameter.initial->get<Argument::List>() : nullptr;
  if (given.is_none() && list != nullptr && list->empty()) return *parameter.initial;
  const auto tensor = [&](nb::handle one) {
    return one.is_none() ? std::optional(Argument{}) : tensor_argument(call, one, parameter.name);
  };
  switch (parameter.kind) {
    case ArgumentKind::tensor:
      return tensor_argument(call, given, parameter.name);
    case ArgumentKind::tensors:
      return list_argument(given, false, tensor);
    case ArgumentKind::operand:
      if (std::optional<Argument> number = number_of(given)) return number;
      return tensor_argument(call, given, parameter.name);
    case ArgumentKind::integer:
      return integer_of(given);
    case ArgumentKind::integers:
      return list_argument(given, true, integer_of);
    case ArgumentKind::number:
      return number_of(given);
    case ArgumentKind::numbers:
      return list_argument(given, true, number_of);
    case ArgumentKind::boolean:
      if (PyBool_Check(given.ptr())) return Argument{nb::cast<bool>(given)};
      return {};
    case ArgumentKind::text:
      if (PyUnicode_Check(given.ptr())) return Argument{nb::cast<std::string>(given)};
      return {};
    case ArgumentKind::type:
      if (const std::optional<DType> type = type_of(given)) return Argument{*type};
      return {};
    case ArgumentKind::any:
      return Argument{};
  }
  return {};
}

/// Whether Python calls a parameter so; some have a second name, which is NumPy's.
bool is_called(const OperationRow& row, const OperationParameter& parameter, std::string_view name) {
  const std::string_view first = called(row, parameter);
  return name == first || (name == "axis" && first == "dim") || (name == "keepdims" && first == "keepdim");
}

/// Arguments in the order of a row's parameters, where they fit it; otherwise why they do not, in `reason`.
std::optional<Call> matched(const OperationRow& row, const std::vector<nb::object>& args, const nb::kwargs& kwargs,
                            std::string& reason) {
  Call call;
  call.node.row = &row;
  size_t next = 0, named = 0;
  for (size_t place = 0; place < row.parameters.size(); ++place) {
    const OperationParameter& parameter = row.parameters[place];
    nb::object given;
    if (next < args.size() && may_lack_brackets(row, place) && !is_list(args[next])) {
      nb::list rest;
      while (next < args.size()) rest.append(args[next++]);
      given = rest;
    } else if (next < args.size()) {
      given = args[next++];
    }
    for (const auto& [key, value] : kwargs) {
      if (!is_called(row, parameter, nb::cast<std::string_view>(key))) continue;
      if (given.is_valid()) return reason = fmt::format("{} is given twice", parameter.name), std::nullopt;
      given = nb::borrow(value);
      ++named;
    }
    if (!given.is_valid()) {
      if (parameter.initial) {
        call.node.arguments.push_back(*parameter.initial);
      } else if (parameter.kind == ArgumentKind::any) {
        call.node.arguments.emplace_back();
      } else {
        return reason = fmt::format("{} is missing", parameter.name), std::nullopt;
      }
      continue;
    }
    std::optional<Argument> argument = argument_of(call, parameter, given);
    if (!argument)
      return reason = fmt::format("{} cannot be of type {}", parameter.name, class_of(given)), std::nullopt;
    call.node.arguments.push_back(std::move(*argument));
  }
  if (next < args.size()) return reason = "there are more arguments than it takes", std::nullopt;
  if (named < kwargs.size()) return reason = "an argument has a name that it does not know", std::nullopt;
  return call;
}

nb::object object_of(Item& item) {
  if (const auto* operand = std::get_if<Operand>(&item)) return nb::cast(*operand);
  if (const auto* integer = std::get_if<int64_t>(&item)) return nb::int_(*integer);
  if (const auto* number = std::get_if<double>(&item)) return nb::float_(*number);
  return nb::none();
}

/// Writes the first row down that the arguments fit. Throws nb::type_error where none does.
nb::object written(const std::string& name, const Overloads& rows, const std::vector<nb::object>& args,
                   const nb::kwargs& kwargs) {
  Graph* graph = internal::Writing::current();
  if (graph == nullptr)
    throw Error(name + ": called outside of a module's forward(), where there are values; arrays are NumPy's");
  std::string reasons;
  for (const OperationRow* row : rows) {
    std::string reason;
    const std::optional<Call> call = matched(*row, args, kwargs, reason);
    if (!call) {
      reasons += fmt::format("\n  {}({}): {}", row->name, row->signature, reason);
      continue;
    }
    std::vector<Item> made =
        row->make(internal::NodeCall(call->node, call->items, *graph, internal::NodeCall::any_results));
    if (made.size() == 1 && !gives_tuple(*row)) return object_of(made.front());
    nb::list all;
    for (Item& item : made) all.append(object_of(item));
    return nb::tuple(all);
  }
  throw nb::type_error((name + ": the arguments fit none of" + reasons).c_str());
}

nb::object written(const std::string& name, const std::vector<nb::object>& args) {
  return written(name, overloads().at(name), args, nb::kwargs());
}

std::vector<nb::object> listed(const nb::args& args) {
  std::vector<nb::object> all;
  for (nb::handle one : args) all.push_back(nb::borrow(one));
  return all;
}

/// A function for each row that is to be seen, of which the first finds the one that fits.
void bind_function(nb::module_& functional, const std::string& name, const Overloads& rows) {
  for (const OperationRow* row : seen(rows))
    functional.def(
        name.c_str(),
        [name, &rows](const nb::args& args, const nb::kwargs& kwargs) {
          return written(name, rows, listed(args), kwargs);
        },
        nb::sig(signature_of(name, *row, false).c_str()), doc_of(*row).c_str());
}

/// Whether it is the device "cpu", as a word or as PyTorch's. Throws Error where it is another one.
bool is_device(nb::handle given) {
  if (!PyUnicode_Check(given.ptr()) && class_of(given) != "device") return false;
  const auto device = nb::cast<std::string>(nb::str(given));
  if (device != "cpu" && !type_of(given)) throw Error("to: expected a dtype, or the device cpu, got " + device);
  return device == "cpu";
}

template <class Class>
void bind_method(Class& of, const std::string& name, const Overloads& rows) {
  for (const OperationRow* row : seen(rows)) {
    if (row->parameters[0].kind == ArgumentKind::number) continue;  // no value's method

    of.def(
        name.c_str(),
        [name, &rows](nb::handle self, const nb::args& args, const nb::kwargs& kwargs) {
          std::vector<nb::object> all = listed(args);
          all.insert(all.begin(), nb::borrow(self));
          if (name == "to" && all.size() > 1 && is_device(all[1])) {
            all.erase(all.begin() + 1);
            if (all.size() == 1 && kwargs.size() == 0) return written("contiguous", all);
          }
          return written(name, rows, all, kwargs);
        },
        nb::sig(signature_of(name, *row, true).c_str()), doc_of(*row).c_str());
  }
}

/// NotImplemented where the other side is nothing that Python could compute with a value.
template <class Class>
void bind_operator(Class& of, const Operator& one) {
  using namespace nb::literals;
  of.def(
      one.name,
      [one](nb::handle self, nb::handle other) -> nb::object {
        if (!is_symbolic(other) && !PyNumber_Check(other.ptr()) && !nb::hasattr(other, "__dlpack__"))
          return nb::borrow(Py_NotImplemented);
        std::vector<nb::object> both = {nb::borrow(self), nb::borrow(other)};
        if (one.takes_tensors && number_of(other)) both[1] = written("full", {nb::make_tuple(), both[1]});
        if (one.reflected) std::swap(both[0], both[1]);
        return written(one.operation, both);
      },
      "other"_a.none(),
      // Of any object, == and != give bool: what they give here must be something that may be one.
      nb::sig(fmt::format("def {}(self, other: typing.Any, /) -> {}", one.name,
                          one.name == std::string_view("__eq__") || one.name == std::string_view("__ne__")
                              ? "typing.Any"
                              : value_name())
                  .c_str()));
}

template <class Class>
void bind_methods(Class& of) {
  for (const auto& [name, rows] : overloads()) {
    const OperationRow& first = *rows.front();
    if ((is_public(first.name) || name == "to") && !holds(functions_alone, name) && !first.parameters.empty() &&
        first.parameters[0].name == "self")
      bind_method(of, name, rows);
  }
  for (const auto& [name, operation] : properties)
    of.def_prop_ro(
        name, [operation](nb::handle self) { return written(operation, {nb::borrow(self)}); },
        nb::sig(fmt::format("def {}(self) -> {}", name, value_name()).c_str()), "The transposed.");
  for (const auto& [name, type] : conversions)
    of.def(
        name,
        [type](nb::handle self) {
          return written("to", {nb::borrow(self), nb::cast(upconv::name(type))});
        },
        nb::sig(fmt::format("def {}(self) -> {}", name, value_name()).c_str()), "In this type; int is int64, too.");
  for (const Operator& one : operators) bind_operator(of, one);
  for (const auto& [name, operation] : unary_operators) {
    of.def(
        name, [operation](nb::handle self) { return written(operation, {nb::borrow(self)}); },
        nb::sig(fmt::format("def {}(self) -> {}", name, value_name()).c_str()));
  }
}

/// x and the layer's arguments, as torch.nn.functional has them.
void bind_layer_function(nb::module_& functional, const char* name, const internal::LayerRow& row) {
  const std::string arguments = declared(row);
  functional.def(
      name,
      [name, &row](const nb::args& args, nb::kwargs kwargs) {
        nb::object input;
        if (args.size() > 0)
          input = nb::borrow(args[0]);
        else if (kwargs.contains("input"))
          input = kwargs["input"];
        const std::optional<Operand> x = input.is_valid() ? operand_of(input, "input") : std::nullopt;
        if (!x) throw nb::type_error((std::string(name) + ": expected a Value as input").c_str());
        nb::kwargs rest;
        for (const auto& [key, value] : kwargs)
          if (args.size() > 0 || nb::cast<std::string_view>(key) != "input") rest[key] = value;
        nb::list others;
        for (size_t i = 1; i < args.size(); ++i) others.append(args[i]);
        const std::shared_ptr<AnyModule> layer = built(row, filled(row, nb::borrow<nb::args>(nb::tuple(others)), rest));
        return operand_of((*layer)(x->value));
      },
      nb::sig(fmt::format("def {}(input: {}{}) -> {}", name, value_like(), arguments.empty() ? "" : ", " + arguments,
                          value_name())
                  .c_str()),
      std::string(row.summary).c_str());
}

}  // namespace

Operand indexed(const Operand& of, const nb::list& indices) {
  return nb::cast<Operand>(written("index", {nb::cast(of), indices}));
}

void bind_functions(nb::module_& functional) {
  std::set<std::string> taken;
  for (const auto& [name, layer] : layer_functions) {
    bind_layer_function(functional, name, *internal::find_row(layer));
    taken.insert(name);
  }
  for (const auto& [name, rows] : overloads())
    if (is_public(rows.front()->name) && !taken.contains(name) && !holds(methods_alone, name) && name != "to")
      bind_function(functional, name, rows);
  auto value = nb::borrow<nb::class_<Operand>>(nb::type<Operand>());
  bind_methods(value);
  auto parameter = nb::borrow<nb::class_<Parameter>>(nb::type<Parameter>());
  bind_methods(parameter);
}

}  // namespace upconv::python
