#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace upconv {

/// Sizes of a tensor, outermost first; pictures are (N, C, H, W). Rank 0 is a scalar.
using Shape = std::vector<int64_t>;

/// Element types, named as in PyTorch. Tensors that are computed on are float32 or int64; the others occur in files.
enum class DType {
  float64,          ///< IEEE 754 binary64
  float32,          ///< IEEE 754 binary32, in which everything is computed
  float16,          ///< IEEE 754 binary16
  bfloat16,         ///< the upper half of a binary32
  float8_e4m3fn,    ///< 4 bits of exponent, 3 of fraction, no infinities
  float8_e5m2,      ///< 5 and 2: the upper half of a binary16
  float8_e4m3fnuz,  ///< 4 and 3, neither infinities nor a negative zero, whose bits are the one NaN
  float8_e5m2fnuz,  ///< 5 and 2, the same
  float8_e8m0fnu,   ///< 8 bits of exponent alone: a power of two, without a sign
  int64,            ///< 64 bits, two's complement: indices, and counters such as num_batches_tracked
  int32,            ///< 32 bits, two's complement
  int16,            ///< 16 bits, two's complement
  int8,             ///< 8 bits, two's complement
  uint8,            ///< 8 bits without a sign
  uint16,           ///< 16 bits without a sign
  uint32,           ///< 32 bits without a sign
  uint64,           ///< 64 bits without a sign
  boolean           ///< a byte, of which 0 is false and everything else true
};

/// "float32", ...
[[nodiscard]] std::string_view name(DType type);
/// Whether it is one of the floating-point types.
[[nodiscard]] inline bool is_floating(DType type) { return type <= DType::float8_e8m0fnu; }
/// Bytes of one element.
[[nodiscard]] size_t size_of(DType type);

/// As Python prints a tuple: "(64, 100, 1, 1)", "(3,)", "()".
[[nodiscard]] std::string str(const Shape& shape);

/// The number of elements of `shape`. Throws Error where a size is negative or the product does not fit 63 bits.
int64_t numel(const Shape& shape);

/// A dense row-major array, 64-byte aligned. A handle, as in PyTorch: copying shares the memory, clone() copies it.
class Tensor {
 public:
  /// A tensor of shape (0,).
  Tensor() : Tensor(Shape{0}) {}
  /// Zeros of float32 or int64; other types throw Error.
  explicit Tensor(Shape shape, DType dtype = DType::float32);
  /// `values` in row-major order; their count must be numel(shape).
  Tensor(Shape shape, const std::vector<float>& values);
  /// The same of int64.
  Tensor(Shape shape, const std::vector<int64_t>& values);
  /// The same of values in braces: float32 where they have points, int64 where they have none.
  template <std::floating_point T>
  Tensor(Shape shape, std::initializer_list<T> values)
      : Tensor(std::move(shape), std::vector<float>(values.begin(), values.end())) {}
  /// The same.
  template <std::integral T>
  Tensor(Shape shape, std::initializer_list<T> values)
      : Tensor(std::move(shape), std::vector<int64_t>(values.begin(), values.end())) {}

  /// What lies at `memory`, which is kept for as long as the tensor or a copy of it: float32 or int64 of that shape, in
  /// row-major order. Throws Error where the type is another, or where it does not begin at a multiple of 64 bytes.
  Tensor(Shape shape, DType dtype, std::shared_ptr<std::byte> memory);

  /// The sizes of its dimensions.
  [[nodiscard]] const Shape& shape() const { return shape_; }
  /// The size of one dimension; negative counts from the end.
  [[nodiscard]] int64_t size(int dim) const;
  /// How many dimensions it has.
  [[nodiscard]] int64_t dim() const { return static_cast<int64_t>(shape_.size()); }
  /// How many elements it has.
  [[nodiscard]] int64_t numel() const { return numel_; }
  /// The type of its elements, float32 or int64.
  [[nodiscard]] DType dtype() const { return dtype_; }

  /// The elements as float32; throws Error for an int64 tensor.
  [[nodiscard]] float* data();
  /// The same, to be read.
  [[nodiscard]] const float* data() const;
  /// The elements as int64; throws Error for a float32 tensor.
  [[nodiscard]] int64_t* indices();
  /// The same, to be read.
  [[nodiscard]] const int64_t* indices() const;
  /// The elements, whatever their type.
  [[nodiscard]] std::byte* bytes() { return bytes_.get(); }
  /// The same, to be read.
  [[nodiscard]] const std::byte* bytes() const { return bytes_.get(); }

  /// A copy that shares nothing with it.
  [[nodiscard]] Tensor clone() const;
  /// The same memory under another shape of the same number of elements.
  [[nodiscard]] Tensor reshape(Shape shape) const;

 private:
  Shape shape_;
  int64_t numel_ = 0;
  DType dtype_ = DType::float32;
  std::shared_ptr<std::byte> bytes_;
};

}  // namespace upconv
