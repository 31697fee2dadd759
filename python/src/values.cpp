#include "values.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "arrays.h"
#include "framework/writing.h"

namespace upconv::python {
namespace {

/// One index of a dimension, as it stands in brackets: x[0], x[1:], x[..., None].
Value taken(const Value& x, nb::handle index, int64_t& dim) {
  if (nb::isinstance<nb::int_>(index)) return select(x, dim, nb::cast<int64_t>(index));
  if (index.is_none()) return unsqueeze(x, dim++);
  if (!nb::isinstance<nb::slice>(index))
    throw nb::type_error(("Value: expected an integer, a slice, None or ... as an index, got " + class_of(index) +
                          "; nn.functional.index takes indices that are values")
                             .c_str());
  const auto number = [&](const char* name, int64_t otherwise) {
    const nb::object given = index.attr(name);
    return given.is_none() ? otherwise : nb::cast<int64_t>(given);
  };
  const int64_t step = number("step", 1);
  if (step < 1) throw nb::value_error("Value: a slice's step must be positive; nn.functional.flip turns a dimension");
  return slice(x, dim++, number("start", 0), number("stop", std::numeric_limits<int64_t>::max()), step);
}

Operand part(const Operand& of, const nb::object& key) {
  const nb::tuple indices = nb::isinstance<nb::tuple>(key) ? nb::borrow<nb::tuple>(key) : nb::make_tuple(key);
  const nb::handle all(Py_Ellipsis);
  size_t named = 0;
  for (nb::handle index : indices)
    if (!index.is_none() && !index.is(all)) ++named;
  const size_t rank = of.value.shape().size();
  if (named > rank)
    throw nb::index_error(
        ("Value: " + std::to_string(named) + " indices for " + std::to_string(rank) + " dimensions").c_str());
  Value x = of.value;
  int64_t dim = 0;
  for (nb::handle index : indices) {
    if (index.is(all))
      dim += static_cast<int64_t>(rank - named);
    else
      x = taken(x, index, dim);
  }
  return {x, of.type};
}

int64_t first_size(const Operand& x) {
  if (x.value.shape().empty()) throw nb::type_error("Value: a scalar has no length");
  return x.value.shape()[0];
}

nb::object size_of(const Operand& x, std::optional<int> dim) {
  if (dim) return nb::int_(x.value.size(*dim));
  return tuple_of(x.value.shape());
}

nb::object parts(const Operand& x) {
  nb::list all;
  for (int64_t i = 0; i < first_size(x); ++i) all.append(nb::cast(Operand{select(x.value, 0, i), x.type}));
  return nb::iter(all);
}

std::string written(const Operand& x) {
  return "Value(shape=" + str(x.value.shape()) + ", dtype=" + std::string(name(x.type)) + ")";
}

}  // namespace

std::string class_of(nb::handle object) {
  return nb::cast<std::string>(nb::str(nb::object(object.type().attr("__name__"))));
}

nb::tuple tuple_of(const Shape& shape) {
  nb::list all;
  for (int64_t size : shape) all.append(size);
  return nb::tuple(all);
}

bool is_symbolic(nb::handle object) { return nb::isinstance<Operand>(object) || nb::isinstance<Parameter>(object); }

bool is_plain(nb::handle object) {
  return object.is_none() || PyBool_Check(object.ptr()) || PyLong_Check(object.ptr()) || PyFloat_Check(object.ptr()) ||
         PyUnicode_Check(object.ptr()) || PyBytes_Check(object.ptr());
}

std::optional<Operand> operand_of(nb::handle object, const std::string& role) {
  if (nb::isinstance<Operand>(object)) return nb::cast<Operand>(object);
  if (nb::isinstance<Parameter>(object)) return operand_of(Value(nb::cast<const Parameter&>(object)));
  if (is_plain(object) || nb::isinstance<nb::tuple>(object) || nb::isinstance<nb::list>(object)) return {};
  return operand_of(constant(tensor_of(object, role)));
}

nb::object mapped(nb::handle object, const std::function<nb::object(nb::handle)>& leaf) {
  if (nb::isinstance<nb::dict>(object)) {
    nb::dict all;
    for (const auto& [key, value] : nb::borrow<nb::dict>(object)) all[key] = mapped(value, leaf);
    return all;
  }
  const bool tuple = nb::isinstance<nb::tuple>(object);
  if (!tuple && !nb::isinstance<nb::list>(object)) return leaf(object);
  nb::list all;
  for (nb::handle one : object) all.append(mapped(one, leaf));
  return tuple ? nb::object(nb::tuple(all)) : nb::object(all);
}

void bind_values(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<Operand> value(m, "Value",
                            "What a tensor will be: its shape and type, without numbers, while a forward() is written "
                            "down. Has the operators and methods of torch.Tensor; belongs to that forward().");
  value
      .def_prop_ro(
          "shape", [](const Operand& x) { return tuple_of(x.value.shape()); },
          nb::sig("def shape(self) -> tuple[int, ...]"), "Its sizes.")
      .def_prop_ro(
          "dtype", [](const Operand& x) { return std::string(name(x.type)); }, "float32, int64 or boolean.")
      .def_prop_ro(
          "ndim", [](const Operand& x) { return x.value.shape().size(); }, "How many dimensions it has.")
      .def(
          "dim", [](const Operand& x) { return x.value.shape().size(); }, "How many dimensions it has.")
      .def("size", size_of, "dim"_a = nb::none(), nb::sig("def size(self, dim: int | None = None) -> typing.Any"),
           "One size, or all of them.")
      .def(
          "numel", [](const Operand& x) { return numel(x.value.shape()); }, "How many elements it has.")
      .def("__len__", first_size)
      .def("__iter__", parts, nb::sig("def __iter__(self) -> collections.abc.Iterator[Value]"))
      .def("__bool__",
           [](const Operand&) -> bool {
             throw nb::type_error(
                 "Value: it has no numbers while forward() is written down, so nothing can depend on them");
           })
      .def("__getitem__", part, "key"_a, nb::sig("def __getitem__(self, key: typing.Any) -> Value"))
      .def("__hash__", [](nb::handle x) { return reinterpret_cast<intptr_t>(x.ptr()) >> 4; })
      .def("__repr__", written);
  value.attr("__array_ufunc__") = nb::none();  // an array of NumPy leaves operators to the value beside it
}

}  // namespace upconv::python
