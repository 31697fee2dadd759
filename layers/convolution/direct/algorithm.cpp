#include "layers/convolution/direct/algorithm.h"

#include "layers/convolution/direct/cost.h"
#include "layers/convolution/direct/step.h"

namespace upconv::internal {
namespace {

class DirectAlgorithm : public ConvAlgorithm {
 public:
  std::string name() const override { return "direct"; }
  bool has_pairs() const override { return true; }
  bool stores_bfloat16(const ConvQuery& query) const override { return query.table.pairs; }
  bool reads_bfloat16(const ConvQuery&) const override { return true; }
  std::optional<double> cost(const ConvQuery& query) const override { return direct_cost(query); }
  std::unique_ptr<Step> step(ConvTask task) const override { return direct_sums(std::move(task)); }
};

}  // namespace

std::unique_ptr<Step> direct_sums(ConvTask task) {
  auto packed = task.weights.packed<PackedDirect>(task.halved ? "direct/halved" : "direct", task.lowering, task.halved);
  return direct_step(std::move(task.geometry), std::move(packed), task.table(), std::move(task.context));
}

ConvFamily direct_algorithms() {
  ConvFamily family;
  family.push_back(std::make_unique<DirectAlgorithm>());
  return family;
}

}  // namespace upconv::internal
