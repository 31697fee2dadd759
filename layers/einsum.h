#pragma once
// torch.einsum.
#include <string>

#include "../framework/graph.h"

namespace upconv {

/// torch.einsum: products of values whose dimensions have letters, summed over the letters that the result has not:
/// "bchw,bdhw->bcd". Blanks are left out, "..." stands for any dimensions before or between, and without "->" the
/// result has the letters that come once, in their order. Values are multiplied from the first to the last, each
/// product by matmul. Throws Error where the equation does not fit the values.
[[nodiscard]] Value einsum(const std::string& equation, const Values& values);

}  // namespace upconv
