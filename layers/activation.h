#pragma once
#include <string>

#include "../framework/module.h"
#include "integer_or_number.h"

namespace upconv {

/// torch.nn.ReLU: max(x, 0), NaN kept. Any shape.
class ReLU : public Module {
 public:
  /// As torch.nn makes it.
  explicit ReLU(bool inplace = false) : inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ReLU"; }
  std::string extra_repr() const override { return inplace ? "inplace=True" : ""; }
  const bool inplace;  ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.LeakyReLU: x where x >= 0, negative_slope * x elsewhere. Any shape.
class LeakyReLU : public Module {
 public:
  /// As torch.nn makes it.
  explicit LeakyReLU(IntegerOrNumber negative_slope = 0.01, bool inplace = false)
      : negative_slope(negative_slope), inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "LeakyReLU"; }
  std::string extra_repr() const override;
  const IntegerOrNumber negative_slope;  ///< what multiplies x below 0
  const bool inplace;                    ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.Tanh. Any shape.
class Tanh : public Module {
 public:
  Value forward(Value x) const override;
  std::string type_name() const override { return "Tanh"; }
};

/// torch.nn.Sigmoid: 1 / (1 + exp(-x)). Any shape.
class Sigmoid : public Module {
 public:
  Value forward(Value x) const override;
  std::string type_name() const override { return "Sigmoid"; }
};

/// torch.nn.PReLU: x where x >= 0, weight * x elsewhere, with one weight for all or one for each channel (dimension 1;
/// a value of one dimension has one channel). Parameter: weight (num_parameters), `init` until set.
class PReLU : public Module {
 public:
  /// Throws Error where num_parameters is not positive.
  explicit PReLU(int64_t num_parameters = 1, double init = 0.25);
  Value forward(Value x) const override;
  std::string type_name() const override { return "PReLU"; }
  std::string extra_repr() const override;
  const int64_t num_parameters;  ///< 1, or as many as channels
  const Parameter weight;        ///< what multiplies x below 0, (num_parameters)
};

/// torch.nn.ELU: x where x > 0, alpha * (exp(x) - 1) elsewhere. Any shape.
class ELU : public Module {
 public:
  /// As torch.nn makes it.
  explicit ELU(IntegerOrNumber alpha = 1.0, bool inplace = false) : alpha(alpha), inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ELU"; }
  std::string extra_repr() const override;
  const IntegerOrNumber alpha;  ///< what is approached far below 0, negated
  const bool inplace;           ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.SiLU: x / (1 + exp(-x)). Any shape.
class SiLU : public Module {
 public:
  /// As torch.nn makes it.
  explicit SiLU(bool inplace = false) : inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "SiLU"; }
  std::string extra_repr() const override { return inplace ? "inplace=True" : ""; }
  const bool inplace;  ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.GELU: x times the share of the normal distribution that lies below x, or with approximate = "tanh"
/// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))). Any shape.
class GELU : public Module {
 public:
  /// Throws Error where approximate is neither "none" nor "tanh".
  explicit GELU(std::string approximate = "none");
  Value forward(Value x) const override;
  std::string type_name() const override { return "GELU"; }
  std::string extra_repr() const override;
  const std::string approximate;  ///< "none" or "tanh"
};

/// torch.nn.Softplus: log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold. Any shape.
class Softplus : public Module {
 public:
  /// As torch.nn makes it.
  explicit Softplus(IntegerOrNumber beta = 1.0, IntegerOrNumber threshold = 20.0) : beta(beta), threshold(threshold) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softplus"; }
  std::string extra_repr() const override;
  const IntegerOrNumber beta;       ///< how sharp the bend is
  const IntegerOrNumber threshold;  ///< of beta * x, from which on the result is x
};

/// torch.nn.Hardtanh: x, but at least min_val and at most max_val. Any shape.
class Hardtanh : public Module {
 public:
  /// Throws Error where max_val is not greater than min_val.
  explicit Hardtanh(IntegerOrNumber min_val = -1.0, IntegerOrNumber max_val = 1.0, bool inplace = false);
  Value forward(Value x) const override;
  std::string type_name() const override { return "Hardtanh"; }
  std::string extra_repr() const override;
  const IntegerOrNumber min_val;  ///< the least result
  const IntegerOrNumber max_val;  ///< the greatest
  const bool inplace;             ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.ReLU6: x, but at least 0 and at most 6. Any shape.
class ReLU6 : public Module {
 public:
  /// As torch.nn makes it.
  explicit ReLU6(bool inplace = false) : inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ReLU6"; }
  std::string extra_repr() const override { return inplace ? "inplace=True" : ""; }
  const bool inplace;  ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.Hardsigmoid: x + 3 within [0, 6], divided by 6. Any shape. PyTorch does not print inplace.
class Hardsigmoid : public Module {
 public:
  /// As torch.nn makes it.
  explicit Hardsigmoid(bool inplace = false) : inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Hardsigmoid"; }
  const bool inplace;  ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.Hardswish: x * Hardsigmoid(x). Any shape. PyTorch does not print inplace.
class Hardswish : public Module {
 public:
  /// As torch.nn makes it.
  explicit Hardswish(bool inplace = false) : inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Hardswish"; }
  const bool inplace;  ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.Mish: x * tanh(log(1 + exp(x))). Any shape.
class Mish : public Module {
 public:
  /// As torch.nn makes it.
  explicit Mish(bool inplace = false) : inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Mish"; }
  std::string extra_repr() const override { return inplace ? "inplace=True" : ""; }
  const bool inplace;  ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.SELU: 1.0507 times ELU of alpha 1.6733. Any shape.
class SELU : public Module {
 public:
  /// As torch.nn makes it.
  explicit SELU(bool inplace = false) : inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "SELU"; }
  std::string extra_repr() const override { return inplace ? "inplace=True" : ""; }
  const bool inplace;  ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.CELU: x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere. Any shape.
class CELU : public Module {
 public:
  /// Throws Error where alpha is 0.
  explicit CELU(IntegerOrNumber alpha = 1.0, bool inplace = false);
  Value forward(Value x) const override;
  std::string type_name() const override { return "CELU"; }
  std::string extra_repr() const override;
  const IntegerOrNumber alpha;  ///< what is approached far below 0, negated
  const bool inplace;           ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.Softsign: x / (1 + |x|), NaN of infinities. Any shape.
class Softsign : public Module {
 public:
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softsign"; }
};

/// torch.nn.Tanhshrink: x - tanh(x). Any shape.
class Tanhshrink : public Module {
 public:
  Value forward(Value x) const override;
  std::string type_name() const override { return "Tanhshrink"; }
};

/// torch.nn.Hardshrink: x, but 0 from -lambd to lambd. Any shape.
class Hardshrink : public Module {
 public:
  /// As torch.nn makes it.
  explicit Hardshrink(IntegerOrNumber lambd = 0.5) : lambd(lambd) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Hardshrink"; }
  std::string extra_repr() const override;
  const IntegerOrNumber lambd;  ///< the largest number that becomes 0
};

/// torch.nn.Softshrink: x - lambd where x > lambd, x + lambd where x < -lambd, 0 elsewhere. Any shape.
class Softshrink : public Module {
 public:
  /// Throws Error where lambd is negative.
  explicit Softshrink(IntegerOrNumber lambd = 0.5);
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softshrink"; }
  std::string extra_repr() const override;
  const IntegerOrNumber lambd;  ///< by how much results are nearer to 0
};

/// torch.nn.LogSigmoid: log(1 / (1 + exp(-x))). Any shape.
class LogSigmoid : public Module {
 public:
  Value forward(Value x) const override;
  std::string type_name() const override { return "LogSigmoid"; }
};

/// torch.nn.Threshold: x where x > threshold, `value` elsewhere, NaN kept. Any shape.
class Threshold : public Module {
 public:
  /// As torch.nn makes it.
  Threshold(IntegerOrNumber threshold, IntegerOrNumber value, bool inplace = false)
      : threshold(threshold), value(value), inplace(inplace) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Threshold"; }
  std::string extra_repr() const override;
  const IntegerOrNumber threshold;  ///< the largest number that is replaced
  const IntegerOrNumber value;      ///< by what
  const bool inplace;               ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.RReLU at inference: x where x >= 0, (lower + upper) / 2 * x elsewhere. Any shape.
class RReLU : public Module {
 public:
  /// Throws Error where lower is greater than upper.
  explicit RReLU(IntegerOrNumber lower = 0.125, IntegerOrNumber upper = 1.0 / 3, bool inplace = false);
  Value forward(Value x) const override;
  std::string type_name() const override { return "RReLU"; }
  std::string extra_repr() const override;
  const IntegerOrNumber lower;  ///< the least slope of training
  const IntegerOrNumber upper;  ///< the greatest
  const bool inplace;           ///< whether the result takes the place of the input for who reads that later
};

/// torch.nn.GLU: the first half of dimension `dim`, times the sigmoid of the second. Throws Error, when called, where
/// its size is odd.
class GLU : public Module {
 public:
  /// As torch.nn makes it.
  explicit GLU(int64_t dim = -1) : dim(dim) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "GLU"; }
  std::string extra_repr() const override;
  const int64_t dim;  ///< which is halved; negative counts from the end
};

}  // namespace upconv
