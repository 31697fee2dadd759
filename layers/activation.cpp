#include "layers/activation.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/program.h"
#include "layers/conv_step.h"
#include "layers/python.h"

namespace upconv {
namespace {

/// An element-wise function where no layer before it could absorb it.
class PointwiseStep : public Step {
 public:
  PointwiseStep(int64_t count, kernels::Activation activation, const kernels::Table& table)
      : count_(count), activation_(activation), table_(table) {}
  int64_t tiles() const override { return (count_ + run_length - 1) / run_length; }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t begin = tile * run_length;
    table_.activate(static_cast<const float*>(frame.inputs[0]) + begin, static_cast<float*>(frame.output) + begin,
                    std::min(run_length, count_ - begin), activation_);
  }
  std::string algorithm() const override { return "pointwise"; }

 private:
  static constexpr int64_t run_length = 32 << 10;  // 128 KiB in and out: some 10 us of memory traffic
  int64_t count_;
  kernels::Activation activation_;
  const kernels::Table& table_;
};

class PointwiseOperation : public Operation {
 public:
  PointwiseOperation(std::string_view name, Pointwise function) : name_(name), function_(function) {}
  std::string_view name() const override { return name_; }
  Type infer(std::span<const Type> inputs) const override {
    if (inputs[0].dtype != DType::float32) fail("expected float32, got {}", upconv::name(inputs[0].dtype));
    return inputs[0];
  }
  std::optional<Pointwise> pointwise() const override { return function_; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<PointwiseStep>(numel(lowering.output.shape), to_kernel(function_),
                                           kernels::table(*lowering.options.isa));
  }

 private:
  std::string_view name_;
  Pointwise function_;
};

Value apply(std::string_view name, Pointwise function, Value x, bool inplace = false) {
  return x.graph().apply(std::make_shared<PointwiseOperation>(name, function), {x}, inplace);
}

}  // namespace

Value ReLU::forward(Value x) const { return apply("ReLU", {Pointwise::relu}, x, inplace); }

Value LeakyReLU::forward(Value x) const {
  return apply("LeakyReLU", {Pointwise::leaky_relu, static_cast<float>(negative_slope)}, x, inplace);
}
std::string LeakyReLU::extra_repr() const {
  return fmt::format("negative_slope={}{}", python(negative_slope), inplace ? ", inplace=True" : "");
}

Value Tanh::forward(Value x) const { return apply("Tanh", {Pointwise::tanh}, x); }
Value Sigmoid::forward(Value x) const { return apply("Sigmoid", {Pointwise::sigmoid}, x); }

}  // namespace upconv
