#pragma once
// The driver of the kernel for convolutions of every channel with a kernel of its own.
#include <memory>

#include "../geometry.h"
#include "weights.h"

namespace upconv::internal {

/// The input must lie channels-last.
std::unique_ptr<Step> depthwise_step(ConvGeometry geometry, std::shared_ptr<const PackedDepthwise> packed,
                                     const kernels::Table& table, ConvContext context);

}  // namespace upconv::internal
