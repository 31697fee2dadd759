#pragma once
// Values, which stand for tensors while a forward() of Python is written down, and what may stand in their place.
#include <nanobind/nanobind.h>
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
/// Whether it can only be a number, a text, None or the like: what forward() is given as it is.
bool is_plain(nb::handle object);

/// The same object with leaf(x) in the place of whatever stands in its tuples, lists and dictionaries, in their order.
nb::object mapped(nb::handle object, const std::function<nb::object(nb::handle)>& leaf);

/// The class of an object, for messages.
std::string class_of(nb::handle object);

/// A size of Python's for each of a shape's.
nb::tuple tuple_of(const Shape& shape);

/// The class Value, without what functions.cpp adds.
void bind_values(nb::module_& m);

}  // namespace upconv::python
