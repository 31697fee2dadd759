#pragma once
// Internal: pictures that are upsampled by zeros between their pixels and then filtered (upfirdn2d), as transposed
// convolutions.
#include "program.h"

namespace upconv::internal {

/// Replaces depthwise convolutions of pictures whose pixels were put u apart by views and a padding with zeros, (N, C,
/// h, 1, w, 1) to (N, C, h, u, w, u) to (N, C, u * h, u * w), by transposed convolutions of stride u with kernels
/// turned round. What is not exactly that stays as it is; what nobody reads any more goes.
void recognise_upsampling(ExportedProgram& program);

}  // namespace upconv::internal
