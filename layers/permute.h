#pragma once
// Values under another shape, or with their dimensions in another order.
#include "../framework/graph.h"

namespace upconv {

/// torch.reshape: the same elements in the same order; one size may be -1. Costs nothing where they lie in that order
/// already. Throws Error where the sizes do not fit.
[[nodiscard]] Value reshape(Value x, Shape shape);
/// torch.Tensor.view: as reshape.
[[nodiscard]] inline Value view(Value x, Shape shape) { return reshape(x, std::move(shape)); }

/// torch.permute: dimension i of the result is dimension dims[i] of x. Throws Error where dims do not name each
/// dimension once.
[[nodiscard]] Value permute(Value x, std::vector<int64_t> dims);
/// torch.transpose: dimensions dim0 and dim1 change places.
[[nodiscard]] Value transpose(Value x, int64_t dim0, int64_t dim1);

}  // namespace upconv
