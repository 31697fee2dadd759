#pragma once
// Weights as the direct kernel reads them.
#include <span>
#include <vector>

#include "../weights.h"

namespace upconv::internal {

/// Weights and bias: w[block][tap][ic][oc in block], tap = kh * KW + kw. For kernels of pairs, and halved, words of
/// two input channels take the place of floats.
class PackedDirect {
 public:
  PackedDirect(const kernels::Table& table, const WeightView& weight, const Packer& packer, bool halved);
  const std::vector<kernels::Block>& blocks() const { return blocks_; }
  /// Bytes of the packed weights.
  size_t bytes() const { return weight_bytes_; }
  int64_t taps() const { return taps_; }
  /// Whether no weight is infinite or NaN, so that an input of zero adds nothing.
  bool finite() const { return finite_; }
  /// Whether it is for Table::direct_halved.
  bool halved() const { return halved_; }
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  PackedFloats packed_;
  std::vector<kernels::Block> blocks_;
  size_t weight_bytes_;
  int64_t taps_;
  bool finite_, halved_;
};

}  // namespace upconv::internal
