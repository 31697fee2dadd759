#pragma once
// A function of values in the middle of a network, where pictures lie channels-last.
#include "tests/support.h"

namespace upconv::testing {

using Function = std::function<Value(const Values&)>;

/// The convolution that changes nothing and lays its output out as its reader likes.
inline ConvTranspose2d identity(int64_t channels) {
  ConvTranspose2d layer(channels, channels, 1, {.groups = channels, .bias = false});
  layer.weight.set(Tensor({channels, 1, 1, 1}, std::vector<float>(static_cast<size_t>(channels), 1)));
  return layer;
}

/// `function` of its inputs; inside, with an identity() before each picture and after the result.
class Sandwich : public ModuleOf<Values(Values)> {
 public:
  Sandwich(Function function, bool inside) : function_(std::move(function)), inside_(inside) {}
  Values forward(Values xs) const override {
    for (Value& x : xs) x = wrapped(x);
    return {wrapped(function_(xs))};
  }

 private:
  Value wrapped(Value x) const {
    const bool picture = x.shape().size() == 4 && numel(x.shape()) > 0;
    return inside_ && picture ? identity(x.size(1))(x) : x;
  }
  Function function_;
  bool inside_;
};

/// Whether no step but the first, which may be the input's, changes a layout.
inline bool stays_in_layout(const Program& program) {
  const std::vector<StepInfo> steps = program.steps();
  for (size_t i = 1; i < steps.size(); ++i)
    if (steps[i].operation == "Relayout") return false;
  return true;
}

inline std::vector<Type> types_of(const std::vector<Tensor>& xs) {
  std::vector<Type> types;
  for (const Tensor& x : xs) types.push_back({x.shape(), x.dtype()});
  return types;
}

}  // namespace upconv::testing
