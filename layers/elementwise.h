#pragma once
// Arithmetic with values in forward(), as with tensors in Python: a + b, a * 0.2 + x, tanh(x / 3) * 3. Shapes are
// broadcast as in PyTorch: aligned at their last dimensions, where sizes are equal or one of them is 1 or missing.
// Throws Error where they do not fit or a value is not float32. A number after a layer is folded into its weights, and
// a sum into what a layer stores, where nothing else reads that.
#include <optional>

#include "../framework/graph.h"

namespace upconv {

/// The sum of two elements.
[[nodiscard]] Value operator+(Value a, Value b);
/// Their difference.
[[nodiscard]] Value operator-(Value a, Value b);
/// Their product.
[[nodiscard]] Value operator*(Value a, Value b);
/// Their quotient, infinite or NaN where b is 0.
[[nodiscard]] Value operator/(Value a, Value b);

/// `number` more than each element.
[[nodiscard]] Value operator+(Value x, double number);
/// `number` less than each element.
[[nodiscard]] Value operator-(Value x, double number);
/// Each element, times `number`.
[[nodiscard]] Value operator*(Value x, double number);
/// Each element, times 1 / `number`.
[[nodiscard]] Value operator/(Value x, double number);
/// `number` more than each element.
[[nodiscard]] Value operator+(double number, Value x);
/// `number` less each element.
[[nodiscard]] Value operator-(double number, Value x);
/// Each element, times `number`.
[[nodiscard]] Value operator*(double number, Value x);
/// Each element divides `number`, rounded once: infinite where it is 0, NaN where it is NaN or both are 0.
[[nodiscard]] Value operator/(double number, Value x);
/// Each element with the other sign.
[[nodiscard]] Value operator-(Value x);

/// torch.clamp: min(max(x, min), max), NaN kept. Throws Error where neither is given.
[[nodiscard]] Value clamp(Value x, std::optional<double> min = {}, std::optional<double> max = {});

}  // namespace upconv
