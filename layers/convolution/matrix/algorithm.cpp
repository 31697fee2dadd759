#include "layers/convolution/direct/algorithm.h"

#include <fmt/format.h>

#include "layers/convolution/matrix/cost.h"
#include "layers/convolution/matrix/step.h"

namespace upconv::internal {
namespace {

class MatrixAlgorithm : public ConvAlgorithm {
 public:
  explicit MatrixAlgorithm(int32_t parts) : parts_(parts) {}
  std::string name() const override { return matrix_name(parts_); }
  bool has_pairs() const override { return parts_ == 1; }
  bool stores_bfloat16(const ConvQuery&) const override { return parts_ == 1; }
  bool reads_bfloat16(const ConvQuery&) const override { return parts_ == 1; }
  std::optional<double> cost(const ConvQuery& query) const override { return matrix_cost(query, parts_); }
  /// Zeros lie beside the pictures, which weights that are infinite or NaN would turn into NaN.
  std::unique_ptr<Step> step(ConvTask task) const override {
    const kernels::TileKernels& tiles = *kernels::tile_kernels(task.table().isa);
    const MatrixPlan plan = *matrix_plan(task.geometry, task.context.output);
    const TapOrder order(task.geometry, plan.together);
    const std::string way = fmt::format("matrix/{}/{}/{}", parts_, order.phases, fmt::join(order.taps, ","));
    auto packed = task.weights.packed<PackedMatrix>(way, task.lowering, tiles, parts_, order);
    if (!packed->finite()) return direct_sums(std::move(task));
    return matrix_step(plan, std::move(task.geometry), std::move(packed), task.table(), tiles, parts_,
                       std::move(task.context));
  }

 private:
  int32_t parts_;
};

}  // namespace

ConvFamily matrix_algorithms() {
  ConvFamily family;
  for (int32_t parts = 1; parts <= kernels::most_parts; ++parts)
    family.push_back(std::make_unique<MatrixAlgorithm>(parts));
  return family;
}

}  // namespace upconv::internal
