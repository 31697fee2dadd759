#include "layers/arithmetic.h"
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
    const LeanCut most = lean_cut(of_.table, of_.tiling.scheme, work.tiles(), work.groups.count());
    const int64_t phase = phase_number(a, b), floats = of_.points() * work.tiles() * of_.lanes.block;
    each_run(work.groups.count(), most.vectors, [&](Range run) {
      const int64_t first = work.groups.begin + run.begin, last = work.groups.begin + run.end - 1;
      const auto& products = packed_->halved() ? of_.table.lean_products_halved : of_.table.lean_products;
      products[static_cast<int>(of_.tiling.scheme)](
          {.v = scratch.v,
           .w = {packed_->weights(first, phase), packed_->weights(last, phase)},
           .m = {scratch.m, scratch.m + floats},
           .vectors = static_cast<int32_t>(run.count()),
           .tiles = work.tiles(),
           .parts = ceil_div(work.tiles(), most.tiles),
           .IC = of_.geometry.in.C * of_.residues});
      for (int64_t group = first; group <= last; ++group)
        outputs_.put(work, group, a, b, scratch.m + (group - first) * floats, packed_->shift(group), target);
    });
  }
};

}  // namespace

std::unique_ptr<Step> lean_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed) {
  return std::make_unique<LeanStep>(std::move(of), std::move(packed));
}

}  // namespace upconv::internal
