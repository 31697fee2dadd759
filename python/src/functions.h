#pragma once
// Functions of values, made from the two tables: of layers, and of ATen's operations.
#include <nanobind/nanobind.h>

#include <string_view>

#include "layers/text/registry.h"
#include "values.h"

namespace upconv::python {

/// Adds every function to `functional`, and to Value and Parameter the methods and operators. These two and the layers
/// exist before.
void bind_functions(nb::module_& functional);

/// x[:, index]: the elements of some dimensions, each of which has indices; None stands for the others.
Operand indexed(const Operand& of, const nb::list& indices);

/// "kernel_size: int | Sequence[int], stride: int | Sequence[int] = 1": a layer's signature as Python declares it.
std::string declared(const internal::LayerRow& row);

/// A layer, and the arguments that it was made of, as torch.nn's layer of the name keeps them.
struct Built {
  std::shared_ptr<AnyModule> layer;
  nb::dict arguments;
};

/// What a row of layers builds from the arguments of Python. Throws Error as a text that names them does.
Built built(const internal::LayerRow& row, const nb::args& args, const nb::kwargs& kwargs);

}  // namespace upconv::python
