#pragma once
// Internal: padding of any dimension.
#include "../framework/graph.h"

namespace upconv::internal {

/// x with `value` before and behind it in dimension `dim`, which counts from the end where it is negative, or cropped.
Value padded_along(Value x, int64_t dim, int64_t before, int64_t after, double value);

}  // namespace upconv::internal
