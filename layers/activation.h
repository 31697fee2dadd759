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
