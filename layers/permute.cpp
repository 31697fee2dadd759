#include "layers/permute.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "framework/fail.h"
#include "layers/dimension.h"
#include "layers/rearrange.h"

namespace upconv {

using namespace internal;

Value permute(Value x, std::vector<int64_t> dims) {
  return rearranged("permute", x, [dims = std::move(dims)](const Shape& shape) {
    if (dims.size() != shape.size())
      fail("expected {} dimensions as in {}, got ({})", shape.size(), str(shape), fmt::join(dims, ", "));
    std::vector<size_t> order;
    for (int64_t dim : dims) order.push_back(dimension("dims", dim, shape));
    std::vector<size_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
      fail("expected each dimension once, got ({})", fmt::join(dims, ", "));
    return Rearrangement::identity(shape).permuted(order);
  });
}

Value transpose(Value x, int64_t dim0, int64_t dim1) {
  return rearranged("transpose", x, [=](const Shape& shape) {
    const size_t a = dimension("dim0", dim0, shape), b = dimension("dim1", dim1, shape);
    std::vector<size_t> order(shape.size());
    std::iota(order.begin(), order.end(), size_t{0});
    if (!order.empty()) std::swap(order[a], order[b]);
    return Rearrangement::identity(shape).permuted(order);
  });
}

}  // namespace upconv
