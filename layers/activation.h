#pragma once
#include "../framework/module.h"

namespace upconv {

/// torch.nn.ReLU: max(x, 0), NaN kept. Any shape.
class ReLU : public Module {
 public:
  explicit ReLU(bool inplace = false) : inplace(inplace) {}
  using Module::forward;
  Value forward(Value x) const override;
  std::string type_name() const override { return "ReLU"; }
  std::string extra_repr() const override { return inplace ? "inplace=True" : ""; }
  bool inplace;
};

/// torch.nn.LeakyReLU: x where x >= 0, negative_slope * x elsewhere. Any shape.
class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01, bool inplace = false)
      : negative_slope(negative_slope), inplace(inplace) {}
  using Module::forward;
  Value forward(Value x) const override;
  std::string type_name() const override { return "LeakyReLU"; }
  std::string extra_repr() const override;
  double negative_slope;
  bool inplace;
};

/// torch.nn.Tanh. Any shape.
class Tanh : public Module {
 public:
  using Module::forward;
  Value forward(Value x) const override;
  std::string type_name() const override { return "Tanh"; }
};

/// torch.nn.Sigmoid: 1 / (1 + exp(-x)). Any shape.
class Sigmoid : public Module {
 public:
  using Module::forward;
  Value forward(Value x) const override;
  std::string type_name() const override { return "Sigmoid"; }
};

}  // namespace upconv
