#include "layers/convolution/winograd/step.h"

#include <algorithm>

namespace upconv::internal {

WinogradStep::WinogradStep(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed)
    : of_(std::move(of)),
      packed_(std::move(packed)),
      inputs_(of_),
      outputs_(of_),
      works_(cut(of_, packed_->groups(), packed_->floats().size_bytes())) {
  v_floats_ = of_.points() * inputs_.point_floats(works_.front());
  panel_floats_ = inputs_.panel_floats(works_.front());
  for (const WinogradWork& work : works_) {
    // By phase the products of all groups lie side by side, else those of one; of lean ones that of two.
    const int64_t groups = of_.tiling.windows == Windows::by_phase ? work.groups.count()
                           : of_.tiling.windows == Windows::lean   ? std::min<int64_t>(2, work.groups.count())
                                                                   : 1;
    m_floats_ = std::max(m_floats_, of_.points() * work.tiles() * of_.lanes.block * groups);
    aside_floats_ = std::max(aside_floats_, outputs_.aside_floats(work));
  }
}

void WinogradStep::run(int64_t index, const Frame& frame) const {
  const WinogradWork& work = works_[static_cast<size_t>(index)];
  auto* v = reinterpret_cast<float*>(frame.scratch);
  const Scratch scratch{.v = v,
                        .m = v + v_floats_,
                        .panel = v + v_floats_ + m_floats_,
                        .aside = v + v_floats_ + m_floats_ + panel_floats_};
  inputs_.pack(work, frame, scratch.panel);
  run_work(work, frame, scratch);
}

const float* WinogradStep::after(int64_t group, int64_t phase, int64_t point) const {
  do ++point;
  while (point < of_.points() && packed_->channels(phase, point) == 0);
  return packed_->weights(group, phase, point);
}

void WinogradStep::multiply(const WinogradWork& work, const Point& of, const float* v, float* m) const {
  float* sums = m + of.point * work.tiles() * of_.lanes.block;
  const int64_t channels = packed_->channels(of.phase, of.point);
  if (channels == 0)
    std::fill_n(sums, work.tiles() * of_.lanes.block, 0.0f);
  else
    of_.table.products({.v = v + of.point * inputs_.point_floats(work),
                        .pitch = work.pitch(),
                        .w = packed_->weights(of.group, of.phase, of.point),
                        .m = sums,
                        .tiles = work.tiles(),
                        .IC = channels / of_.table.in_word(),
                        .vectors = static_cast<int32_t>(of_.lanes.block / of_.table.width),
                        .next = of.next});
}

std::unique_ptr<Step> winograd_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed) {
  auto* const make = of.tiling.windows == Windows::shared     ? shared_step
                     : of.tiling.windows == Windows::by_phase ? by_phase_step
                                                              : lean_step;
  return make(std::move(of), std::move(packed));
}

}  // namespace upconv::internal
