#include "arrays.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <optional>

#include "values.h"

namespace upconv::python {
namespace {

using Array = nb::ndarray<nb::ro, nb::device::cpu>;

/// What is asked of PyTorch in each call, looked up once. Tensors go in and out by its functions in C++:
/// Tensor.__dlpack__, which is Python, takes several times as long as a small network.
struct Torch {
  nb::object tensor, is_neg, to_dlpack, from_dlpack;

  /// nullptr where nobody has imported torch, or not to its end.
  static const Torch* imported() {
    static std::atomic<const Torch*> found = nullptr;
    if (const Torch* torch = found) return torch;
    const nb::dict modules = nb::borrow<nb::dict>(PyImport_GetModuleDict());
    if (!modules.contains("torch") || !modules.contains("torch.utils.dlpack")) return nullptr;
    const nb::object torch = modules["torch"], functions = modules["torch.utils.dlpack"];
    Torch all{nb::getattr(torch, "Tensor", nb::none()), nb::getattr(torch, "is_neg", nb::none()),
              nb::getattr(functions, "to_dlpack", nb::none()), nb::getattr(functions, "from_dlpack", nb::none())};
    if (!PyType_Check(all.tensor.ptr()) || all.is_neg.is_none() || all.from_dlpack.is_none()) return nullptr;
    found = new Torch(std::move(all));  // never deleted: what it holds lives as long as the interpreter
    return found;
  }
  /// nullptr where `object` is no torch.Tensor.
  static const Torch* of(nb::handle object) {
    const Torch* torch = imported();
    if (!torch) return nullptr;
    return PyObject_TypeCheck(object.ptr(), reinterpret_cast<PyTypeObject*>(torch->tensor.ptr())) ? torch : nullptr;
  }
};

/// The array that `object` is, or nothing.
template <class Array>
std::optional<Array> array_in(nb::handle object) {
  Array array;
  if (const Torch* torch = Torch::of(object)) {
    try {
      nb::object tensor = nb::borrow(object);
      // The imaginary part of a conjugate is a view whose signs are yet to be changed, which DLPack cannot say.
      if (torch->is_neg(tensor).is(nb::bool_(true))) tensor = tensor.attr("resolve_neg")();
      return nb::try_cast(torch->to_dlpack(tensor), array, false) ? std::optional(array) : std::nullopt;
    } catch (const nb::python_error&) {  // sparse ones, and those without memory
      return {};
    }
  }
  return nb::try_cast(object, array, false) ? std::optional(array) : std::nullopt;
}

float widened(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half >> 15) << 31, exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | fraction << 13);
  if (exponent > 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float denormal = static_cast<float>(fraction) * 0x1p-24f;
  return sign != 0 ? -denormal : denormal;
}

/// to[i] = value(from[...]) of all elements in row-major order; strides count elements.
template <class From, class To, class Value>
void copy(const Array& array, To* to, Value value) {
  const size_t rank = array.ndim();
  std::vector<size_t> index(rank, 0);
  const auto* from = static_cast<const From*>(array.data());
  for (size_t i = 0, count = array.size(); i < count; ++i) {
    to[i] = static_cast<To>(value(*from));
    for (size_t d = rank; d-- > 0;) {
      from += array.stride(d);
      if (++index[d] < array.shape(d)) break;
      from -= array.stride(d) * static_cast<int64_t>(array.shape(d));
      index[d] = 0;
    }
  }
}
template <class From, class To>
void copy(const Array& array, To* to) {
  copy<From>(array, to, [](From value) { return value; });
}

bool is_contiguous(const Array& array) {
  int64_t step = 1;
  for (size_t d = array.ndim(); d-- > 0; step *= static_cast<int64_t>(array.shape(d)))
    if (array.shape(d) != 1 && array.stride(d) != step) return false;
  return true;
}

/// The same memory, which the array's owner keeps; its last reference may go on any thread.
Tensor view(const Array& array, Shape shape, DType dtype) {
  auto* owner = new Array(array);
  std::shared_ptr<std::byte> memory(static_cast<std::byte*>(const_cast<void*>(array.data())), [owner](std::byte*) {
    const nb::gil_scoped_acquire held;
    delete owner;
  });
  return {std::move(shape), dtype, std::move(memory)};
}

}  // namespace

