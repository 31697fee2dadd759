#pragma once
// Arrays of Python as tensors, and tensors as arrays of Python.
#include <nanobind/nanobind.h>
#include <upconv/upconv.h>

#include <string>
#include <vector>

namespace upconv::python {

namespace nb = nanobind;

/// A NumPy array, a torch.Tensor, or whatever offers DLPack or the buffer protocol on the CPU, as float32 or int64: the
/// same memory where it is float32 or int64, in row-major order, and begins at a multiple of 64 bytes; a copy where
/// not, to which float16 and float64, smaller integers and bool are converted. `role` names it in errors. Throws
/// nb::type_error where it is no array, or has another type.
Tensor tensor_of(nb::handle array, const std::string& role);

/// The tensor's memory as a torch.Tensor, where `like` is one, or as a NumPy array.
nb::object array_of(const Tensor& tensor, bool torch);
/// That of one, or a tuple of those of several.
nb::object arrays_of(const std::vector<Tensor>& tensors, bool torch);

/// Whether it is a torch.Tensor, without torch having been imported for that.
bool is_torch(nb::handle array);

/// The arrays of a call as tensors, and whether any of them was a torch.Tensor, as results then are.
struct Arrays {
  std::vector<Tensor> tensors;
  bool torch = false;

  void add(nb::handle array, const std::string& role) {
    tensors.push_back(tensor_of(array, role));
    torch = torch || is_torch(array);
  }
};

/// An array of Python that a result is written to: itself where it begins at a multiple of 64 bytes, or else by a copy
/// that finish() makes.
class Place {
 public:
  /// Throws nb::type_error where it is no array that can be written to, or has another type than `type`, and
  /// nb::value_error where it has another shape, or does not lie in row-major order.
  Place(nb::handle array, const Type& type, const std::string& role);
  const Tensor& tensor() const { return tensor_; }
  /// After the tensor was written to; needs no interpreter.
  void finish() const;

 private:
  Tensor tensor_;
  std::byte* copy_to_ = nullptr;
};

}  // namespace upconv::python
