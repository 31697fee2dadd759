#pragma once
// The driver of Winograd's algorithm for everything that conv_step.h describes: all phases of a transposed convolution
// read the same window, so one input transform serves them all; or each has its own, where that saves tiles.
#include <memory>

#include "weights.h"

namespace upconv::internal {

std::unique_ptr<Step> winograd_step(const Tiling& tiling, ConvGeometry geometry,
                                    std::shared_ptr<const PackedWinograd> packed, const kernels::Table& table,
                                    ConvContext context);

}  // namespace upconv::internal
