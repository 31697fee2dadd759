#pragma once
// Which algorithm computes a convolution.
#include <optional>

#include "conv_step.h"

namespace upconv {

/// The cheapest scheme where one is cheaper than the direct kernel and the options allow it. Decided from the layer,
/// the size of an image and the options, never from the batch.
std::optional<kernels::Scheme> choose_scheme(const ConvGeometry& geometry, const kernels::Table& table,
                                             const Options& options);

}  // namespace upconv
