#pragma once
// Layers without parameters as functions of values, named as in torch and torch.nn.functional, for use in forward().
#include "activation.h"
#include "structure.h"

namespace upconv {

/// ReLU.
inline Value relu(Value x, bool inplace = false) { return ReLU(inplace).forward(x); }
/// LeakyReLU.
inline Value leaky_relu(Value x, double negative_slope = 0.01, bool inplace = false) {
  return LeakyReLU(negative_slope, inplace).forward(x);
}
/// Tanh.
[[nodiscard]] inline Value tanh(Value x) { return Tanh().forward(x); }
/// Sigmoid.
[[nodiscard]] inline Value sigmoid(Value x) { return Sigmoid().forward(x); }
/// Dimensions start_dim to end_dim become one.
[[nodiscard]] inline Value flatten(Value x, int64_t start_dim = 0, int64_t end_dim = -1) {
  return Flatten(start_dim, end_dim).forward(x);
}

}  // namespace upconv
