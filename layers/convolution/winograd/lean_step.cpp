#include "layers/convolution/winograd/step.h"

namespace upconv::internal {
namespace {

/// Group by group all points, whose weights are made as they are multiplied.
class LeanStep : public WinogradStep {
 public:
  using WinogradStep::WinogradStep;

 private:
  void run_work(const WinogradWork& work, const Frame& frame, const Scratch& scratch) const override {
    run_phases(
        work, frame, scratch, [&](size_t a, size_t b) { inputs_.transform_lean(work, a, b, scratch.panel, scratch.v); },
        [&](size_t a, size_t b, const WinogradTarget& target) { run_phase(work, a, b, target, scratch); });
  }

  void run_phase(const WinogradWork& work, size_t a, size_t b, const WinogradTarget& target,
                 const Scratch& scratch) const {
    for (int64_t group = work.groups.begin; group < work.groups.end; ++group) {
      of_.table.lean_products[static_cast<int>(of_.tiling.scheme)]({.v = scratch.v,
                                                                    .w = packed_->weights(group, phase_number(a, b)),
                                                                    .m = scratch.m,
                                                                    .tiles = work.tiles(),
                                                                    .IC = of_.geometry.in.C * of_.residues});
      outputs_.put(work, group, a, b, scratch.m, packed_->shift(group), target);
    }
  }
};

}  // namespace

std::unique_ptr<Step> lean_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed) {
  return std::make_unique<LeanStep>(std::move(of), std::move(packed));
}

}  // namespace upconv::internal
