#pragma once
#include "../framework/graph.h"

namespace upconv {

/// torch.matmul: rows of a by columns of b, (..., M, K) by (..., K, N) to (..., M, N); the dimensions before are
/// broadcast. A value of one dimension is a row in the place of a and a column in the place of b, and leaves no
/// dimension in the result. Throws Error where sizes do not fit.
[[nodiscard]] Value matmul(Value a, Value b);

}  // namespace upconv
