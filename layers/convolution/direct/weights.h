#pragma once
// Weights as the direct kernel reads them.
#include <span>
#include <vector>

#include "../weights.h"

namespace upconv::internal {

/// Weights and bias: w[block][tap][ic][oc in block], tap = kh * KW + kw. For kernels of pairs words of two input
/// channels take the place of floats.
class PackedDirect {
 public:
  PackedDirect(const kernels::Table& table, const WeightView& weight, const Packer& packer);
  const std::vector<kernels::Block>& blocks() const { return blocks_; }
  /// Bytes of the packed weights.
  size_t bytes() const { return weight_bytes_; }
  int64_t taps() const { return taps_; }
  /// Whether no weight is infinite or NaN, so that an input of zero adds nothing.
  bool finite() const { return finite_; }
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  PackedFloats packed_;
  std::vector<kernels::Block> blocks_;
  size_t weight_bytes_;
  int64_t taps_;
  bool finite_;
};

}  // namespace upconv::internal
