#include "layers/convolution/algorithm.h"

#include "layers/convolution/depthwise/cost.h"
#include "layers/convolution/depthwise/step.h"

namespace upconv::internal {
namespace {

class DepthwiseAlgorithm : public ConvAlgorithm {
 public:
  std::string name() const override { return "depthwise"; }
  std::optional<double> cost(const ConvQuery& query) const override { return depthwise_cost(query); }
  std::unique_ptr<Step> step(ConvTask task) const override {
    auto packed = task.weights.packed<PackedDepthwise>("depthwise", task.lowering);
    return depthwise_step(std::move(task.geometry), std::move(packed), task.table(), std::move(task.context));
  }
};

}  // namespace

ConvFamily depthwise_algorithms() {
  ConvFamily family;
  family.push_back(std::make_unique<DepthwiseAlgorithm>());
  return family;
}

}  // namespace upconv::internal
