#include "layers/weighted.h"

#include <algorithm>
#include <typeinfo>

#include "framework/constant.h"
#include "framework/fail.h"
#include "framework/parallel.h"
#include "framework/program.h"

namespace upconv::internal {
namespace {

using Make = std::function<std::shared_ptr<const Operation>(const Parameter& weight)>;

/// Packs the weight that it finds, and runs all tiles of what that makes.
class WeightedStep : public Step {
 public:
  WeightedStep(Make make, const Lowering& lowering)
      : make_(std::move(make)),
        x_(lowering.inputs[0]),
        weight_(lowering.inputs[1]),
        output_(lowering.output),
        x_layout_(lowering.input_layouts[0]),
        output_layout_(lowering.output_layout),
        options_(lowering.options),
        crew_(crew(1, nullptr)) {
    options_.threads = 1;
    options_.accuracy = Accuracy::exact;  // whose weights are packed soonest
    options_.algorithm.clear();
    options_.precision = Precision::float32;
    const auto step = lowered(Tensor(weight_.shape));
    flops_ = step->flops();
    scratch_bytes_ = step->scratch_bytes();
  }

  int64_t tiles() const override { return 1; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  double flops() const override { return flops_; }
  std::string algorithm() const override { return "packed by each run"; }
  void run(int64_t, const Frame& frame) const override {
    Tensor weight(weight_.shape);
    std::copy_n(static_cast<const std::byte*>(frame.inputs[1]), static_cast<size_t>(weight.numel()) * sizeof(float),
                weight.bytes());
    const std::unique_ptr<Step> step = lowered(weight);
    const Frame inner{frame.inputs, frame.output, frame.scratch};
    for (int64_t tile = 0; tile < step->tiles(); ++tile) step->run(tile, inner);
  }

 private:
  std::unique_ptr<Step> lowered(const Tensor& weight) const {
    return make_(Parameter(weight))->lower({{&x_, 1}, {&x_layout_, 1}, output_, output_layout_, options_, *crew_});
  }

  Make make_;
  Type x_, weight_, output_;
  Layout x_layout_, output_layout_;
  Options options_;
  std::shared_ptr<const Crew> crew_;
  double flops_;
  size_t scratch_bytes_;
};

class WeightedOperation : public Operation {
 public:
  WeightedOperation(Make make, const Type& weight, std::vector<int64_t> arguments)
      : make_(std::move(make)),
        arguments_(std::move(arguments)),
        without_values_(make_(Parameter(weight.shape, weight.dtype))) {}
  std::string_view name() const override { return without_values_->name(); }
  void identify(Fingerprint& print) const override { print(arguments_); }
  Type infer(std::span<const Type> inputs) const override {
    if (inputs[1].dtype != DType::float32) fail("expected a weight of float32, got {}", upconv::name(inputs[1].dtype));
    return without_values_->infer(inputs.first(1));
  }
  std::shared_ptr<const Operation> with_constant(std::span<const Type>, size_t known,
                                                 const Parameter& constant) const override {
    return known == 1 ? make_(constant) : nullptr;
  }
  /// The weight is read as its shape says.
  bool any_layout(std::span<const Type>) const override { return false; }
  Layout preferred_layout(Layout) const override { return Layout::contiguous; }
  Layout output_layout(Layout, Layout) const override { return Layout::contiguous; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<WeightedStep>(make_, lowering);
  }

 private:
  Make make_;
  std::vector<int64_t> arguments_;
  std::shared_ptr<const Operation> without_values_;
};

}  // namespace

Value weighted(Value x, Value weight, std::vector<int64_t> arguments, Make make) {
  const Type type{weight.shape(), weight.dtype()};
  return x.graph().apply(std::make_shared<WeightedOperation>(std::move(make), type, std::move(arguments)), {x, weight});
}

OwnParameter::OwnParameter(const std::optional<Value>& value, const Shape& shape) : is_known(!value) {
  if (!value || value->dtype() != DType::float32 || value->shape() != shape) return;
  const Operation* operation = value->graph().node(*value).operation.get();
  // Not a tensor that forward() made: what holds it is another one in each call.
  if (operation == nullptr || typeid(*operation) != typeid(ConstantOperation)) return;
  is_known = true;
  parameter = *operation->constant();
}

}  // namespace upconv::internal
