#include "layers/integers.h"

#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "framework/layout.h"
#include "framework/program.h"
#include "layers/check.h"
#include "layers/dimension.h"

namespace upconv::internal {
namespace {

constexpr std::string_view function_names[] = {"add", "sub", "mul", "floor_divide", "remainder", "maximum", "minimum",
                                               "eq",  "ne",  "lt",  "le",           "gt",        "ge"};

bool is_comparison(IntegerFunction function) { return function >= IntegerFunction::equal; }

/// As if by numbers without a sign, where overflow is defined.
int64_t wrapped(uint64_t value) { return static_cast<int64_t>(value); }

int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == -1) return wrapped(-static_cast<uint64_t>(a));
  return a / b - static_cast<int64_t>(a % b != 0 && (a < 0) != (b < 0));
}

int64_t computed(IntegerFunction function, int64_t a, int64_t b) {
  const bool divides = function == IntegerFunction::floor_divide || function == IntegerFunction::remainder;
  if (divides && b == 0) fail("division of {} by 0", a);
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  switch (function) {
    case IntegerFunction::add:
      return wrapped(ua + ub);
    case IntegerFunction::subtract:
      return wrapped(ua - ub);
    case IntegerFunction::multiply:
      return wrapped(ua * ub);
    case IntegerFunction::floor_divide:
      return floor_quotient(a, b);
    case IntegerFunction::remainder:
      return b == -1 ? 0 : a - floor_quotient(a, b) * b;
    case IntegerFunction::maximum:
      return std::max(a, b);
    case IntegerFunction::minimum:
      return std::min(a, b);
    case IntegerFunction::equal:
      return a == b;
    case IntegerFunction::unequal:
      return a != b;
    case IntegerFunction::less:
      return a < b;
    case IntegerFunction::less_equal:
      return a <= b;
    case IntegerFunction::greater:
      return a > b;
    case IntegerFunction::greater_equal:
      return a >= b;
  }
  return 0;
}

/// What one thread computes in order.
class SmallStep : public Step {
 public:
  explicit SmallStep(bool is_empty) : is_empty_(is_empty) {}
  int64_t tiles() const override { return is_empty_ ? 0 : 1; }
  std::string algorithm() const override { return "integers"; }

 private:
  bool is_empty_;
};

/// The steps of an operand in each dimension of the result: 0 where it is broadcast.
std::vector<int64_t> broadcast_strides(const Shape& own, const Shape& whole) {
  std::vector<int64_t> strides(whole.size());
  int64_t stride = 1;
  for (size_t d = own.size(); d-- > 0;) {
    if (own[d] != 1) strides[whole.size() - own.size() + d] = stride;
    stride *= own[d];
  }
  return strides;
}

class BinaryStep : public SmallStep {
 public:
  BinaryStep(IntegerFunction function, const Shape& a, const Shape& b, const Shape& y)
      : SmallStep(numel(y) == 0),
        function_(function),
        shape_(y),
        a_(broadcast_strides(a, y)),
        b_(broadcast_strides(b, y)) {}
  void run(int64_t, const Frame& frame) const override {
    const auto *a = static_cast<const int64_t*>(frame.inputs[0]), *b = static_cast<const int64_t*>(frame.inputs[1]);
    Shape index(shape_.size());
    int64_t a_at = 0, b_at = 0;
    for (int64_t i = 0, count = numel(shape_); i < count; ++i) {
      const int64_t result = computed(function_, a[a_at], b[b_at]);
      if (is_comparison(function_))
        static_cast<float*>(frame.output)[i] = static_cast<float>(result);
      else
        static_cast<int64_t*>(frame.output)[i] = result;
      for (size_t d = shape_.size(); d-- > 0;) {
        a_at += a_[d];
        b_at += b_[d];
        if (++index[d] < shape_[d]) break;
        a_at -= a_[d] * shape_[d];
        b_at -= b_[d] * shape_[d];
        index[d] = 0;
      }
    }
  }

 private:
  IntegerFunction function_;
  Shape shape_;
  std::vector<int64_t> a_, b_;
};

class IntegerOperation : public ContiguousOperation {
 public:
  explicit IntegerOperation(IntegerFunction function) : function_(function) {}
  std::string_view name() const override { return function_names[static_cast<size_t>(function_)]; }
  void identify(Fingerprint& print) const override { print(function_); }
  Type infer(std::span<const Type> inputs) const override {
    for (const Type& x : inputs)
      if (x.dtype != DType::int64) fail("expected int64, got {}", upconv::name(x.dtype));
    const Shape &a = inputs[0].shape, &b = inputs[1].shape;
    Shape shape(std::max(a.size(), b.size()));
    for (size_t d = 0; d < shape.size(); ++d) {
      const size_t from_end = shape.size() - d;
      const int64_t m = from_end > a.size() ? 1 : a[a.size() - from_end];
      const int64_t n = from_end > b.size() ? 1 : b[b.size() - from_end];
      if (m != n && m != 1 && n != 1) fail("expected shapes that broadcast, got {} and {}", str(a), str(b));
      shape[d] = m == 1 ? n : m;
    }
    return counted({shape, is_comparison(function_) ? DType::float32 : DType::int64});
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<BinaryStep>(function_, lowering.inputs[0].shape, lowering.inputs[1].shape,
                                        lowering.output.shape);
  }

