#include "layers/convolution/winograd/step.h"

namespace upconv::internal {
namespace {

/// Point by point all groups, so that the inputs of a point are read from L1 or L2 and may be many, and weights stream
/// past them once.
class ByPhaseStep : public WinogradStep {
 public:
  using WinogradStep::WinogradStep;

 private:
  void run_work(const WinogradWork& work, const Frame& frame, const Scratch& scratch) const override {
    run_phases(
        work, frame, scratch, [&](size_t a, size_t b) { inputs_.transform(work, a, b, scratch.panel, scratch.v); },
        [&](size_t a, size_t b, const WinogradTarget& target) { run_phase(work, a, b, target, scratch); });
  }

  void run_phase(const WinogradWork& work, size_t a, size_t b, const WinogradTarget& target,
                 const Scratch& scratch) const {
    const int64_t phase = phase_number(a, b), group_floats = of_.points() * work.tiles() * of_.lanes.block;
    const auto sums_of = [&](int64_t group) { return scratch.m + (group - work.groups.begin) * group_floats; };
    for (int64_t point = 0; point < of_.points(); ++point)
      for (int64_t group = work.groups.begin; group < work.groups.end; ++group) {
        const float* next = group + 1 < work.groups.end ? packed_->weights(group + 1, phase, point)
                                                        : after(work.groups.begin, phase, point);
        multiply(work, {group, phase, point, next}, scratch.v, sums_of(group));
      }
    for (int64_t group = work.groups.begin; group < work.groups.end; ++group)
      outputs_.put(work, group, a, b, sums_of(group), packed_->shift(group), target);
  }
};

}  // namespace

std::unique_ptr<Step> by_phase_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed) {
  return std::make_unique<ByPhaseStep>(std::move(of), std::move(packed));
}

}  // namespace upconv::internal
