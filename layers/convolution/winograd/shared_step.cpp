#include "layers/convolution/winograd/step.h"

namespace upconv::internal {
namespace {

/// One transform, then group by group all phases, whose outputs lie aside together. Groups outside, points inside:
/// the products of all phases and groups at once would be too many.
class SharedStep : public WinogradStep {
 public:
  using WinogradStep::WinogradStep;

 private:
  void run_work(const WinogradWork& work, const Frame& frame, const Scratch& scratch) const override {
    inputs_.transform(work, 0, 0, scratch.panel, scratch.v);
    for (int64_t group = work.groups.begin; group < work.groups.end; ++group)
      if (of_.lanes.merged) {
        multiply_points(work, group, 0, scratch);
        outputs_.put_merged(work, group, scratch.m, packed_->shift(group), frame, scratch.aside);
      } else {
        run_group(work, group, frame, scratch);
      }
  }

  void run_group(const WinogradWork& work, int64_t group, const Frame& frame, const Scratch& scratch) const {
    const WinogradTarget target =
        of_.aside ? outputs_.aside(work, {group, group + 1}, scratch.aside) : outputs_.in_place(frame);
    for (size_t a = 0; a < of_.geometry.rows.size(); ++a)
      for (size_t b = 0; b < of_.geometry.cols.size(); ++b) {
        multiply_points(work, group, phase_number(a, b), scratch);
        outputs_.put(work, group, a, b, scratch.m, packed_->shift(group), target);
      }
    if (of_.aside)
      for (size_t a = 0; a < of_.geometry.rows.size(); ++a) outputs_.put_back(work, a, target, frame);
  }

  void multiply_points(const WinogradWork& work, int64_t group, int64_t phase, const Scratch& scratch) const {
    for (int64_t point = 0; point < of_.points(); ++point)
      multiply(work, {group, phase, point, after(group, phase, point)}, scratch.v, scratch.m);
  }
};

}  // namespace

std::unique_ptr<Step> shared_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed) {
  return std::make_unique<SharedStep>(std::move(of), std::move(packed));
}

}  // namespace upconv::internal
