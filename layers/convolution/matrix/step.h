#pragma once
// The driver of matrix tiles.
#include <memory>
#include <string>

#include "../geometry.h"
#include "plan.h"
#include "weights.h"

namespace upconv::internal {

/// "tiles", "tiles x3", "tiles x6": how many products stand for one.
std::string matrix_name(int32_t parts);

std::unique_ptr<Step> matrix_step(const MatrixPlan& plan, ConvGeometry geometry,
                                  std::shared_ptr<const PackedMatrix> packed, const kernels::Table& table,
                                  const kernels::TileKernels& tiles, int32_t parts, ConvContext context);

}  // namespace upconv::internal
