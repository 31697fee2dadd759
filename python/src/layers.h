#pragma once
// Layers as Python has them: a class for each row of the table.
#include <nanobind/nanobind.h>

#include <memory>
#include <string>

#include "layers/text/registry.h"
#include "layers/text/signature.h"

namespace upconv::python {

namespace nb = nanobind;

/// "kernel_size: int | Sequence[int], stride: int | Sequence[int] = 1": a layer's signature as Python declares it.
std::string declared(const internal::LayerRow& row);

/// A row's signature with the arguments of Python in it. Throws nb::type_error where they do not fit, naming the
/// argument.
internal::text::Signature filled(const internal::LayerRow& row, const nb::args& args, const nb::kwargs& kwargs);

/// What a row builds from them. Throws nb::type_error where one is missing or of another kind, and Error where the
/// layer refuses their values.
std::shared_ptr<AnyModule> built(const internal::LayerRow& row, const internal::text::Signature& signature);

/// Adds the classes, which derive from Module.
void bind_layers(nb::module_& nn);

}  // namespace upconv::python
