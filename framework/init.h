#pragma once
// The values that a network begins with, as PyTorch makes them: after manual_seed(s), the same layers constructed in
// the same order have bit for bit the parameters that torch.manual_seed(s) gives them, and the functions of
// torch.nn.init, called in the same order, the same values. Checked against PyTorch 2.13 on x86.
//
// Nothing is computed where it is said, only where it is first read: constructing a network that is loaded afterwards
// costs no more than counting.
#include <cstdint>
#include <limits>
#include <string_view>

#include "parameter.h"

namespace upconv {

/// torch.manual_seed for all that is constructed and initialised from now on, on any thread. Only the low 32 bits
/// count. Without it every process has other values.
void manual_seed(uint64_t seed);

/// torch.nn.init. Every function replaces the values of a float32 parameter and throws Error for one of integers.
namespace init {

/// Uniform from a to b.
void uniform_(const Parameter& parameter, double a = 0, double b = 1);
/// Normal.
void normal_(const Parameter& parameter, double mean = 0, double std = 1);
/// Normal within [a, b], as PyTorch 2.13 draws it: again and again until all are inside, so it is drawn at once.
void trunc_normal_(const Parameter& parameter, double mean = 0, double std = 1, double a = -2, double b = 2);
/// `value` everywhere.
void constant_(const Parameter& parameter, double value);
/// 0 everywhere.
void zeros_(const Parameter& parameter);
/// 1 everywhere.
void ones_(const Parameter& parameter);

/// Which of a weight's sides counts: what an output is the sum of, or what an input goes into.
enum class Fan {
  in,  ///< size 1 of the weight, times the area of the kernel
  out  ///< size 0, times the same
};

/// The factor that `nonlinearity` asks for: 1 for "linear", "sigmoid" and convolutions, 5/3 for "tanh", the root of 2
/// for "relu", that of 2 / (1 + param^2) for "leaky_relu" (param is 0.01 where it is NaN), 3/4 for "selu". Throws
/// Error, listing them, for another name.
[[nodiscard]] double calculate_gain(std::string_view nonlinearity,
                                    double param = std::numeric_limits<double>::quiet_NaN());
/// Glorot's, uniform. This and the following throw Error for a parameter of fewer than two dimensions.
void xavier_uniform_(const Parameter& parameter, double gain = 1);
/// Glorot's, normal.
void xavier_normal_(const Parameter& parameter, double gain = 1);
/// He's, uniform. `a` is the negative slope of "leaky_relu".
void kaiming_uniform_(const Parameter& parameter, double a = 0, Fan mode = Fan::in,
                      std::string_view nonlinearity = "leaky_relu");
/// He's, normal.
void kaiming_normal_(const Parameter& parameter, double a = 0, Fan mode = Fan::in,
                     std::string_view nonlinearity = "leaky_relu");

}  // namespace init
}  // namespace upconv
