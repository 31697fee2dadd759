#pragma once
// Internal: the parameters that layers begin with, as their reset_parameters() of PyTorch has them.
#include <cstdint>
#include <optional>
#include <vector>

#include "parameter.h"

namespace upconv::internal {

/// The weight of a convolution, transposed or not, or of Linear: uniform within 1 / sqrt(fan_in), by way of the root of
/// 3 times He's deviation for a slope of sqrt(5), which rounds otherwise.
Parameter initial_weight(Shape shape);
/// The bias of a layer whose weight has this shape: uniform within 1 / sqrt(fan_in).
Parameter initial_bias(Shape shape, const Shape& weight);
/// Standard normal numbers; with `zero_row`, that one of the first dimension's is 0.
Parameter initial_normal(Shape shape, std::optional<int64_t> zero_row);

/// Lets these parameters begin in this order with the values that they began with in the order in which they were
/// constructed, where nobody has read any: of a function's arguments C++ says no order, and GCC takes the last first.
void deal_initial(const std::vector<Parameter>& parameters);

}  // namespace upconv::internal
