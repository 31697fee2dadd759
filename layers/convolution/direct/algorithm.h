#pragma once
#include "../algorithm.h"

namespace upconv::internal {

/// The step of direct sums, which computes every convolution: for who has no choice, and for algorithms whose weights
/// turn out to be infinite or NaN.
std::unique_ptr<Step> direct_sums(ConvTask task);

}  // namespace upconv::internal
