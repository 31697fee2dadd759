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

}  // namespace upconv::internal
