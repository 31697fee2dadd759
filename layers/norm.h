#pragma once
#include <optional>

#include "../framework/module.h"

namespace upconv {

/// The arguments of batch norms after num_features, in PyTorch's order and with its defaults.
struct BatchNorm2dOptions {
  double eps = 1e-5;                     ///< added to variances
  std::optional<double> momentum = 0.1;  ///< of training; kept because it is printed
  bool affine = true;                    ///< whether there are weight and bias
  bool track_running_stats = true;       ///< whether there are buffers, and they are the statistics
  bool bias = true;                      ///< with affine
};

/// What BatchNorm2d and InstanceNorm2d share.
template <class Options>
class FeatureNorm : public Module {
 public:
  /// The arguments, as PyTorch prints them.
  std::string extra_repr() const override;

  const int64_t num_features;           ///< channels
  const Options options;                ///< the other arguments
  const Parameter weight;               ///< what multiplies, (num_features); not the module's without affine
  const Parameter bias;                 ///< what is added, (num_features); not the module's where options say so
  const Parameter running_mean;         ///< (num_features), not the module's without track_running_stats
  const Parameter running_var;          ///< the same
  const Parameter num_batches_tracked;  ///< int64 (), the same

 protected:
  /// The part of the layer that is called `layer`.
  FeatureNorm(const char* layer, int64_t num_features, const Options& options);
};

/// torch.nn.BatchNorm2d at inference: y = (x - running_mean) / sqrt(running_var + eps) * weight + bias per channel of
/// (N, num_features, H, W). The compiler folds it into the layer before it where it can. Parameters: weight and bias
/// (num_features), 1 and 0 until set; buffers: running_mean, running_var (0 and 1), num_batches_tracked (int64).
/// Without track_running_stats there are no buffers, and mean and biased variance are those of the whole batch: a
/// picture then depends on the others.
class BatchNorm2d : public FeatureNorm<BatchNorm2dOptions> {
 public:
  /// Throws Error where num_features is not positive.
  explicit BatchNorm2d(int64_t num_features, BatchNorm2dOptions options = {})
      : FeatureNorm("BatchNorm2d", num_features, options) {}

  Value forward(Value x) const override;
  std::string type_name() const override { return "BatchNorm2d"; }
};

/// torch.nn.BatchNorm1d: the same of (N, num_features) or (N, num_features, L). It is folded into a Linear before it.
class BatchNorm1d : public FeatureNorm<BatchNorm2dOptions> {
 public:
  /// Throws Error where num_features is not positive.
  explicit BatchNorm1d(int64_t num_features, BatchNorm2dOptions options = {})
      : FeatureNorm("BatchNorm1d", num_features, options) {}

  Value forward(Value x) const override;
  std::string type_name() const override { return "BatchNorm1d"; }
};

/// torch.nn.SyncBatchNorm at inference, where nothing is left to synchronise: the same of (N, num_features, ...).
class SyncBatchNorm : public FeatureNorm<BatchNorm2dOptions> {
 public:
  /// Throws Error where num_features is not positive.
  explicit SyncBatchNorm(int64_t num_features, BatchNorm2dOptions options = {})
      : FeatureNorm("SyncBatchNorm", num_features, options) {}

  Value forward(Value x) const override;
  std::string type_name() const override { return "SyncBatchNorm"; }
};

/// The arguments of instance norms after num_features, in PyTorch's order and with its defaults.
struct InstanceNorm2dOptions {
  double eps = 1e-5;                     ///< added to variances
  std::optional<double> momentum = 0.1;  ///< of training; kept because it is printed
  bool affine = false;                   ///< whether there are weight and bias
  bool track_running_stats = false;      ///< whether there are buffers, and they are the statistics
  bool bias = true;                      ///< with affine
};

/// torch.nn.InstanceNorm2d at inference, of (N, C, H, W) or (C, H, W): y = (x - mean) / sqrt(variance + eps) * weight +
/// bias with the mean and the biased variance of each channel of each picture. With track_running_stats it takes
/// running_mean and running_var instead, as BatchNorm2d does. Parameters with affine, and buffers with
/// track_running_stats: BatchNorm2d's. C must be num_features where there are any of them.
class InstanceNorm2d : public FeatureNorm<InstanceNorm2dOptions> {
 public:
  /// Throws Error where num_features is not positive.
  explicit InstanceNorm2d(int64_t num_features, InstanceNorm2dOptions options = {})
      : FeatureNorm("InstanceNorm2d", num_features, options) {}

