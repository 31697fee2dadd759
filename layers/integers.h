#pragma once
// Internal: arithmetic of int64 values, which is there for indices, positions and masks: small, and computed by one
// thread in order. Shapes are broadcast as those of float32 are. What overflows wraps around, as in PyTorch.
#include "../framework/graph.h"

namespace upconv::internal {

/// What two integers become. Comparisons give float32, 1 where it is so and 0 elsewhere; all others int64.
enum class IntegerFunction {
  add,
  subtract,
  multiply,
  floor_divide,  ///< rounded down; a divisor of 0 ends the run with an Error
  remainder,     ///< with the sign of the divisor; likewise
  maximum,
  minimum,
  equal,
  unequal,
  less,
  less_equal,
  greater,
  greater_equal
};

/// The function of two values of int64. Throws Error where shapes do not fit or types are others.
[[nodiscard]] Value integer_function(IntegerFunction function, Value a, Value b);
/// x at `indices`, int64 of any shape, in dimension `dim`, whose place their dimensions take. A negative index counts
/// from the end; one that is not there ends the run with an Error. Throws Error where `indices` are of another type.
[[nodiscard]] Value gather(Value x, int64_t dim, Value indices);
/// int64 as float32, rounded to the nearest.
[[nodiscard]] Value to_float32(Value x);
/// float32 as int64, rounded towards 0; what int64 has no number for becomes its smallest.
[[nodiscard]] Value to_int64(Value x);

}  // namespace upconv::internal
