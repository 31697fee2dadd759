#pragma once
// The driver of the kernel for convolutions of every channel with a kernel of its own.
#include <memory>
#include <optional>
#include <vector>

#include "../geometry.h"

namespace upconv::internal {

/// Whether there are several channels and every one is a group, for itself.
bool is_depthwise(int64_t groups, int64_t in_channels, int64_t out_channels);

/// Weights and bias as Table::depthwise reads them: w[tap][channel].
class PackedDepthwise {
 public:
  PackedDepthwise(const kernels::Table& table, const WeightView& weight, const Packer& packer);
  const float* weights() const { return packed_.span.data(); }
  const float* shift() const { return weights() + shift_at_; }
  int64_t tap() const { return tap_; }  ///< floats from one tap's weights to the next
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  PackedFloats packed_;
  int64_t tap_, shift_at_;
};

/// Cycles of one core for an image; nothing where the kernel does not apply.
std::optional<double> depthwise_cost(const ConvGeometry& geometry, const kernels::Table& table);

/// The input must lie channels-last.
std::unique_ptr<Step> depthwise_step(ConvGeometry geometry, std::shared_ptr<const PackedDepthwise> packed,
                                     const kernels::Table& table, ConvContext context);

}  // namespace upconv::internal
