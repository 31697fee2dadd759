#pragma once
// How the rows of ATen's operations are called in Python, and declared in its stubs.
#include <nanobind/nanobind.h>

#include <string>
#include <string_view>
#include <vector>

#include "layers/exported/operations.h"

namespace upconv::python {

using internal::OperationParameter;
using internal::OperationRow;

/// Rows of one name: "add.Tensor" and "add.Scalar", in their order.
using Overloads = std::vector<const OperationRow*>;

/// "add" of "add.Tensor".
std::string base_of(std::string_view name);
/// How Python calls a parameter: PyTorch's functions call the first one input, whatever ATen calls it.
std::string_view called(const OperationRow& row, const OperationParameter& parameter);
/// Whether a parameter is a list that may be written without brackets, x.permute(0, 2, 1) or einsum("i,i", a, b): what
/// follows it is given by name.
bool may_lack_brackets(const OperationRow& row, size_t place);
/// Whether it gives parts or a pair: a tuple, even of one part.
bool gives_tuple(const OperationRow& row);

/// How signatures call the class Value, whatever this module was imported as.
const std::string& value_name();
/// What may stand for a tensor.
std::string value_like();
/// "def add(input: ValueLike, other: ValueLike | float, alpha: float = 1) -> Value"
std::string signature_of(const std::string& name, const OperationRow& row, bool is_method);
/// Its docstring.
std::string doc_of(const OperationRow& row);
/// The rows that a reader of signatures must see, in their order: not those that another one covers.
Overloads seen(const Overloads& rows);

}  // namespace upconv::python
