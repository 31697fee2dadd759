#pragma once
// Layers as Python has them: a class for each row of the table.
#include <nanobind/nanobind.h>

#include <memory>
#include <string>

#include "layers/text/registry.h"

namespace upconv::python {

namespace nb = nanobind;

/// "kernel_size: int | Sequence[int], stride: int | Sequence[int] = 1": a layer's signature as Python declares it.
std::string declared(const internal::LayerRow& row);

/// A layer, and the arguments that it was made of, as torch.nn's layer of the name keeps them.
struct Built {
  std::shared_ptr<AnyModule> layer;
  nb::dict arguments;
};

/// What a row builds from the arguments of Python. Throws nb::type_error where they do not fit its signature, naming
/// the argument, and Error where the layer refuses their values.
Built built(const internal::LayerRow& row, const nb::args& args, const nb::kwargs& kwargs);

/// Adds the classes, which derive from Module.
void bind_layers(nb::module_& nn);

}  // namespace upconv::python
