#pragma once
// Functions of values, made from the two tables: of layers, and of ATen's operations.
#include <nanobind/nanobind.h>

#include "values.h"

namespace upconv::python {

/// Adds every function to `functional`, and to Value and Parameter the methods and operators. These two and the layers
/// exist before.
void bind_functions(nb::module_& functional);

/// x[:, index]: the elements of some dimensions, each of which has indices; None stands for the others.
Operand indexed(const Operand& of, const nb::list& indices);

}  // namespace upconv::python
