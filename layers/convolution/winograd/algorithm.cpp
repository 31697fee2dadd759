#include "layers/convolution/algorithm.h"

#include "layers/convolution/winograd/cost.h"
#include "layers/convolution/winograd/step.h"

namespace upconv::internal {
namespace {

class WinogradAlgorithm : public ConvAlgorithm {
 public:
  explicit WinogradAlgorithm(const Tiling& tiling) : tiling_(tiling) {}
  std::string name() const override { return name_of(tiling_); }
  bool has_pairs() const override { return tiling_.windows != Windows::lean; }
  /// Merged phases lie aside as floats before each goes to pixels of its own.
  bool stores_bfloat16(const ConvQuery& query) const override {
    return query.table.pairs && !lanes_of(query.geometry, query.table, tiling_).merged;
  }
  /// Pairs are rounded after the transform: rounded before it too, DCGAN lost 1.9 dB and came below what is promised.
  bool reads_bfloat16(const ConvQuery& query) const override { return !query.table.pairs; }
  std::optional<double> cost(const ConvQuery& query) const override {
    return is_allowed(tiling_.scheme, query) ? winograd_cost(query, tiling_) : std::nullopt;
  }
  std::unique_ptr<Step> step(ConvTask task) const override {
    const bool halved = task.halved && tiling_.windows == Windows::lean;
    auto packed = task.weights.packed<PackedWinograd>(winograd_key(tiling_, task.geometry) + (halved ? "/halved" : ""),
                                                      task.lowering, tiling_, task.geometry, halved);
    return winograd_step({tiling_, std::move(task.geometry), task.table(), std::move(task.context)}, std::move(packed));
  }

 private:
  Tiling tiling_;
};

}  // namespace

ConvFamily winograd_algorithms() {
  ConvFamily family;
  kernels::each_scheme([&](kernels::Scheme scheme) {
    if (!kernels::with_scheme(scheme, [](auto s) { return kernels::is_for_pictures<decltype(s)>; })) return;
    for (Windows windows : {Windows::shared, Windows::by_phase, Windows::lean})
      if (windows != Windows::lean ||
          kernels::with_scheme(scheme, [](auto s) { return kernels::is_lean<decltype(s)>; }))
        family.push_back(std::make_unique<WinogradAlgorithm>(Tiling{scheme, windows}));
  });
  return family;
}

}  // namespace upconv::internal
