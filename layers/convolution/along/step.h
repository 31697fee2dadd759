#pragma once
// The driver of Winograd's algorithm along rows.
#include <memory>

#include "../geometry.h"
#include "weights.h"

namespace upconv::internal {

/// `packed` must be finite.
std::unique_ptr<Step> along_step(const AlongPlan& plan, ConvGeometry geometry,
                                 std::shared_ptr<const PackedAlong> packed, const kernels::Table& table,
                                 ConvContext context);

/// "along rows F(4,3)".
std::string along_name(kernels::Scheme scheme);

}  // namespace upconv::internal
