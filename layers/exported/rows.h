#pragma once
// Internal: the parts of the table of operations, and what their rows share.
#include <vector>

#include "operations.h"

namespace upconv::internal {

/// Arithmetic, comparisons and types.
std::vector<OperationRow> arithmetic_rows();
/// Sums, means, largest elements and norms.
std::vector<OperationRow> reduction_rows();
/// Sizes, and the numbers that shapes are computed from.
std::vector<OperationRow> number_rows();
/// Layers: what has weights, activations, norms, pools, resampling.
std::vector<OperationRow> layer_rows_of_aten();
/// What is chosen by indices and masks, written into parts, and summed along.
std::vector<OperationRow> choice_rows();
/// Views, cuts, joins and fills.
std::vector<OperationRow> shape_rows();

/// The tensor in another type: float32, int64 (also for int32), or boolean, which is whether an element is not 0.
/// Throws Error for all others.
Operand converted(const Operand& x, DType type);
/// The same as a value of float32, of what is any of these.
Value as_float(const Operand& x);

/// A tensor that is asked for its truth, as a boolean.
inline Operand truth(const NodeCall& call, std::string_view name) {
  return converted(call.operand(name), DType::boolean);
}
/// The first place of a dimension where x is its largest or smallest element there, which was computed with keepdim.
Value place_of(const NodeCall& call, Value x, Value extreme, int64_t dim, bool keepdim);
/// Throws Error where the argument dtype is another one than what is computed in anyway.
void check_dtype(const NodeCall& call);

/// The number as an integer. Throws Error where there is none: it has a fraction, or does not fit 64 bits.
int64_t whole(double value);

inline std::vector<Item> one(Value value, DType type = DType::float32) { return {Operand{value, type}}; }
inline std::vector<Item> one(const Operand& operand) { return {operand}; }

}  // namespace upconv::internal
