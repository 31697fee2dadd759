#pragma once
// The drivers of the kernel that has pixels of a row in its lanes: by direct sums, and, for few output channels, with a
// Winograd scheme from row to row.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../winograd/plan.h"

namespace upconv::internal {

/// Weights and bias as Table::rows reads them: w[block][ic][tap][oc in block], blocks of row_outputs(); or, where a
/// scheme transforms the kernel's columns of taps, w[ic][row phase][point][column of the kernel][oc].
class PackedRows {
 public:
  PackedRows(const kernels::Table& table, const WeightView& weight, const Packer& packer, const ConvGeometry& geometry,
             const std::optional<Tiling>& tiling);
  int64_t blocks() const { return blocks_; }
  const float* weights(int64_t block) const { return packed_.span.data() + block * block_; }
  const float* shift() const { return packed_.span.data() + shift_at_; }
  int64_t channel() const { return channel_; }  ///< floats from one input channel's weights to the next
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
std::string rows_key(const ConvGeometry& geometry, const std::optional<Tiling>& tiling);

/// The algorithm's name in programs: "rows", "rows F(3,2)".
std::string rows_name(const std::optional<Tiling>& tiling);

/// Cycles of one core for an image; nothing where the kernel does not apply: groups, rows that do not fill vectors, a
/// tiling that does not fit the rows, or one for more than kernels::few_row_outputs output channels.
std::optional<double> rows_cost(const ConvGeometry& geometry, Layout input, Layout output, const kernels::Table& table,
                                const std::optional<Tiling>& tiling);

/// `packed` must be finite.
std::unique_ptr<Step> rows_step(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                                const kernels::Table& table, ConvContext context, const std::optional<Tiling>& tiling);

}  // namespace upconv::internal
