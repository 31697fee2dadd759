#include "layers/concat.h"

#include "framework/fail.h"
#include "layers/activated.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/dimension.h"
#include "layers/expression_operation.h"
#include "layers/permute.h"
#include "layers/steps/strided.h"

namespace upconv {

using namespace internal;

namespace {

class CatOperation : public Activated<CatOperation> {
 public:
  explicit CatOperation(int64_t dim) : dim_(dim) {}
  std::string_view name() const override { return "cat"; }
  void identify(Fingerprint& print) const override { print(dim_); }

  Type infer(std::span<const Type> inputs) const override {
    Type all = inputs[0];
    if (all.shape.empty()) fail("expected values with at least one dimension, got a scalar");
    const size_t dim = dimension("dim", dim_, all.shape);
    for (size_t i = 1; i < inputs.size(); ++i) {
      const Type& x = inputs[i];
      if (x.dtype != all.dtype)
        fail("expected {} as in value 0, got {} in value {}", upconv::name(all.dtype), upconv::name(x.dtype), i);
      Shape same = inputs[0].shape;
      if (x.shape.size() == same.size()) same[dim] = x.shape[dim];
      if (x.shape != same)
        fail("expected the sizes of value 0, {}, except in dimension {}, got {} in value {}", str(inputs[0].shape), dim,
             str(x.shape), i);
      all.shape[dim] += x.shape[dim];
    }
    return counted(std::move(all));
  }

  bool is_concatenation() const override { return channels_ && !activated(); }
  std::shared_ptr<const Operation> with_parts(size_t, std::span<const Type>) const override {
    return channels_ ? copy() : nullptr;
  }
  /// For values of rank 4 put together in dimension 1.
  std::shared_ptr<CatOperation> of_channels() const {
    auto made = copy();
    made->channels_ = true;
    return made;
  }

  bool any_layout(std::span<const Type>) const override { return true; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const size_t dim = dimension("dim", dim_, lowering.output.shape);
    const std::vector<int64_t> strides = strides_of(lowering.output.shape, lowering.output_layout);
    std::vector<Move> moves;
    int64_t to = 0;
    for (size_t i = 0; i < lowering.inputs.size(); ++i) {
      const Shape& shape = lowering.inputs[i].shape;
      moves.push_back({shape, strides_of(shape, lowering.input_layouts[i]), strides, 0, to});
      to += shape[dim] * strides[dim];
    }
    return move_step(moves, lowering.output.dtype, kernels::table(*lowering.options.isa), activation());
  }

 private:
  int64_t dim_;
  bool channels_ = false;
};

class SliceOperation : public Operation, public Part {
 public:
  /// `whole` is the shape of its input.
  SliceOperation(std::string_view name, Shape whole, int64_t dim, int64_t start, int64_t stop, int64_t step)
      : name_(name), whole_(std::move(whole)), dim_(dim), start_(start), stop_(stop), step_(step) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override { print(dim_, start_, stop_, step_); }

  Type infer(std::span<const Type> inputs) const override {
    Type part = inputs[0];
    if (part.shape.empty()) fail("expected a value with at least one dimension, got a scalar");
    if (step_ < 1) fail("expected a positive step, got {}", step_);
    int64_t& size = part.shape[dimension("dim", dim_, part.shape)];
    const int64_t first = bound(start_, size), last = bound(stop_, size);
    size = last > first ? (last - first - 1) / step_ + 1 : 0;
    return part;
  }

  std::optional<Expression::Cut> cut() const override {
    const Type input{whole_, DType::float32};
    const size_t dim = dimension("dim", dim_, whole_), rank = whole_.size();
    const int64_t size = infer({&input, 1}).shape[dim];
    // Elements in a row, of a contiguous value and of one whose channels lie in the innermost dimension.
    constexpr int64_t least = 16;
    int64_t inner = 1;
    for (size_t d = dim + 1; d < rank; ++d) inner *= whole_[d];
    const bool is_channel = (rank == 3 || rank == 4) && dim + 3 == rank;
    if (step_ != 1 || size * (is_channel ? 1 : inner) < least) return {};
    return Expression::Cut{0, dim, bound(start_, whole_[dim]), 1, size};
  }

  bool any_layout(std::span<const Type>) const override { return true; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const size_t dim = dimension("dim", dim_, lowering.output.shape);
    const Shape& whole = lowering.inputs[0].shape;
    Move move{lowering.output.shape, strides_of(whole, lowering.input_layouts[0]),
              strides_of(lowering.output.shape, lowering.output_layout)};
    move.from = bound(start_, whole[dim]) * move.x_strides[dim];
    if (move.sizes[dim] > 1) move.x_strides[dim] *= step_;  // of one element a step may be as large as it likes
    return move_step(std::span(&move, 1), lowering.output.dtype, kernels::table(*lowering.options.isa));
  }

 private:
  /// Python's rule for a bound of a slice.
  static int64_t bound(int64_t at, int64_t size) { return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size); }

  std::string_view name_;
  Shape whole_;
  int64_t dim_, start_, stop_, step_;
};

/// Values (N, C, L) as pictures of one row, whose concatenations convolutions read as their parts.
Value cat_rows(const CatOperation& operation, const Values& values) {
  std::vector<Type> types;
  for (const Value& value : values) types.push_back({value.shape(), value.dtype()});
  Type all;
  try {
    all = operation.infer(types);
  } catch (const Error& error) {
    refuse(values[0], "cat {}", error.what());
  }
  Values pictures;
  for (const Value& value : values)
    pictures.push_back(reshape(value, {value.shape()[0], value.shape()[1], 1, value.shape()[2]}));
  return reshape(pictures[0].graph().apply(CatOperation(1).of_channels(), pictures), all.shape);
}

}  // namespace

Value cat(const Values& values, int64_t dim) {
  if (values.empty()) fail("cat: expected at least one value, got none");
  const auto operation = std::make_shared<CatOperation>(dim);
  const Value& x = values[0];
  const auto rank = static_cast<int64_t>(x.shape().size());
  const bool channels = dim == 1 || dim == 1 - rank;
  if (channels && rank == 3 && x.dtype() == DType::float32) return cat_rows(*operation, values);
  return x.graph().apply(channels && rank == 4 ? operation->of_channels() : operation, values);
}

Value slice(Value x, int64_t dim, int64_t start, int64_t stop, int64_t step) {
  return x.graph().apply(std::make_shared<SliceOperation>("slice", x.shape(), dim, start, stop, step), {x});
}

Values chunk(Value x, int64_t chunks, int64_t dim) {
  positive("chunk", "chunks", chunks);
  if (x.shape().empty()) fail("chunk: expected a value with at least one dimension, got a scalar");
  const int64_t size = x.shape()[dimension("dim", dim, x.shape())];
  const int64_t part = std::max<int64_t>(1, ceil_div(size, chunks));
  Values parts;
  for (int64_t start = 0; start < std::max<int64_t>(1, size); start += part)
    parts.push_back(
        x.graph().apply(std::make_shared<SliceOperation>("chunk", x.shape(), dim, start, start + part, 1), {x}));
  return parts;
}

}  // namespace upconv
