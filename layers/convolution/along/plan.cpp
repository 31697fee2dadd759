#include "layers/convolution/along/plan.h"

#include <algorithm>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

/// A phase's taps by where they read, and how far apart that is; nothing where they are not equally far apart.
struct Spaced {
  std::vector<AxisTap> taps;
  int64_t step;
};
std::optional<Spaced> spaced(const Phase& phase) {
  Spaced found{{phase.taps.begin(), phase.taps.end()}, 1};
  std::sort(found.taps.begin(), found.taps.end(), [](const AxisTap& a, const AxisTap& b) { return a.shift < b.shift; });
  for (size_t i = 1; i < found.taps.size(); ++i) {
    const int64_t step = found.taps[i].shift - found.taps[i - 1].shift;
    if (i > 1 && step != found.step) return {};
    found.step = step;
  }
  return found;
}

}  // namespace

bool AlongPlan::is_zero(int64_t point, int64_t chunk) const {
  const auto begin = taps.begin() + chunk * size.T;
  return zero_point(scheme, {begin, begin + size.T}, point);
}

std::optional<AlongPlan> along_plan(const ConvGeometry& geometry, kernels::Scheme scheme) {
  if (geometry.groups != 1 || geometry.rows.size() != 1 || geometry.cols.size() != 1) return {};
  const Phase& col = geometry.cols.front();
  if (col.in_step != 1 || col.out_step != 1) return {};
  for (const Segment& segment : col.segments)
    if (segment.taps.empty()) return {};
  const SchemeSize size = sizes_of(scheme);
  const std::optional<Spaced> found = spaced(col);
  if (!found) return {};
  const auto count = static_cast<int64_t>(found->taps.size());
  const bool whole = count == size.T, chunks = size.T == size.m && count > size.T + 1;
  if (!whole && !chunks) return {};
  AlongPlan plan{.scheme = scheme,
                 .size = size,
                 .step = found->step,
                 .first = col.in_first + found->taps.front().shift,
                 .chunks = ceil_div(count, size.T),
                 .taps = {},
                 .braids = ceil_div(col.count, size.m * found->step)};
  for (const AxisTap& tap : found->taps) plan.taps.push_back(tap.k);
  plan.taps.resize(static_cast<size_t>(plan.chunks * size.T), -1);
  return plan;
}

std::string along_key(const AlongPlan& plan) {
  std::string key = "along/" + std::to_string(static_cast<int>(plan.scheme)) + '/';
  for (int64_t k : plan.taps) key += std::to_string(k) + ',';
  return key;
}

}  // namespace upconv::internal
