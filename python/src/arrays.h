#pragma once
// Arrays of Python as tensors, and tensors as arrays of Python.
#include <nanobind/nanobind.h>
#include <upconv/upconv.h>

#include <string>

namespace upconv::python {

namespace nb = nanobind;

/// A NumPy array, a torch.Tensor, or whatever offers DLPack or the buffer protocol on the CPU, as float32 or int64: the
/// same memory where it is float32 or int64, in row-major order, and begins at a multiple of 64 bytes; a copy where
/// not, to which float16 and float64, smaller integers and bool are converted. `role` names it in errors. Throws
/// nb::type_error where it is no array, or has another type.
Tensor tensor_of(nb::handle array, const std::string& role);

/// The tensor's memory as a torch.Tensor, where `like` is one, or as a NumPy array.
nb::object array_of(const Tensor& tensor, bool torch);

/// Whether it is a torch.Tensor, without torch having been imported for that.
bool is_torch(nb::handle array);

}  // namespace upconv::python
