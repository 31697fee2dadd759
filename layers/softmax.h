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

/// torch.nn.Softmin: Softmax of -x.
class Softmin : public Module {
 public:
  /// As torch.nn makes it.
  explicit Softmin(std::optional<int64_t> dim = {}) : dim(dim) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softmin"; }
  std::string extra_repr() const override;
  const std::optional<int64_t> dim;  ///< along which the results add up to 1
};

/// torch.nn.LogSoftmax: the logarithm of Softmax, computed so that none of it is lost.
class LogSoftmax : public Module {
 public:
  /// As torch.nn makes it.
  explicit LogSoftmax(std::optional<int64_t> dim = {}) : dim(dim) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "LogSoftmax"; }
  std::string extra_repr() const override;
  const std::optional<int64_t> dim;  ///< along which the exponentials add up to 1
};

/// torch.nn.Softmax2d: Softmax of the channels of each pixel, of (N, C, H, W) or (C, H, W).
class Softmax2d : public Module {
 public:
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softmax2d"; }
};

}  // namespace upconv