Tensor tensor_of(nb::handle object, const std::string& role) {
  const std::optional<Array> found = array_in<Array>(object);
  if (!found) {
    const std::string got = "got " + class_of(object);
    throw nb::type_error((role + ": expected an array of NumPy, PyTorch or DLPack on the CPU, " + got).c_str());
  }
  const Array& array = *found;
  const auto type = array.dtype();
  const auto is = [&](nb::dlpack::dtype_code code, int bits) {
    return type.code == static_cast<uint8_t>(code) && type.bits == bits && type.lanes == 1;
  };
  using Code = nb::dlpack::dtype_code;
  Shape shape;
  for (size_t d = 0; d < array.ndim(); ++d) shape.push_back(static_cast<int64_t>(array.shape(d)));
  const bool floats = is(Code::Float, 32), integers = is(Code::Int, 64);
  const DType dtype = type.code == static_cast<uint8_t>(Code::Float) ? DType::float32 : DType::int64;
  const bool aligned = reinterpret_cast<uintptr_t>(array.data()) % 64 == 0 && array.data() != nullptr;
  if ((floats || integers) && aligned && is_contiguous(array)) return view(array, std::move(shape), dtype);
  Tensor tensor(std::move(shape), is(Code::Bool, 8) ? DType::float32 : dtype);
  if (floats && is_contiguous(array))
    std::memcpy(tensor.bytes(), array.data(), array.nbytes());
  else if (floats)
    copy<float>(array, tensor.data());
  else if (is(Code::Float, 64))
    copy<double>(array, tensor.data());
  else if (is(Code::Float, 16))
    copy<uint16_t>(array, tensor.data(), widened);
  else if (is(Code::Bool, 8))
    copy<uint8_t>(array, tensor.data(), [](uint8_t value) { return value != 0 ? 1.0f : 0.0f; });
  else if (integers)
    copy<int64_t>(array, tensor.indices());
  else if (is(Code::Int, 32))
    copy<int32_t>(array, tensor.indices());
  else if (is(Code::Int, 16))
    copy<int16_t>(array, tensor.indices());
  else if (is(Code::Int, 8))
    copy<int8_t>(array, tensor.indices());
  else if (is(Code::UInt, 8))
    copy<uint8_t>(array, tensor.indices());
  else
    throw nb::type_error((role + ": expected float32, float64, float16, bool or an integer of up to 64 bits, got " +
                          nb::cast<std::string>(nb::str(nb::object(object.attr("dtype")))))
                             .c_str());
  return tensor;
}

nb::object array_of(const Tensor& tensor, bool torch) {
  std::vector<size_t> shape(tensor.shape().begin(), tensor.shape().end());
  auto* keep = new Tensor(tensor);
  const nb::capsule owner(keep, [](void* kept) noexcept { delete static_cast<Tensor*>(kept); });
  const auto made = [&]<class... Framework>(Framework...) -> nb::object {
    if (tensor.dtype() == DType::float32)
      return nb::cast(nb::ndarray<Framework..., float>(keep->data(), shape.size(), shape.data(), owner));
    return nb::cast(nb::ndarray<Framework..., int64_t>(keep->indices(), shape.size(), shape.data(), owner));
  };
  return torch ? Torch::imported()->from_dlpack(made()) : made(nb::numpy());
}

nb::object arrays_of(const std::vector<Tensor>& tensors, bool torch) {
  if (tensors.size() == 1) return array_of(tensors.front(), torch);
  nb::list all;
  for (const Tensor& tensor : tensors) all.append(array_of(tensor, torch));
  return nb::tuple(all);
}

Place::Place(nb::handle array, const Type& type, const std::string& role) {
  using Written = nb::ndarray<nb::device::cpu>;
  const std::optional<Written> found = array_in<Written>(array);
  if (!found)
    throw nb::type_error((role + ": expected an array that can be written to, got " + class_of(array)).c_str());
  const Written& to = *found;
  const nb::dlpack::dtype expected = type.dtype == DType::float32 ? nb::dtype<float>() : nb::dtype<int64_t>();
  if (to.dtype() != expected)
    throw nb::type_error((role + ": expected " + std::string(name(type.dtype)) + ", got " +
                          nb::cast<std::string>(nb::str(nb::object(array.attr("dtype")))))
                             .c_str());
  Shape shape;
  for (size_t d = 0; d < to.ndim(); ++d) shape.push_back(static_cast<int64_t>(to.shape(d)));
  if (shape != type.shape)
    throw nb::value_error((role + ": expected shape " + str(type.shape) + ", got " + str(shape)).c_str());
  const Array read(to);
  if (!is_contiguous(read)) throw nb::value_error((role + ": expected an array in row-major order").c_str());
  if (reinterpret_cast<uintptr_t>(to.data()) % 64 == 0 && to.data() != nullptr) {
    tensor_ = view(read, std::move(shape), type.dtype);
  } else {
    tensor_ = Tensor(std::move(shape), type.dtype);
    copy_to_ = static_cast<std::byte*>(to.data());
  }
}

void Place::finish() const {
  const size_t bytes = static_cast<size_t>(tensor_.numel()) * size_of(tensor_.dtype());
  if (copy_to_ != nullptr && bytes > 0) std::memcpy(copy_to_, tensor_.bytes(), bytes);
}

bool is_torch(nb::handle array) { return Torch::of(array) != nullptr; }

}  // namespace upconv::python
