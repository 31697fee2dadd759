#pragma once
#include "../algorithm.h"
#include "plan.h"

namespace upconv::internal {

/// Cycles that a scheme along rows should take for an image; nothing where it does not apply, or where exact sums are
/// asked for. `standard` has them all: the rms error is at most 2.1 times the direct sum's, as errors of one direction
/// do not multiply (docs/errors.md).
std::optional<double> along_cost(const ConvQuery& query, kernels::Scheme scheme);

}  // namespace upconv::internal
