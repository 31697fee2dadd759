#include "layers/softmax.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/layout.h"
#include "framework/program.h"
#include "layers/check.h"
#include "layers/dimension.h"
#include "layers/elementwise.h"
#include "layers/kernels/kernels.h"
#include "layers/reduce.h"

namespace upconv {

using namespace internal;

namespace {

/// Softmax over the middle one of three sizes. A tile is a run of rows where the last is 1, else a run of columns.
class SoftmaxStep : public Step {
 public:
  SoftmaxStep(int64_t outer, int64_t count, int64_t inner, const kernels::Table& table)
      : outer_(outer),
        count_(count),
        inner_(inner),
        run_(std::max<int64_t>(inner == 1 ? 1 : lanes, elements / std::max<int64_t>(1, count) / lanes * lanes)),
        runs_(((inner == 1 ? outer : inner) + run_ - 1) / run_),
        table_(table) {}
  int64_t tiles() const override { return count_ == 0 ? 0 : inner_ == 1 ? runs_ : outer_ * runs_; }
  std::string algorithm() const override { return "softmax"; }

  void run(int64_t tile, const Frame& frame) const override {
    const auto* x = static_cast<const float*>(frame.inputs[0]);
    auto* y = static_cast<float*>(frame.output);
    const int64_t first = tile % runs_ * run_;
    if (inner_ == 1) {
      for (int64_t row = first; row < std::min(outer_, first + run_); ++row)
        table_.softmax(x + row * count_, y + row * count_, count_);
    } else {
      const int64_t offset = tile / runs_ * count_ * inner_ + first;
      table_.softmax_columns(x + offset, y + offset, inner_, count_, std::min(run_, inner_ - first));
    }
  }

 private:
  static constexpr int64_t elements = 16 << 10, lanes = 16;
  int64_t outer_, count_, inner_, run_, runs_;
  const kernels::Table& table_;
};

/// The dimension that is meant, PyTorch's guess where none is given.
int64_t dim_of(std::optional<int64_t> dim, const Shape& shape, const char* argument = "dim") {
  const size_t rank = shape.size();
  return dim ? static_cast<int64_t>(dimension(argument, *dim, shape)) : rank == 0 || rank == 1 || rank == 3 ? 0 : 1;
}

class SoftmaxOperation : public Operation {
 public:
  SoftmaxOperation(std::string_view name, std::optional<int64_t> dim, bool pictures = false)
      : name_(name), dim_(dim), pictures_(pictures) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override { print(dim_); }
  Type infer(std::span<const Type> inputs) const override {
    pictures_ ? check_picture(inputs[0]) : check_float(inputs);
    dim_of(dim_, inputs[0].shape);
    return inputs[0];
  }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    Shape shape = lowering.output.shape;
    int64_t dim = dim_of(dim_, shape);
    if (shape.empty()) shape = {1};
    if (lowering.output_layout == Layout::channels_last && !same_in_both_layouts(shape)) {
      const int64_t channel = static_cast<int64_t>(shape.size()) - 3;
      std::rotate(shape.end() - 3, shape.end() - 2, shape.end());
      if (dim >= channel) dim = dim == channel ? channel + 2 : dim - 1;
    }
    const auto at = shape.begin() + static_cast<std::ptrdiff_t>(dim);
    return std::make_unique<SoftmaxStep>(numel(Shape(shape.begin(), at)), *at, numel(Shape(at + 1, shape.end())),
                                         kernels::table(*lowering.options.isa));
  }

 private:
  std::string_view name_;
  std::optional<int64_t> dim_;
  bool pictures_;
};

}  // namespace

std::string AlongDim::extra_repr() const { return dim ? fmt::format("dim={}", *dim) : "dim=None"; }

Value Softmax::forward(Value x) const {
  return x.graph().apply(std::make_shared<SoftmaxOperation>("Softmax", dim), {x});
}

Value Softmin::forward(Value x) const {
  return x.graph().apply(std::make_shared<SoftmaxOperation>("Softmin", dim), {-x});
}

Value LogSoftmax::forward(Value x) const {
  int64_t along = 0;
  check_at(x, [&] { along = dim_of(dim, x.shape(), "dim of LogSoftmax"); });
  if (numel(x.shape()) == 0) return x;
  const Value below = x - amax(x, along, true);  // the largest, so that no exponential overflows
  return below - log(sum(exp(below), along, true));
}

Value Softmax2d::forward(Value x) const {
  return x.graph().apply(std::make_shared<SoftmaxOperation>("Softmax2d", -3, true), {x});
}

}  // namespace upconv
