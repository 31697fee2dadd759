#pragma once
#include "../framework/module.h"

namespace upconv {

/// The arguments of BatchNorm2d after num_features, in PyTorch's order and with its defaults.
struct BatchNorm2dOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;  ///< of training; kept because it is printed
  bool affine = true;
  bool bias = true;  ///< with affine
};

/// torch.nn.BatchNorm2d at inference: y = (x - running_mean) / sqrt(running_var + eps) * weight + bias per channel of
/// (N, num_features, H, W). The compiler folds it into the layer before it where it can. Parameters: weight and bias
/// (num_features), 1 and 0 until set; buffers: running_mean, running_var (0 and 1), num_batches_tracked (int64).
class BatchNorm2d : public Module {
 public:
  /// Throws Error where num_features is not positive.
  explicit BatchNorm2d(int64_t num_features, BatchNorm2dOptions options = {});

  using Module::forward;
  Value forward(Value x) const override;
  std::string type_name() const override { return "BatchNorm2d"; }
  std::string extra_repr() const override;

  int64_t num_features;
  BatchNorm2dOptions options;
  Parameter weight, bias;  ///< not the module's where options say so
  Parameter running_mean, running_var, num_batches_tracked;
};

}  // namespace upconv
