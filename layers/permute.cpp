#include "layers/permute.h"

#include <fmt/ranges.h>

#include <numeric>

#include "framework/fail.h"
#include "layers/dimension.h"
#include "layers/steps/strided.h"

namespace upconv {

using namespace internal;

namespace {

class PermuteOperation : public Operation {
 public:
  /// `dims` for the shape of an input.
  using Rule = std::function<std::vector<size_t>(const Shape&)>;
  PermuteOperation(std::string_view name, std::vector<int64_t> dims, Rule rule)
      : name_(name), dims_(std::move(dims)), rule_(std::move(rule)) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override { print(dims_); }
  Type infer(std::span<const Type> inputs) const override {
    Type permuted{{}, inputs[0].dtype};
    for (size_t d : rule_(inputs[0].shape)) permuted.shape.push_back(inputs[0].shape[d]);
    return permuted;
  }

  bool any_layout(std::span<const Type>) const override { return true; }
  Layout preferred_layout(Layout) const override { return Layout::channels_last; }
  Layout output_layout(Layout, Layout wanted) const override { return wanted; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const Shape& whole = lowering.inputs[0].shape;
    const std::vector<int64_t> strides = strides_of(whole, lowering.input_layouts[0]);
    Move move{lowering.output.shape, {}, strides_of(lowering.output.shape, lowering.output_layout)};
    for (size_t d : rule_(whole)) move.x_strides.push_back(strides[d]);
    return move_step(std::span(&move, 1), lowering.output.dtype, kernels::table(*lowering.options.isa));
  }

 private:
  std::string_view name_;
  std::vector<int64_t> dims_;  // as they were given
  Rule rule_;
};

Value apply(std::string_view name, Value x, std::vector<int64_t> dims, PermuteOperation::Rule rule) {
  return x.graph().apply(std::make_shared<PermuteOperation>(name, std::move(dims), std::move(rule)), {x});
}

}  // namespace

Value permute(Value x, std::vector<int64_t> dims) {
  return apply("permute", x, dims, [dims](const Shape& shape) {
    if (dims.size() != shape.size())
      fail("expected {} dimensions as in {}, got ({})", shape.size(), str(shape), fmt::join(dims, ", "));
    std::vector<size_t> order;
    for (int64_t dim : dims) order.push_back(dimension("dims", dim, shape));
    std::vector<size_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
      fail("expected each dimension once, got ({})", fmt::join(dims, ", "));
    return order;
  });
}

Value transpose(Value x, int64_t dim0, int64_t dim1) {
  return apply("transpose", x, {dim0, dim1}, [=](const Shape& shape) {
    const size_t a = dimension("dim0", dim0, shape), b = dimension("dim1", dim1, shape);
    std::vector<size_t> order(shape.size());
    std::iota(order.begin(), order.end(), size_t{0});
    if (!order.empty()) std::swap(order[a], order[b]);
    return order;
  });
}

}  // namespace upconv