 private:
  IntegerFunction function_;
};

/// Blocks of `inner` elements, of which each of `outer` runs has `size`, in the order of the indices.
class GatherStep : public SmallStep {
 public:
  GatherStep(int64_t outer, int64_t size, int64_t inner_bytes, int64_t count)
      : SmallStep(outer * inner_bytes * count == 0),
        outer_(outer),
        size_(size),
        inner_bytes_(inner_bytes),
        count_(count) {}
  void run(int64_t, const Frame& frame) const override {
    const auto* x = static_cast<const std::byte*>(frame.inputs[0]);
    const auto* indices = static_cast<const int64_t*>(frame.inputs[1]);
    auto* y = static_cast<std::byte*>(frame.output);
    for (int64_t run = 0; run < outer_; ++run, x += size_ * inner_bytes_)
      for (int64_t i = 0; i < count_; ++i, y += inner_bytes_) {
        if (indices[i] < -size_ || indices[i] >= size_)
          fail("expected indices from {} to {}, got {} at position {}", -size_, size_ - 1, indices[i], i);
        std::copy_n(x + (indices[i] < 0 ? indices[i] + size_ : indices[i]) * inner_bytes_, inner_bytes_, y);
      }
  }

 private:
  int64_t outer_, size_, inner_bytes_, count_;
};

class GatherOperation : public ContiguousOperation {
 public:
  explicit GatherOperation(int64_t dim) : dim_(dim) {}
  std::string_view name() const override { return "index"; }
  void identify(Fingerprint& print) const override { print(dim_); }
  Type infer(std::span<const Type> inputs) const override {
    if (inputs[1].dtype != DType::int64) fail("expected indices of int64, got {}", upconv::name(inputs[1].dtype));
    if (inputs[0].shape.empty()) fail("expected at least one dimension, got a scalar");
    Shape shape = inputs[0].shape;
    const auto d = shape.begin() + static_cast<std::ptrdiff_t>(dimension("dim", dim_, shape));
    shape.insert(shape.erase(d), inputs[1].shape.begin(), inputs[1].shape.end());
    return counted({shape, inputs[0].dtype});
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const Shape& x = lowering.inputs[0].shape;
    const auto d = static_cast<std::ptrdiff_t>(dimension("dim", dim_, x));
    return std::make_unique<GatherStep>(
        numel(Shape(x.begin(), x.begin() + d)), x[static_cast<size_t>(d)],
        numel(Shape(x.begin() + d + 1, x.end())) * static_cast<int64_t>(size_of(lowering.output.dtype)),
        numel(lowering.inputs[1].shape));
  }

 private:
  int64_t dim_;
};

class CastStep : public SmallStep {
 public:
  CastStep(DType to, int64_t count) : SmallStep(count == 0), to_(to), count_(count) {}
  void run(int64_t, const Frame& frame) const override {
    if (to_ == DType::float32) {
      const auto* x = static_cast<const int64_t*>(frame.inputs[0]);
      std::transform(x, x + count_, static_cast<float*>(frame.output), [](int64_t v) { return static_cast<float>(v); });
    } else {
      const auto* x = static_cast<const float*>(frame.inputs[0]);
      std::transform(x, x + count_, static_cast<int64_t*>(frame.output), truncated);
    }
  }

 private:
  static int64_t truncated(float v) {
    constexpr float limit = 0x1p63F;
    return v >= -limit && v < limit ? static_cast<int64_t>(v) : INT64_MIN;
  }
  DType to_;
  int64_t count_;
};

class CastOperation : public ContiguousOperation {
 public:
  explicit CastOperation(DType to) : to_(to) {}
  std::string_view name() const override { return "to"; }
  void identify(Fingerprint& print) const override { print(to_); }
  Type infer(std::span<const Type> inputs) const override { return {inputs[0].shape, to_}; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<CastStep>(to_, numel(lowering.output.shape));
  }

 private:
  DType to_;
};

Value cast(Value x, DType to) {
  return x.dtype() == to ? x : x.graph().apply(std::make_shared<CastOperation>(to), {x});
}

}  // namespace

Value integer_function(IntegerFunction function, Value a, Value b) {
  return a.graph().apply(std::make_shared<IntegerOperation>(function), {a, b});
}
Value gather(Value x, int64_t dim, Value indices) {
  return x.graph().apply(std::make_shared<GatherOperation>(dim), {x, indices});
}
Value to_float32(Value x) { return cast(x, DType::float32); }
Value to_int64(Value x) { return cast(x, DType::int64); }

}  // namespace upconv::internal
