#include "layers/reduce.h"

#include <algorithm>
#include <optional>

#include "framework/fail.h"
#include "layers/check.h"
#include "layers/dimension.h"
#include "layers/elementwise.h"
#include "layers/expression_operation.h"
#include "layers/steps/reduce.h"

namespace upconv {

using namespace internal;

namespace {

/// Over the inputs as they are, or an element-wise function of them.
class ReduceOperation : public Operation {
 public:
  /// What is added up is divided by how many there are less `correction`, where there is one; then comes the root.
  ReduceOperation(std::string_view name, Reduction reduction, Dims dims, bool keepdim,
                  std::optional<int64_t> correction, bool root, Shape shape)
      : name_(name),
        reduction_(reduction),
        dims_(std::move(dims.dims)),
        keepdim_(keepdim),
        correction_(correction),
        root_(root),
        shape_(std::move(shape)) {
    // The identity: what it reads is what it reduces.
    expression_ = {{{.kind = Expression::Instruction::affine, .operands = {~0}, .a = 1, .b = 0}}, 1};
  }
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override { print(dims_, keepdim_, correction_, root_); }

  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    const std::vector<bool> reduced = this->reduced();
    Shape kept;
    for (size_t d = 0; d < shape_.size(); ++d) {
      if (reduced[d] && shape_[d] == 0 && reduction_ == Reduction::largest)
        fail("expected elements in dimension {}, got {}", d, str(shape_));
      if (keepdim_ || !reduced[d]) kept.push_back(reduced[d] ? 1 : shape_[d]);
    }
    return {kept, DType::float32};
  }

  std::shared_ptr<const Operation> with_producer(std::span<const size_t> inputs, const Operation& producer, const Type&,
                                                 const Type&) const override {
    const auto* before = dynamic_cast<const Elementwise*>(&producer);
    if (!before || expression_.cuts_any(inputs)) return nullptr;
    auto merged = std::make_shared<ReduceOperation>(*this);
    merged->expression_ = expression_.after(before->expression(), inputs);
    return merged;
  }

  /// Channels-last what is left may lie otherwise than a contiguous value of a lower rank.
  bool any_layout(std::span<const Type> inputs) const override {
    if (inputs[0].shape.size() > 4) return false;
    const std::vector<bool> reduced = this->reduced();
    return shape_.size() != 4 || keepdim_ || reduced[1] || (reduced[2] && reduced[3]);
  }
  Layout preferred_layout(Layout) const override { return Layout::contiguous; }
  Layout output_layout(Layout input, Layout) const override {
    return keepdim_ && shape_.size() == 4 ? input : Layout::contiguous;
  }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const std::vector<bool> reduced = this->reduced();
    int64_t count = 1;
    for (size_t d = 0; d < shape_.size(); ++d) count *= reduced[d] ? shape_[d] : 1;
    const auto divisor = static_cast<double>(std::max<int64_t>(0, count - correction_.value_or(0)));
    return reduce_step({.reduction = reduction_,
                        .shape = shape_,
                        .layout = lowering.input_layouts[0],
                        .reduced = reduced,
                        .expression = expression_,
                        .factor = correction_ ? 1 / divisor : 1,
                        .root = root_},
                       lowering);
  }

 private:
  std::vector<bool> reduced() const {
    std::vector<bool> reduced(shape_.size(), dims_.empty());
    for (int64_t dim : dims_) {
      const size_t d = dimension("dim", dim, shape_);
      if (shape_.empty()) continue;  // PyTorch takes 0 and -1 of a scalar
      if (reduced[d]) fail("dimension {} is given twice", d);
      reduced[d] = true;
    }
    return reduced;
  }

  std::string_view name_;
  Reduction reduction_;
  std::vector<int64_t> dims_;
  bool keepdim_;
  std::optional<int64_t> correction_;
  bool root_;
  Shape shape_;  // of what is reduced
  Expression expression_;
};

Value reduced(std::string_view name, Reduction reduction, Value x, Dims dims, bool keepdim,
              std::optional<int64_t> correction = {}, bool root = false) {
  return x.graph().apply(
      std::make_shared<ReduceOperation>(name, reduction, std::move(dims), keepdim, correction, root, x.shape()), {x});
}

}  // namespace

Value sum(Value x, Dims dim, bool keepdim) { return reduced("sum", Reduction::sum, x, std::move(dim), keepdim); }
Value mean(Value x, Dims dim, bool keepdim) { return reduced("mean", Reduction::sum, x, std::move(dim), keepdim, 0); }
Value amax(Value x, Dims dim, bool keepdim) { return reduced("amax", Reduction::largest, x, std::move(dim), keepdim); }
Value amin(Value x, Dims dim, bool keepdim) {
  return -reduced("amin", Reduction::largest, -x, std::move(dim), keepdim);
}

Value var(Value x, Dims dim, int64_t correction, bool keepdim) {
  return reduced("var", Reduction::squares, x, std::move(dim), keepdim, correction);
}
Value std(Value x, Dims dim, int64_t correction, bool keepdim) {
  return reduced("std", Reduction::squares, x, std::move(dim), keepdim, correction, true);
}

Value normalize(Value x, double p, int64_t dim, double eps) {
  const Value norm = p == 2 ? sqrt(sum(x * x, dim, true)) : pow(sum(pow(abs(x), p), dim, true), 1 / p);
  return x / clamp(norm, eps);
}

}  // namespace upconv