  Value forward(Value x) const override;
  std::string type_name() const override { return "InstanceNorm2d"; }
};

/// torch.nn.InstanceNorm1d: the same of (N, C, L) or (C, L).
class InstanceNorm1d : public FeatureNorm<InstanceNorm2dOptions> {
 public:
  /// Throws Error where num_features is not positive.
  explicit InstanceNorm1d(int64_t num_features, InstanceNorm2dOptions options = {})
      : FeatureNorm("InstanceNorm1d", num_features, options) {}

  Value forward(Value x) const override;
  std::string type_name() const override { return "InstanceNorm1d"; }
};

/// The arguments of GroupNorm after num_channels, in PyTorch's order and with its defaults.
struct GroupNormOptions {
  double eps = 1e-5;   ///< added to variances
  bool affine = true;  ///< whether there are weight and bias
  bool bias = true;    ///< with affine
};

/// torch.nn.GroupNorm of (N, num_channels, ...): y = (x - mean) / sqrt(variance + eps) * weight + bias with the mean
/// and the biased variance of each group of num_channels / num_groups channels of each image. Parameters: weight and
/// bias (num_channels), 1 and 0 until set.
class GroupNorm : public Module {
 public:
  /// Throws Error where a number is not positive or num_channels not divisible by num_groups.
  GroupNorm(int64_t num_groups, int64_t num_channels, GroupNormOptions options = {});

  Value forward(Value x) const override;
  std::string type_name() const override { return "GroupNorm"; }
  std::string extra_repr() const override;

  const int64_t num_groups;        ///< of channels
  const int64_t num_channels;      ///< of all groups
  const GroupNormOptions options;  ///< the other arguments
  const Parameter weight;          ///< what multiplies, (num_channels); not the module's without affine
  const Parameter bias;            ///< what is added, (num_channels); not the module's where options say so
};

/// The arguments of LayerNorm after normalized_shape, in PyTorch's order and with its defaults.
struct LayerNormOptions {
  double eps = 1e-5;               ///< added to variances
  bool elementwise_affine = true;  ///< whether there are weight and bias
  bool bias = true;                ///< with elementwise_affine
};

/// torch.nn.LayerNorm of (..., normalized_shape): y = (x - mean) / sqrt(variance + eps) * weight + bias with the mean
/// and the biased variance over those last dimensions. Parameters: weight and bias (normalized_shape), 1 and 0 until
/// set.
class LayerNorm : public Module {
 public:
  /// Throws Error where normalized_shape is empty or has a size that is not positive.
  explicit LayerNorm(Shape normalized_shape, LayerNormOptions options = {});
  /// Of the last dimension alone.
  explicit LayerNorm(int64_t normalized_shape, LayerNormOptions options = {})
      : LayerNorm(Shape{normalized_shape}, options) {}

  Value forward(Value x) const override;
  std::string type_name() const override { return "LayerNorm"; }
  std::string extra_repr() const override;

  const Shape normalized_shape;    ///< the last dimensions
  const LayerNormOptions options;  ///< the other arguments
  const Parameter weight;          ///< what multiplies, (normalized_shape); not the module's without elementwise_affine
  const Parameter bias;            ///< what is added, (normalized_shape); not the module's where options say so
};

}  // namespace upconv
