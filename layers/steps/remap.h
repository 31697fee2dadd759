#pragma once
// Internal: pictures whose pixels are pixels of other pictures: paddings and the nearest of a resampling.
#include <vector>

#include "../../framework/layout.h"
#include "../../framework/program.h"

namespace upconv::internal {

/// y[h, w] = x[rows[h], cols[w]], all channels; `fill` where either is -1. Both lie in `layout`.
std::unique_ptr<Step> remap_step(const ImageShape& in, std::vector<int64_t> rows, std::vector<int64_t> cols, float fill,
                                 Layout layout);

}  // namespace upconv::internal
