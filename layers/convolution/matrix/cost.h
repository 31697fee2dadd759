#pragma once
#include <optional>

#include "../algorithm.h"

namespace upconv::internal {

/// Cycles that products of so many parts in matrix tiles should take for an image; nothing where there are no tiles.
std::optional<double> matrix_cost(const ConvQuery& query, int32_t parts);

}  // namespace upconv::internal
