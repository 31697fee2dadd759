#pragma once
#include "../algorithm.h"

namespace upconv::internal {

/// Cycles that direct sums should take for an image.
double direct_cost(const ConvQuery& query);

}  // namespace upconv::internal
