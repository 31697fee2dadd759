#pragma once
// Internal: weights in another floating-point type.
#include <string>

#include "../parameter.h"

namespace upconv::internal {

/// The floating-point values of `stored` as `dtype`, another floating-point type: rounded once, to nearest, ties to
/// even. Infinities and NaNs stay; a finite number that would become infinite throws Error naming the tensor `name`.
Stored converted(const Stored& stored, DType dtype, const std::string& name);

}  // namespace upconv::internal
