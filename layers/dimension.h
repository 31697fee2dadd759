#pragma once
// Internal: dimensions as arguments give them.
#include <algorithm>

#include "../framework/fail.h"
#include "../framework/tensor.h"

namespace upconv {

/// `dim` counted from the front; a scalar counts as one dimension. Throws Error where the shape has no such one.
inline int64_t dimension(const char* argument, int64_t dim, const Shape& shape) {
  const int64_t rank = std::max<int64_t>(1, static_cast<int64_t>(shape.size()));
  if (dim < -rank || dim >= rank)
    fail("expected {} within the {} dimensions of {}, got {}", argument, rank, str(shape), dim);
  return dim < 0 ? dim + rank : dim;
}

}  // namespace upconv
