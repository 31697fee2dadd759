#pragma once
// Weights as matrix tiles read them.
#include <span>
#include <vector>

#include "../../kernels/tiles.h"
#include "../geometry.h"
#include "../weights.h"
#include "plan.h"

namespace upconv::internal {

/// A run of output channels of one group: up to two tiles of them.
struct MatrixBlock {
  const float* w;       ///< as kernels::TileProducts has it
  int64_t input_block;  ///< the first of the group's blocks of 32 input channels
  int64_t oc;           ///< the first output channel
  int32_t lanes;        ///< output channels
  int32_t tiles;        ///< 1 or 2
};

/// Weights and bias: w[block][pass][block of 32 channels][tap][part][tile][pair of channels][oc in tile].
class PackedMatrix {
 public:
  PackedMatrix(const kernels::Table& table, const WeightView& weight, const Packer& packer,
               const kernels::TileKernels& tiles, int32_t parts, const TapOrder& order);
  const std::vector<MatrixBlock>& blocks() const { return blocks_; }
  const TapOrder& order() const { return order_; }
  /// Of each output channel, or of each lane where phases are together, padded to whole tiles.
  const float* shift() const { return packed_.span.data() + shifts_; }
  size_t weight_bytes() const { return static_cast<size_t>(shifts_) * sizeof(float); }
  /// Whether no weight is infinite or NaN, so that an input of zero adds nothing.
  bool finite() const { return finite_; }
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  PackedFloats packed_;
  std::vector<MatrixBlock> blocks_;
  TapOrder order_;
  int64_t shifts_ = 0;
  bool finite_;
};

}  // namespace upconv::internal
