#pragma once
// Internal: which dimension an argument names.
#include <algorithm>

#include "../framework/fail.h"
#include "../framework/tensor.h"

namespace upconv::internal {

/// The dimension that `dim`, which may count from the end, names in `shape`; throws Error that begins "expected
/// `argument` ..." where it has no such dimension. A scalar counts as having one.
inline size_t dimension(const char* argument, int64_t dim, const Shape& shape) {
  const int64_t rank = std::max<int64_t>(1, static_cast<int64_t>(shape.size()));
  if (dim < -rank || dim >= rank)
    fail("expected {} within the {} dimensions of {}, got {}", argument, rank, str(shape), dim);
  return static_cast<size_t>(dim < 0 ? dim + rank : dim);
}

}  // namespace upconv::internal
