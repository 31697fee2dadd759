#include "layers/convolution/direct/algorithm.h"

#include "layers/convolution/along/cost.h"
#include "layers/convolution/along/step.h"

namespace upconv::internal {
namespace {

class AlongAlgorithm : public ConvAlgorithm {
 public:
  explicit AlongAlgorithm(kernels::Scheme scheme) : scheme_(scheme) {}
  std::string name() const override { return along_name(scheme_); }
  bool reads_bfloat16(const ConvQuery&) const override { return true; }
  std::optional<double> cost(const ConvQuery& query) const override { return along_cost(query, scheme_); }
  /// Zeros lie beside the rows, which weights that are infinite or NaN would turn into NaN.
  std::unique_ptr<Step> step(ConvTask task) const override {
    const AlongPlan plan = *along_plan(task.geometry, scheme_);
    auto packed = task.weights.packed<PackedAlong>(along_key(plan), task.lowering, plan, task.geometry.KW);
    if (!packed->finite()) return direct_sums(std::move(task));
    return along_step(plan, std::move(task.geometry), std::move(packed), task.table(), std::move(task.context));
  }

 private:
  kernels::Scheme scheme_;
};

}  // namespace

ConvFamily along_algorithms() {
  ConvFamily family;
  kernels::each_scheme([&](kernels::Scheme scheme) {
    if (kernels::with_scheme(scheme, [](auto s) { return kernels::is_for_along<decltype(s)>; }))
      family.push_back(std::make_unique<AlongAlgorithm>(scheme));
  });
  return family;
}

}  // namespace upconv::internal
