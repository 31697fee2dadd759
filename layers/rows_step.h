#pragma once
// The driver of the kernel for few output channels, which has pixels of a row in its lanes.
#include <memory>
#include <optional>
#include <vector>

#include "conv_step.h"

namespace upconv {

/// Weights and bias as Table::rows reads them: w[ic][tap][oc].
class PackedRows {
 public:
  PackedRows(const kernels::Table& table, const WeightView& weight, const Packer& packer);
  const float* weights() const { return packed_.span.data(); }
  const float* shift() const { return weights() + shift_at_; }
  int64_t channel() const { return channel_; }  ///< floats from one input channel's weights to the next
  /// Whether no weight is infinite or NaN, so that an input of zero adds nothing.
  bool finite() const;
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  PackedFloats packed_;
  int64_t channel_, shift_at_;
};

/// Cycles of one core for an image; nothing where the kernel does not apply: more than kernels::most_row_outputs output
/// channels, groups, or rows that do not fill vectors.
std::optional<double> rows_cost(const ConvGeometry& geometry, const kernels::Table& table);

/// `packed` must be finite.
std::unique_ptr<Step> rows_step(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                                const kernels::Table& table, ConvContext context);

}  // namespace upconv
