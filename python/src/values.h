#pragma once
// Values, which stand for tensors while a forward() of Python is written down, and what may stand in their place.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <upconv/upconv.h>

#include <functional>
#include <optional>
#include <string>

#include "layers/exported/operations.h"

namespace upconv::python {

namespace nb = nanobind;
using internal::Operand;

/// A value as Python has it. Its type is float32, int64, or boolean, of which the elements are 0 and 1 in float32.
inline Operand operand_of(const Value& value) { return {value, value.dtype()}; }

/// What Python gives in the place of a tensor: a Value, a Parameter, or an array, whose values become a constant;
/// nothing where it is none of them.
std::optional<Operand> operand_of(nb::handle object, const std::string& role);
/// Whether it is a Value or a Parameter.
bool is_symbolic(nb::handle object);
/// Whether it is an integer of Python or NumPy; arrays, which can be asked for one too, are none.
bool is_integer(nb::handle object);
/// Whether it is a tuple or a list.
inline bool is_list(nb::handle object) { return nb::isinstance<nb::tuple>(object) || nb::isinstance<nb::list>(object); }
/// Whether it can only be a number, a text, None or the like: what forward() is given as it is.
bool is_plain(nb::handle object);

/// The same object with leaf(x) in the place of whatever stands in its tuples, lists and dictionaries, in their order.
nb::object mapped(nb::handle object, const std::function<nb::object(nb::handle)>& leaf);

/// The class of an object, for messages.
std::string class_of(nb::handle object);

/// A size of Python's for each of a shape's.
nb::tuple tuple_of(const Shape& shape);

/// Of a Value or a Parameter: its sizes, the first of them, x.size(dim), x[key], and what `for` goes through.
Shape shape_of(nb::handle x);
int64_t first_size(nb::handle x);
nb::object size_of(nb::handle x, std::optional<int64_t> dim);
Operand part(nb::handle self, const nb::object& key);
nb::object parts(nb::handle self);

/// Adds these to one of the two classes.
template <class Class>
void bind_parts(Class& of) {
  using namespace nb::literals;
  of.def_prop_ro(
        "shape", [](nb::handle x) { return tuple_of(shape_of(x)); }, nb::sig("def shape(self) -> tuple[int, ...]"),
        "Its sizes.")
      .def_prop_ro(
          "ndim", [](nb::handle x) { return shape_of(x).size(); }, nb::sig("def ndim(self) -> int"),
          "How many dimensions it has.")
      .def_prop_ro(
          "device", [](nb::handle) { return nb::str("cpu"); }, nb::sig("def device(self) -> str"),
          "cpu: there is no other.")
      .def(
          "dim", [](nb::handle x) { return shape_of(x).size(); }, nb::sig("def dim(self) -> int"),
          "How many dimensions it has.")
      .def("size", size_of, "dim"_a = nb::none(), nb::sig("def size(self, dim: int | None = None) -> typing.Any"),
           "One size, or all of them.")
      .def(
          "numel", [](nb::handle x) { return numel(shape_of(x)); }, nb::sig("def numel(self) -> int"),
          "How many elements it has.")
      .def("__len__", first_size, nb::sig("def __len__(self) -> int"))
      .def("__iter__", parts, nb::sig("def __iter__(self) -> collections.abc.Iterator[Value]"))
      .def("__getitem__", part, "key"_a.none(), nb::sig("def __getitem__(self, key: typing.Any, /) -> Value"));
}

/// The class Value, without what functions.cpp adds.
void bind_values(nb::module_& m);

}  // namespace upconv::python
