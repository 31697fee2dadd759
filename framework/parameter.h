#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "tensor.h"

namespace upconv {

namespace internal {
class InitialValues;
class Memo;
class PackedCache;
}  // namespace internal

/// Elements as they were saved: a row-major view of mapped or owned memory that `owner` keeps alive. May be unaligned.
struct Stored {
  DType dtype = DType::float32;       ///< of an element
  Shape shape;                        ///< numel(shape) elements
  std::span<const std::byte> bytes;   ///< little-endian, one element after another
  std::shared_ptr<const void> owner;  ///< of the bytes; nullptr where they live long enough without

  /// Why there are no bytes, where a file has a tensor that cannot be read, such as a complex one: whoever asks for its
  /// elements gets an Error that says it. "" everywhere else.
  std::string unreadable;

  /// No elements, of no bytes.
  Stored() = default;
  /// A view of `bytes`, which must be exactly those of numel(shape) elements where they are used.
  Stored(DType dtype, Shape shape, std::span<const std::byte> bytes, std::shared_ptr<const void> owner = nullptr)
      : dtype(dtype), shape(std::move(shape)), bytes(bytes), owner(std::move(owner)) {}

  /// A view of `tensor`, whose memory it shares.
  [[nodiscard]] static Stored of(const Tensor& tensor);
  /// A float32 copy (of float64, float32, float16 or bfloat16) or an int64 copy (of the integers).
  [[nodiscard]] Tensor to_tensor() const;
  /// Converts to float32 into `out`, which holds numel(shape) elements. Throws Error for integers.
  void to_float(float* out) const;
  /// The same for `count` elements from `first` on, which there are.
  void to_float(float* out, size_t first, size_t count) const;

 private:
  friend class internal::PackedCache;
  std::shared_ptr<internal::PackedCache> packed_;  // what was packed of their file; nullptr where none is looked for
};

/// A named array of a module: a handle to a lazy view of what was loaded, converted when a program packs it. Copies
/// share the value, and a constant handle's value can be set as that of any other. Only load, set and the functions of
/// upconv::init change it, and each change raises version(). Thread-safe: who reads while another sets gets the values
/// before or those after. Inside forward() it becomes a Value where one is expected: `gamma * x`.
class Parameter {
 public:
  /// No values yet: a program that reads it refuses to compile.
  explicit Parameter(Shape shape, DType dtype = DType::float32);
  /// Starts with the values of `initial`.
  explicit Parameter(const Tensor& initial);
  /// Starts with what `initial` gives, a tensor of this shape and type, when the values are first asked for.
  Parameter(Shape shape, DType dtype, std::function<Tensor()> initial);

  /// What the values' shape is, or will be.
  [[nodiscard]] const Shape& shape() const;
  /// float32, or int64 for counters: what the values become, not how they were saved.
  [[nodiscard]] DType dtype() const;
  /// Whether there are values.
  [[nodiscard]] bool has_value() const;
  /// Whether they are those that a layer, or a function of upconv::init, made for a network that is yet to be trained.
  [[nodiscard]] bool is_initial() const;
  /// A view of the values as they were saved, which stays what it is when others are set. Throws Error if there are
  /// none.
  [[nodiscard]] Stored stored() const;
  /// A copy of the values. Throws Error if there are none.
  [[nodiscard]] Tensor value() const { return stored().to_tensor(); }
  /// Replaces the values, floats by truths too; throws Error if the shape differs, or floats meet integers.
  void set(Stored values) const;
  /// The same with a copy of `values`.
  void set(const Tensor& values) const { set(Stored::of(values.clone())); }
  /// Grows with every change.
  [[nodiscard]] uint64_t version() const;
  /// The same for all handles of one parameter, different for any two alive parameters.
  [[nodiscard]] const void* identity() const { return state_.get(); }

 private:
  friend class internal::InitialValues;
  friend class internal::Memo;
  void begin(std::function<Tensor()> initial) const;
  std::function<Tensor()> initial() const;  // nothing once it was read
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace upconv
