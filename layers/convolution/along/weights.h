#pragma once
// Weights that are transformed along the rows of a kernel.
#include <span>
#include <vector>

#include "../weights.h"
#include "plan.h"

namespace upconv::internal {

/// Weights and bias: w[block][point][row of the kernel][chunk][ic][oc in block], G g of each chunk.
class PackedAlong {
 public:
  PackedAlong(const kernels::Table& table, const WeightView& weight, const Packer& packer, const AlongPlan& plan,
              int64_t KW);

  int64_t blocks() const { return static_cast<int64_t>(blocks_.size()); }
  /// The weights of a point, as Table::direct takes them; it adds zeros, as sums are transformed before the bias.
  kernels::Block point(int64_t block, int64_t point) const;
  /// The first output channel of a block, how many it has, and its bias.
  int64_t oc(int64_t block) const { return at(block).oc; }
  int32_t lanes(int64_t block) const { return at(block).lanes; }
  const float* shift(int64_t block) const { return packed_.span.data() + shifts_ + block * full_; }
  /// Whether no weight is infinite or NaN, so that an input of zero adds nothing.
  bool finite() const { return finite_; }
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  struct Lanes {
    int64_t start;  ///< of its weights
    int64_t oc;
    int32_t vectors, lanes;
  };
  int64_t floats_of_point(int32_t vectors) const;
  const Lanes& at(int64_t block) const { return blocks_[static_cast<size_t>(block)]; }

  PackedFloats packed_;
  std::vector<Lanes> blocks_;
  int32_t width_;
  int64_t full_;  // lanes of a whole block
  int64_t taps_;  // of a point: rows of the kernel times chunks
  int64_t IC_, shifts_, zeros_;
  bool finite_;
};

}  // namespace upconv::internal
