#pragma once
// Sums, means, variances and largest elements over dimensions, as torch has them. Negative dimensions count from the
// end; none means all. With keepdim the result keeps them with size 1. Throws Error for a dimension that is not there
// or given twice. Sums and variances are within a unit or two in the last place of those in float64; what is computed
// element by element before is not stored.
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "../framework/graph.h"

namespace upconv {

/// One dimension, or several, or all.
struct Dims {
  /// All of them.
  Dims() = default;
  /// One.
  Dims(int64_t dim) : dims{dim} {}
  /// These.
  Dims(std::initializer_list<int64_t> dims) : dims(dims) {}
  /// These.
  Dims(std::vector<int64_t> dims) : dims(std::move(dims)) {}
  std::vector<int64_t> dims;  ///< none means all
};

/// The sum.
[[nodiscard]] Value sum(Value x, Dims dim = {}, bool keepdim = false);
/// The mean.
[[nodiscard]] Value mean(Value x, Dims dim = {}, bool keepdim = false);
/// The largest element, NaN where one is. Throws Error where there are none.
[[nodiscard]] Value amax(Value x, Dims dim = {}, bool keepdim = false);
/// The smallest one, likewise.
[[nodiscard]] Value amin(Value x, Dims dim = {}, bool keepdim = false);
/// The variance: squared distances from the mean, their sum divided by their number less `correction`, or by 0 where
/// that is negative.
[[nodiscard]] Value var(Value x, Dims dim = {}, int64_t correction = 1, bool keepdim = false);
/// The root of the variance.
[[nodiscard]] Value std(Value x, Dims dim = {}, int64_t correction = 1, bool keepdim = false);
/// torch.nn.functional.normalize: x divided by the larger of its p-norm over `dim` and eps.
[[nodiscard]] Value normalize(Value x, double p = 2, int64_t dim = 1, double eps = 1e-12);

}  // namespace upconv
