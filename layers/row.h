#pragma once
// Internal: layers of one dimension, as layers of two on pictures of one row.
#include <string_view>

#include "../framework/graph.h"
#include "check.h"
#include "permute.h"

namespace upconv::internal {

/// Throws Error where a value is no row of float32, (C, L) or (N, C, L).
inline void check_row(const Type& x) {
  check_float(x);
  if (x.shape.size() != 2 && x.shape.size() != 3)
    fail("expected a 2-D (C, L) or 3-D (N, C, L) input, got {}", str(x.shape));
}

/// What `picture` makes of rows as pictures (N, C, 1, L), as rows of the rank that they had. Throws Error that names
/// the layer, and begins with the module's path, where x is no row.
template <class Picture>
Value of_rows(std::string_view layer, Value x, Picture picture) {
  const Shape& shape = x.shape();
  const bool one = shape.size() == 2;
  try {
    check_row({shape, x.dtype()});
  } catch (const Error& error) {
    refuse(x, "{} {}", layer, error.what());
  }
  const Value y = picture(reshape(x, {one ? 1 : shape[0], shape[one ? 0 : 1], 1, shape.back()}));
  const Shape& made = y.shape();
  return reshape(y, one ? Shape{made[1], made[3]} : Shape{made[0], made[1], made[3]});
}

/// An argument of a layer of one dimension is within these bounds; throws Error that names both where it is not.
inline void check_argument(std::string_view layer, std::string_view argument, int64_t value, int64_t least,
                           int64_t most) {
  check_range(layer, argument, {value}, least, most);
}

}  // namespace upconv::internal
