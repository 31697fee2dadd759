#pragma once
#include "../algorithm.h"

namespace upconv::internal {

/// Cycles that rows should take for an image; nothing where the kernel does not apply: groups, rows that do not fill
/// vectors, a scheme that does not fit the rows, or one for more than kernels::few_row_outputs output channels.
std::optional<double> rows_cost(const ConvQuery& query, const std::optional<kernels::Scheme>& scheme);

}  // namespace upconv::internal
