#pragma once
// Values put together and taken apart along one dimension, which may count from the end. They throw Error where there
// is no such dimension or sizes do not fit.
#include <limits>

#include "../framework/graph.h"

namespace upconv {

/// torch.cat: the values one after another in dimension `dim`; their other sizes and their types are equal. Where the
/// operation that reads the result can read the parts instead, nothing is copied.
[[nodiscard]] Value cat(const Values& values, int64_t dim = 0);

/// x[start:stop:step] in dimension `dim`, as Python has it: negative bounds count from the end, those outside are moved
/// to it. Throws Error where step is not positive.
[[nodiscard]] Value slice(Value x, int64_t dim, int64_t start = 0, int64_t stop = std::numeric_limits<int64_t>::max(),
                          int64_t step = 1);

/// torch.chunk: parts of equal size, rounded up, in dimension `dim`; the last may be smaller, and there may be fewer.
[[nodiscard]] Values chunk(Value x, int64_t chunks, int64_t dim = 0);

}  // namespace upconv
