#pragma once
// The driver of the direct kernel: cuts a convolution into tiles for threads, and those into register tiles.
#include <memory>

#include "../geometry.h"
#include "weights.h"

namespace upconv::internal {

std::unique_ptr<Step> direct_step(ConvGeometry geometry, std::shared_ptr<const PackedDirect> packed,
                                  const kernels::Table& table, ConvContext context);

}  // namespace upconv::internal
