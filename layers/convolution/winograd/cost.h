#pragma once
#include "../algorithm.h"
#include "plan.h"

namespace upconv::internal {

/// Cycles that a tiling should take for an image; nothing where it does not apply.
std::optional<double> winograd_cost(const ConvQuery& query, const Tiling& tiling);

/// Whether the accuracy that is asked for allows a scheme for this convolution: `exact` none, `fast` all, `standard`
/// those whose rms error is at most 2.2 times the direct sum's.
bool is_allowed(kernels::Scheme scheme, const ConvQuery& query);

}  // namespace upconv::internal
