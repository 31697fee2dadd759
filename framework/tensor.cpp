#include "framework/tensor.h"

#include <array>
#include <cstring>
#include <new>

#include "framework/fail.h"

namespace upconv {

using namespace internal;

namespace {

/// A cache line, and the widest vector that any kernel loads.
constexpr std::align_val_t alignment_bytes{64};

struct TypeInfo {
  std::string_view name;
  size_t size;
};

/// In the order of DType.
constexpr std::array<TypeInfo, 18> type_names = {{{"float64", 8},
                                                  {"float32", 4},
                                                  {"float16", 2},
                                                  {"bfloat16", 2},
                                                  {"float8_e4m3fn", 1},
                                                  {"float8_e5m2", 1},
                                                  {"float8_e4m3fnuz", 1},
                                                  {"float8_e5m2fnuz", 1},
                                                  {"float8_e8m0fnu", 1},
                                                  {"int64", 8},
                                                  {"int32", 4},
                                                  {"int16", 2},
                                                  {"int8", 1},
                                                  {"uint8", 1},
                                                  {"uint16", 2},
                                                  {"uint32", 4},
                                                  {"uint64", 8},
                                                  {"bool", 1}}};

const TypeInfo& info(DType type) { return type_names.at(static_cast<size_t>(type)); }

size_t byte_count(const Shape& shape, DType dtype) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(numel(shape)), size_of(dtype), &bytes)) {
    fail("a {} tensor of shape {} has more bytes than memory has addresses", name(dtype), str(shape));
  }
  return bytes;
}

/// Zeros. Even an empty tensor gets an address of its own, so that no caller has to think of nullptr.
std::shared_ptr<std::byte> allocate(const Shape& shape, DType dtype) {
  const size_t bytes = byte_count(shape, dtype);
  void* memory = ::operator new(bytes == 0 ? 1 : bytes, alignment_bytes, std::nothrow);
  if (memory == nullptr) fail("no memory for a {} tensor of shape {}: {} bytes", name(dtype), str(shape), bytes);
  std::memset(memory, 0, bytes);
  return {static_cast<std::byte*>(memory), [](std::byte* p) { ::operator delete(p, alignment_bytes); }};
}

void expect_dtype(const Tensor& tensor, DType expected) {
  if (tensor.dtype() != expected) {
    fail("expected a {} tensor, got {} of shape {}", name(expected), name(tensor.dtype()), str(tensor.shape()));
  }
}

template <class T>
void fill(Tensor& tensor, const std::vector<T>& values) {
  if (static_cast<size_t>(tensor.numel()) != values.size()) {
    fail("a tensor of shape {} expected {} values, got {}", str(tensor.shape()), tensor.numel(), values.size());
  }
  if (!values.empty()) std::memcpy(tensor.bytes(), values.data(), values.size() * sizeof(T));
}

}  // namespace

std::string_view name(DType type) { return info(type).name; }

size_t size_of(DType type) { return info(type).size; }

std::string str(const Shape& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

int64_t numel(const Shape& shape) {
  int64_t product = 1;  // without the zeros: they must not hide an overflow, nor make it a matter of their place
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) fail("shape {} has a negative size", str(shape));
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(product, size, &product)) {
      fail("shape {} has more elements than 63 bits can count", str(shape));
    }
  }
  return empty ? 0 : product;
}

Tensor::Tensor(Shape shape, DType dtype) : shape_(std::move(shape)), numel_(upconv::numel(shape_)), dtype_(dtype) {
  if (dtype != DType::float32 && dtype != DType::int64) {
    fail("a tensor is float32 or int64, got {} for shape {}", name(dtype), str(shape_));
  }
  bytes_ = allocate(shape_, dtype);
}

Tensor::Tensor(Shape shape, const std::vector<float>& values) : Tensor(std::move(shape), DType::float32) {
  fill(*this, values);
}

Tensor::Tensor(Shape shape, const std::vector<int64_t>& values) : Tensor(std::move(shape), DType::int64) {
  fill(*this, values);
}

Tensor::Tensor(Shape shape, DType dtype, std::shared_ptr<std::byte> memory)
    : shape_(std::move(shape)), numel_(upconv::numel(shape_)), dtype_(dtype), bytes_(std::move(memory)) {
  if (dtype != DType::float32 && dtype != DType::int64)
    fail("a tensor expected elements of float32 or int64, got {}", name(dtype));
  (void)byte_count(shape_, dtype);
  constexpr auto alignment = static_cast<uintptr_t>(alignment_bytes);
  if (!bytes_ || reinterpret_cast<uintptr_t>(bytes_.get()) % alignment != 0)
    fail("a tensor of shape {} expected memory that begins at a multiple of {} bytes", str(shape_), alignment);
}

int64_t Tensor::size(int dim) const {
  const int64_t rank = this->dim();
  if (dim < -rank || dim >= rank) fail("a tensor of shape {} has no dimension {}", str(shape_), dim);
  return shape_[static_cast<size_t>(dim < 0 ? dim + rank : dim)];
}

float* Tensor::data() {
  expect_dtype(*this, DType::float32);
  return reinterpret_cast<float*>(bytes_.get());
}

const float* Tensor::data() const {
  expect_dtype(*this, DType::float32);
  return reinterpret_cast<const float*>(bytes_.get());
}

int64_t* Tensor::indices() {
  expect_dtype(*this, DType::int64);
  return reinterpret_cast<int64_t*>(bytes_.get());
}

const int64_t* Tensor::indices() const {
  expect_dtype(*this, DType::int64);
  return reinterpret_cast<const int64_t*>(bytes_.get());
}

Tensor Tensor::clone() const {
  Tensor copy(shape_, dtype_);
  std::memcpy(copy.bytes(), bytes(), byte_count(shape_, dtype_));
  return copy;
}

Tensor Tensor::reshape(Shape shape) const {
  if (upconv::numel(shape) != numel_) {
    fail("cannot reshape {} to {}: expected {} elements, got {}", str(shape_), str(shape), numel_,
         upconv::numel(shape));
  }
  Tensor view = *this;
  view.shape_ = std::move(shape);
  return view;
}

}  // namespace upconv
