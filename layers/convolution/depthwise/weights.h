#pragma once
// Weights as the kernel for convolutions of every channel with a kernel of its own reads them.
#include <span>

#include "../weights.h"

namespace upconv::internal {

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

/// Whether there are several channels and every one is a group, for itself.
inline bool is_depthwise(int64_t groups, int64_t in_channels, int64_t out_channels) {
  return groups > 1 && groups == in_channels && groups == out_channels;
}

}  // namespace upconv::internal
