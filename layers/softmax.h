#pragma once
#include <optional>

#include "../framework/module.h"

namespace upconv {

/// torch.nn.Softmax: exp(x) divided by its sum along dimension dim, which counts from the end where it is negative. Any
/// shape. Without dim it is what PyTorch guesses: 0 for values of 0, 1 and 3 dimensions, else 1.
class Softmax : public Module {
 public:
  /// As torch.nn makes it.
  explicit Softmax(std::optional<int64_t> dim = {}) : dim(dim) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softmax"; }
  std::string extra_repr() const override;
  const std::optional<int64_t> dim;  ///< along which the results add up to 1
};

}  // namespace upconv
