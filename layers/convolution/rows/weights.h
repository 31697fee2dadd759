#pragma once
// Weights as the kernel with pixels in its lanes reads them.
#include <optional>
#include <span>
#include <string>

#include "../geometry.h"
#include "../weights.h"

namespace upconv::internal {

/// Weights and bias as Table::rows reads them: w[block][ic][tap][oc in block], blocks of row_outputs(); or, where a
/// scheme transforms the kernel's columns of taps, w[ic][row phase][point][column of the kernel][oc].
class PackedRows {
 public:
  PackedRows(const kernels::Table& table, const WeightView& weight, const Packer& packer, const ConvGeometry& geometry,
             const std::optional<kernels::Scheme>& scheme);
  int64_t blocks() const { return blocks_; }
  const float* weights(int64_t block) const { return packed_.span.data() + block * block_; }
  const float* shift() const { return packed_.span.data() + shift_at_; }
  int64_t channel() const { return channel_; }  ///< floats from one input channel's weights to the next
  int64_t block() const { return block_; }      ///< and from one block's
  /// Whether no weight is infinite or NaN, so that an input of zero adds nothing.
  bool finite() const { return finite_; }
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  PackedFloats packed_;
  int64_t blocks_, block_, channel_, shift_at_;
  bool finite_;
};

/// Equal for geometries that share packed weights.
std::string rows_key(const ConvGeometry& geometry, const std::optional<kernels::Scheme>& scheme);

/// How many output channels are computed at once: a block, that fills the registers with one column phase or two.
int64_t row_outputs(const ConvGeometry& geometry);

/// Whether these are the two column phases of a stride of 2, whose outputs alternate.
bool alternate(const std::vector<Phase>& phases);

/// How the kernel cuts rows of outputs: into how many strips one row of all columns and output channels, and how many
/// rows it computes together where they are all as wide.
struct RowStrips {
  double count;
  int64_t rows;
};
RowStrips row_strips(const ConvGeometry& geometry, const kernels::Table& table);

}  // namespace upconv::internal
