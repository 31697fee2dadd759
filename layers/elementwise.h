#pragma once
// Arithmetic with values in forward(), as with tensors in Python: a + b, a * 0.2 + x, tanh(x / 3) * 3. Shapes are
// broadcast as in PyTorch: aligned at their last dimensions, where sizes are equal or one of them is 1 or missing.
// Throws Error where they do not fit or a value is not float32. A number after a layer is folded into its weights, and
// a sum into what a layer stores, where nothing else reads that.
#include <optional>

#include "../framework/graph.h"

namespace upconv {

Value operator+(Value a, Value b);
Value operator-(Value a, Value b);
Value operator*(Value a, Value b);
Value operator/(Value a, Value b);

Value operator+(Value x, double number);
Value operator-(Value x, double number);
Value operator*(Value x, double number);
Value operator/(Value x, double number);
Value operator+(double number, Value x);
Value operator-(double number, Value x);
Value operator*(double number, Value x);
/// Each element divides `number`, rounded once: infinite where it is 0, NaN where it is NaN or both are 0.
Value operator/(double number, Value x);
Value operator-(Value x);

/// torch.clamp: min(max(x, min), max), NaN kept. Throws Error where neither is given.
Value clamp(Value x, std::optional<double> min = {}, std::optional<double> max = {});

}  // namespace upconv
