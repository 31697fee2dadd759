#pragma once
#include <optional>
#include <string>

#include "../framework/module.h"
#include "integer_or_number.h"

namespace upconv {

/// torch.nn.RMSNorm of (..., normalized_shape): y = x / sqrt(mean of x^2 + eps) * weight, the mean over those last
/// dimensions. Parameter: weight (normalized_shape), 1 until set.
class RMSNorm : public Module {
 public:
  /// `eps` of nothing is 2^-23, float32's own. Throws Error where normalized_shape is empty or has a size that is not
  /// positive.
  explicit RMSNorm(Shape normalized_shape, std::optional<IntegerOrNumber> eps = {}, bool elementwise_affine = true);
  /// Of the last dimension alone.
  explicit RMSNorm(int64_t normalized_shape, std::optional<IntegerOrNumber> eps = {}, bool elementwise_affine = true)
      : RMSNorm(Shape{normalized_shape}, eps, elementwise_affine) {}

  Value forward(Value x) const override;
  std::string type_name() const override { return "RMSNorm"; }
  std::string extra_repr() const override;

  const Shape normalized_shape;              ///< the last dimensions
  const std::optional<IntegerOrNumber> eps;  ///< added to the mean of squares
  const bool elementwise_affine;             ///< whether there is a weight
  const Parameter weight;  ///< what multiplies, (normalized_shape); not the module's without elementwise_affine
};

}  // namespace upconv
