#include "layers.h"

#include <fmt/format.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <map>
#include <optional>
#include <utility>

#include "layers/text/signature.h"
#include "modules.h"
#include "values.h"

namespace upconv::python {
namespace {

/// What stands for an argument of a layer in Python's signatures, by its name: it has one meaning in all layers.
std::string annotation(std::string_view argument, const internal::text::Slot& slot) {
  static const std::map<std::string_view, std::string_view> types = {
      {"kernel_size", "int | collections.abc.Sequence[int]"},
      {"stride", "int | collections.abc.Sequence[int]"},
      {"padding", "int | collections.abc.Sequence[int] | str"},
      {"output_padding", "int | collections.abc.Sequence[int]"},
      {"dilation", "int | collections.abc.Sequence[int]"},
      {"normalized_shape", "int | collections.abc.Sequence[int]"},
      {"unflattened_size", "collections.abc.Sequence[int]"},
      {"output_size", "int | None | collections.abc.Sequence[int | None]"},
      {"size", "int | collections.abc.Sequence[int]"},
      {"scale_factor", "float | collections.abc.Sequence[float]"},
      {"divisor_override", "int"},
      {"padding_idx", "int"},
      {"dim", "int"},
      {"align_corners", "bool"},
      {"recompute_scale_factor", "bool"},
      {"eps", "float"},
      {"momentum", "float | None"},
      {"threshold", "float"},
      {"value", "float"},
      {"norm_type", "float"}};
  const auto found = types.find(argument);
  std::string text(found == types.end() ? "int" : found->second);
  if (!slot.value) return text;
  const internal::PythonValue& value = slot.value->value;
  if (std::holds_alternative<std::monostate>(value)) return text + " | None";
  if (found != types.end()) return text;
  if (std::holds_alternative<bool>(value)) return "bool";
  if (std::holds_alternative<double>(value)) return "float";
  if (std::holds_alternative<std::string>(value)) return "str";
  return text;
}

/// What Python gives for an argument of a layer.
internal::Literal literal_of(nb::handle given) {
  internal::Literal literal;
  literal.text = nb::cast<std::string>(nb::repr(given));
  const auto one = [](nb::handle value) -> std::optional<internal::PythonValue> {
    if (value.is_none()) return internal::PythonValue();
    if (PyBool_Check(value.ptr())) return internal::PythonValue(nb::cast<bool>(value));
    if (PyFloat_Check(value.ptr())) return internal::PythonValue(nb::cast<double>(value));
    if (PyUnicode_Check(value.ptr())) return internal::PythonValue(nb::cast<std::string>(value));
    if (is_integer(value)) return internal::PythonValue(nb::cast<int64_t>(nb::object(nb::int_(nb::borrow(value)))));
    return {};
  };
  if (std::optional<internal::PythonValue> value = one(given)) {
    literal.value = std::move(*value);
    return literal;
  }
  if (!is_list(given)) throw nb::type_error(("it cannot be of type " + class_of(given)).c_str());
  Shape sizes;
  internal::Numbers numbers;
  for (nb::handle element : given) {
    const std::optional<internal::PythonValue> value = one(element);
    if (value && std::holds_alternative<int64_t>(*value)) {
      sizes.push_back(std::get<int64_t>(*value));
      numbers.emplace_back(static_cast<double>(sizes.back()));
    } else if (value && std::holds_alternative<double>(*value)) {
      numbers.emplace_back(std::get<double>(*value));
    } else if (value && std::holds_alternative<std::monostate>(*value)) {
      numbers.emplace_back();
    } else {
      throw nb::type_error(("it cannot hold what is of type " + class_of(element)).c_str());
    }
  }
  if (sizes.size() == numbers.size())
    literal.value = std::move(sizes);
  else
    literal.value = std::move(numbers);
  return literal;
}

nb::object in_python(const internal::PythonValue& value) {
  const auto listed = [](const auto& numbers, auto one) {
    nb::list all;
    for (const auto& number : numbers) all.append(one(number));
    return nb::object(nb::tuple(all));
  };
  if (const auto* truth = std::get_if<bool>(&value)) return nb::bool_(*truth);
  if (const auto* integer = std::get_if<int64_t>(&value)) return nb::int_(*integer);
  if (const auto* number = std::get_if<double>(&value)) return nb::float_(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return nb::str(text->c_str());
  if (const auto* sizes = std::get_if<Shape>(&value))
    return listed(*sizes, [](int64_t size) { return nb::int_(size); });
  if (const auto* numbers = std::get_if<internal::Numbers>(&value))
    return listed(*numbers, [](const auto& number) { return number ? nb::object(nb::float_(*number)) : nb::none(); });
  return nb::none();
}

/// What torch.nn's layers keep of their arguments: convolutions, pads and norms a tuple where one number was given, and
/// pools a stride where there was none. Those that decide about parameters become None where there is none of them.
nb::dict arguments_in_python(std::string_view layer, const internal::text::Signature& signature) {
  const bool of_rows = layer.ends_with("1d");
  const size_t count = layer.find("Pad") != layer.npos ? (of_rows ? 2 : 4) : of_rows ? 1 : 2;
  const bool has_tuples = layer.starts_with("Conv") || layer == "AvgPool1d" || layer.find("Pad") != layer.npos;
  nb::dict all;
  for (const internal::text::Slot& slot : signature.slots()) {
    const std::string name(slot.name);
    nb::object value = in_python(slot.value->value);
    const bool is_size = nb::isinstance<nb::int_>(value) && !nb::isinstance<nb::bool_>(value);
    if (name == "stride" && value.is_none() && layer.find("Pool") != layer.npos && !layer.starts_with("LP"))
      value = all["kernel_size"];
    else if (is_size && has_tuples && slot.name != "groups" && !slot.name.ends_with("channels") && name != "value")
      value = nb::object(nb::make_tuple(value) * nb::int_(count));
    else if (is_size && name == "normalized_shape")
      value = nb::make_tuple(value);
    else if (name == "scale_factor" && is_size)
      value = nb::float_(value);
    else if (is_size && name == "padding_idx" && nb::cast<int64_t>(value) < 0)
      value = nb::int_(nb::cast<int64_t>(value) + nb::cast<int64_t>(all["num_embeddings"]));
    if (name == "bias") value = nb::none();
    all[name.c_str()] = value;
    if (name.ends_with("affine")) all["weight"] = all["bias"] = nb::none();
    if (name == "track_running_stats")
      all["running_mean"] = all["running_var"] = all["num_batches_tracked"] = nb::none();
  }
  return all;
}

}  // namespace

std::string declared(const internal::LayerRow& row) {
  const internal::text::Signature signature(row.signature);
  std::string text;
  for (size_t i = 0; i < signature.slots().size(); ++i) {
    const internal::text::Slot& slot = signature.slots()[i];
    if (i == signature.positional()) text += text.empty() ? "*" : ", *";
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", slot.name, annotation(slot.name, slot));
    if (slot.value) text += " = " + slot.value->text;
  }
  return text;
}

// What does not fit a signature is a TypeError, as Python has it; what a layer refuses is an Error.
internal::text::Signature filled(const internal::LayerRow& row, const nb::args& args, const nb::kwargs& kwargs) {
  internal::text::Signature signature(row.signature);
  const auto give = [&](std::string_view name, size_t position, nb::handle value) {
    try {
      signature.give(row.name, name, position, literal_of(value));
    } catch (const nb::builtin_exception& error) {
      const std::string_view argument =
          name.empty() && position < signature.slots().size() ? signature.slots()[position].name : name;
      throw nb::type_error(fmt::format("{}: {}: {}", row.name, argument, error.what()).c_str());
    } catch (const Error& error) {
      throw nb::type_error(error.what());
    }
  };
  for (size_t i = 0; i < args.size(); ++i) give("", i, args[i]);
  for (const auto& [key, value] : kwargs) give(nb::cast<std::string_view>(key), 0, value);
  return signature;
}

std::shared_ptr<AnyModule> built(const internal::LayerRow& row, const internal::text::Signature& signature) {
  const internal::Arguments arguments = [&] {
    try {
      return signature.arguments(row.name);
    } catch (const Error& error) {
      throw nb::type_error(error.what());
    }
  }();
  try {
    return row.build(arguments);
  } catch (const internal::ArgumentError& error) {
    throw nb::type_error(error.what());
  }
}

void bind_layers(nb::module_& nn) {
  const nb::object base = nb::borrow(nb::type<AnyModule>());
  const nb::object metaclass = nb::borrow(base.type());
  for (const internal::LayerRow& row : internal::layer_rows()) {
    const std::string name(row.name), arguments = declared(row);
    nb::dict members;
    members["__module__"] = nn.attr("__name__");
    members["__doc__"] = std::string(row.summary);
    const nb::object made = metaclass(name, nb::make_tuple(base), members);
    nb::cpp_function_def(
        [&row](nb::pointer_and_handle<AnyModule> self, const nb::args& args, const nb::kwargs& kwargs) {
          const internal::text::Signature signature = filled(row, args, kwargs);
          new (self.p) PythonModule(self.h, built(row, signature), arguments_in_python(row.name, signature));
        },
        nb::scope(made), nb::is_method(),
        nb::sig(("def __init__(self" + (arguments.empty() ? "" : ", " + arguments) + ") -> None").c_str()));
    nn.attr(name.c_str()) = made;
  }
}

}  // namespace upconv::python
