#include "layers/winograd_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "layers/blocking.h"

namespace upconv {

SchemeSize sizes_of(kernels::Scheme scheme) {
  return with_scheme(scheme, [](auto s) {
    using W = decltype(s);
    return SchemeSize{W::m, W::T, W::n};
  });
}

std::string name_of(kernels::Scheme scheme) {
  const SchemeSize size = sizes_of(scheme);
  return fmt::format("winograd F({},{})", size.m, size.T);
}

int64_t most_tiles(const SchemeSize& size, int64_t channels) {
  const int64_t padded = ceil_div(channels, kernels::panel_lanes) * kernels::panel_lanes;
  return std::clamp<int64_t>((736 << 10) / (size.n * size.n * padded * 4), 14, 56);
}

std::optional<Axis> axis_of(const std::vector<Phase>& phases, int64_t T) {
  Axis axis;
  axis.out_step = phases.front().out_step;
  int64_t out_last = std::numeric_limits<int64_t>::min();
  axis.out_first = std::numeric_limits<int64_t>::max();
  for (const Phase& phase : phases) {
    if (phase.in_step != 1) return {};
    const auto [least, most] = reach(phase);
    if (most - least >= T) return {};
    for (const Segment& segment : phase.segments)
      if (segment.taps.empty()) return {};
    axis.base.push_back(phase.in_first + most - T + 1);
    const int64_t output = phase.out_first - phase.out_step * axis.base.back();
    axis.out_first = std::min(axis.out_first, output);
    out_last = std::max(out_last, output);
  }
  if (out_last - axis.out_first >= axis.out_step) return {};
  axis.first = *std::min_element(axis.base.begin(), axis.base.end());
  int64_t last = axis.first;
  for (size_t p = 0; p < phases.size(); ++p) last = std::max(last, axis.base[p] + phases[p].count);
  axis.positions = last - axis.first;
  return axis;
}

std::vector<std::vector<int64_t>> window_taps(const std::vector<Phase>& phases, const Axis& axis, int64_t T) {
  std::vector<std::vector<int64_t>> found(phases.size(), std::vector<int64_t>(static_cast<size_t>(T), -1));
  for (size_t p = 0; p < phases.size(); ++p)
    for (const Segment& segment : phases[p].segments)
      for (const AxisTap& tap : segment.taps)
        found[p][static_cast<size_t>(phases[p].in_first + tap.shift - axis.base[p])] = tap.k;
  return found;
}

bool zero_point(kernels::Scheme scheme, const std::vector<int64_t>& taps, int64_t i) {
  return with_scheme(scheme, [&](auto s) {
    using W = decltype(s);
    for (int t = 0; t < W::T; ++t)
      if (taps[static_cast<size_t>(t)] >= 0 && W::G[i][t] != 0) return false;
    return true;
  });
}

Lanes lanes_of(const ConvGeometry& geometry, const kernels::Table& table) {
  const int64_t OC = geometry.out.C;
  const auto phases = static_cast<int64_t>(geometry.rows.size() * geometry.cols.size());
  const bool merged = OC * 2 <= table.width && phases > 1;
  const int64_t block = merged && phases * OC <= table.width ? table.width : 2 * table.width;
  return {block, merged, merged ? ceil_div(phases * OC, block) : phases * ceil_div(OC, block)};
}

}  // namespace upconv
