#pragma once
// What norms and variances add up, in float64.
#include <cmath>

namespace upconv::internal {

/// How many of some numbers there are, their mean, and the sum of their squared distances from it.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  /// Those of both together (Chan, Golub and LeVeque).
  void merge(const Moments& other) {
    const double total = count + other.count, part = other.count / total, delta = other.mean - mean;
    mean += delta * part;
    squares += other.squares + delta * delta * count * part;
    count = total;
  }
  double inverse_deviation(double eps) const { return 1 / std::sqrt(squares / count + eps); }
  /// What rounding takes from the mean.
  double beyond() const { return mean - static_cast<double>(static_cast<float>(mean)); }
};

}  // namespace upconv::internal
