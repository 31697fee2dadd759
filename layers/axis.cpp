#include "layers/axis.h"

#include <algorithm>
#include <optional>
#include <set>

namespace upconv {
namespace {

/// Cuts the positions of `phase` where a tap enters or leaves the input.
std::vector<Segment> segments_of(const Phase& phase, const std::vector<AxisTap>& taps, int64_t in) {
  auto reads = [&](const AxisTap& tap, int64_t i) {
    const int64_t at = phase.in_first + phase.in_step * i + tap.shift;
    return at >= 0 && at < in;
  };
  auto first_at = [&](int64_t input, int64_t shift) {  // the first position whose tap reads `input` or beyond
    const int64_t distance = input - phase.in_first - shift;
    return distance <= 0 ? 0 : (distance + phase.in_step - 1) / phase.in_step;
  };
  std::set<int64_t> cuts = {0, phase.count};
  for (const AxisTap& tap : taps) {
    cuts.insert(std::min(phase.count, first_at(0, tap.shift)));
    cuts.insert(std::min(phase.count, first_at(in, tap.shift)));
  }
  std::vector<Segment> segments;
  for (auto cut = cuts.begin(); std::next(cut) != cuts.end(); ++cut) {
    Segment segment{*cut, *std::next(cut), {}};
    std::copy_if(taps.begin(), taps.end(), std::back_inserter(segment.taps),
                 [&](const AxisTap& tap) { return reads(tap, segment.begin); });
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace

std::pair<int64_t, int64_t> reach(const Phase& phase) {
  std::optional<std::pair<int64_t, int64_t>> found;
  for (const Segment& segment : phase.segments)
    for (const AxisTap& tap : segment.taps) {
      if (!found) found = {tap.shift, tap.shift};
      found = {std::min(found->first, tap.shift), std::max(found->second, tap.shift)};
    }
  return found.value_or(std::pair<int64_t, int64_t>(0, 0));
}

std::vector<Phase> transposed_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
                                   int64_t dilation) {
  std::vector<Phase> phases;
  for (int64_t a = 0; a < stride; ++a) {
    const int64_t first = ((a - padding) % stride + stride) % stride;
    if (first >= out) continue;
    Phase phase{first, stride, (out - first + stride - 1) / stride, (first + padding - a) / stride, 1, {}};
    std::vector<AxisTap> taps;
    for (int64_t k = 0; k < kernel; ++k)
      if ((dilation * k - a) % stride == 0) taps.push_back({k, -(dilation * k - a) / stride});
    phase.segments = segments_of(phase, taps, in);
    phases.push_back(std::move(phase));
  }
  return phases;
}

}  // namespace upconv
