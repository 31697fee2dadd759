#pragma once
#include "../algorithm.h"

namespace upconv::internal {

/// Cycles that a kernel for each channel should take for an image; nothing where the channels share kernels.
std::optional<double> depthwise_cost(const ConvQuery& query);

}  // namespace upconv::internal
