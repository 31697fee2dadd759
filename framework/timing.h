#pragma once
// Internal: what whoever measures reckons with.
#include <algorithm>
#include <chrono>
#include <vector>

namespace upconv::internal {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The upper one of the two in the middle where there are two.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Runs what is timed next, which others ran before: once finds its weights, but a processor has forgotten more, so
/// that a layer of a millisecond takes five percent less from the fourth run on, and ten where it multiplies matrix
/// tiles.
template <class Run>
void warm_up(Run run) {
  constexpr int runs = 3;
  constexpr double enough = 2e-3;  // seconds
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < runs && (i == 0 || seconds_since(start) < enough); ++i) run();
}

}  // namespace upconv::internal
