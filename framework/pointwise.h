#pragma once
// The one list of element-wise functions, for layers, compiler and kernels alike. Nothing but a plain struct, because
// files that are compiled for other machines than this process's include it.
#include <cstdint>

namespace upconv {

/// An element-wise function that a layer can apply where it stores its result.
struct Pointwise {
  /// The functions; those before tanh cost a few instructions, the others tens.
  enum Kind : int32_t {
    identity,     ///< x
    relu,         ///< max(x, 0)
    leaky_relu,   ///< x where x >= 0, a * x elsewhere
    hardtanh,     ///< x, but at least a and at most b
    tanh,         ///< the hyperbolic tangent
    sigmoid,      ///< 1 / (1 + exp(-x))
    hardsigmoid,  ///< x + 3 within [0, 6], divided by 6
    hardswish,    ///< x * hardsigmoid(x)
    elu,          ///< x where x > 0, a * (exp(x) - 1) elsewhere
    silu,         ///< x * sigmoid(x)
    gelu,         ///< x times the share of the normal distribution that lies below x
    gelu_tanh,    ///< GELU with approximate = "tanh"
    softplus,     ///< log(1 + exp(a * x)) / a, and x itself where a * x > b
    mish,         ///< x * tanh(log(1 + exp(x)))
    selu,         ///< elu of alpha 1.6733, times 1.0507
    celu,         ///< x where x > 0, a * (exp(x * b) - 1) elsewhere
    softsign,     ///< x / (1 + |x|)
    tanhshrink,   ///< x - tanh(x)
    hardshrink,   ///< x, but 0 from -a to a
    softshrink,   ///< x, a nearer to 0, and 0 from -a to a
    threshold,    ///< x where x > a, b elsewhere
    log_sigmoid,  ///< log(1 / (1 + exp(-x)))
    abs,          ///< x without its sign
    sqrt,         ///< the square root, NaN below 0
    rsqrt,        ///< 1 / sqrt(x)
    exp,          ///< e to the power of x
    log,          ///< the natural logarithm, NaN below 0
    sin,          ///< the sine of x in radians
    cos,          ///< the cosine
    pow           ///< x to the power of a, NaN below 0 where a is not whole
  };
  Kind kind = identity;  ///< which of them
  float a = 0;  ///< leaky_relu's negative_slope, elu's and celu's alpha, softplus' beta, hardtanh's min_val, the
                ///< shrinks' lambd, threshold's threshold, pow's exponent
  float b = 0;  ///< softplus' threshold, hardtanh's max_val, 1 / celu's alpha, threshold's value
};

}  // namespace upconv
