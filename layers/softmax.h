#pragma once
#include <optional>

#include "../framework/module.h"

namespace upconv {

/// What Softmax, Softmin and LogSoftmax share.
class AlongDim : public Module {
 public:
  std::string extra_repr() const override;
  const std::optional<int64_t> dim;  ///< along which the results, or their exponentials, add up to 1

 protected:
  /// Without dim it is what PyTorch guesses: 0 for values of 0, 1 and 3 dimensions, else 1.
  explicit AlongDim(std::optional<int64_t> dim) : dim(dim) {}
};

/// torch.nn.Softmax: exp(x) divided by its sum along dimension dim, which counts from the end where it is negative. Any
/// shape. Without dim it is what PyTorch guesses: 0 for values of 0, 1 and 3 dimensions, else 1.
class Softmax : public AlongDim {
 public:
  /// As torch.nn makes it.
  explicit Softmax(std::optional<int64_t> dim = {}) : AlongDim(dim) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softmax"; }
};

/// torch.nn.Softmin: Softmax of -x.
class Softmin : public AlongDim {
 public:
  /// As torch.nn makes it.
  explicit Softmin(std::optional<int64_t> dim = {}) : AlongDim(dim) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softmin"; }
};

/// torch.nn.LogSoftmax: the logarithm of Softmax, computed so that none of it is lost.
class LogSoftmax : public AlongDim {
 public:
  /// As torch.nn makes it.
  explicit LogSoftmax(std::optional<int64_t> dim = {}) : AlongDim(dim) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "LogSoftmax"; }
};

/// torch.nn.Softmax2d: Softmax of the channels of each pixel, of (N, C, H, W) or (C, H, W).
class Softmax2d : public Module {
 public:
  Value forward(Value x) const override;
  std::string type_name() const override { return "Softmax2d"; }
};

}  // namespace upconv
