#pragma once
// The drivers of the kernel that has pixels of a row in its lanes: by direct sums, and, for few output channels, with a
// Winograd scheme from row to row.
#include <memory>
#include <string>
#include <vector>

#include "../../arithmetic.h"
#include "weights.h"
#include "window.h"

namespace upconv::internal {

/// What one thread does at a time: a run of rows of outputs, of all row phases, or of tiles of them, in one image.
struct RowTile {
  int64_t image;
  Range units;
};

/// What the two have in common.
class RowsStep : public Step {
 public:
  RowsStep(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed, const kernels::Table& table,
           ConvContext context, std::string algorithm)
      : geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(std::move(context)),
        algorithm_(std::move(algorithm)),
        window_(geometry_, table_, context_) {}

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return algorithm_; }
  double flops() const override { return context_.flops; }
  size_t weight_bytes() const override { return packed_->floats().size_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override { return static_cast<size_t>(scratch_floats_) * sizeof(float); }

 protected:
  /// Cuts the units of each image into tiles; returns the most units of one.
  struct RowCut {
    int64_t count;          ///< units of an image
    int64_t halo;           ///< units' worth that the first one of a tile packs beside its own
    double products;        ///< multiply-adds of a unit
    int64_t floats;         ///< that a unit packs
    int64_t at_a_time = 1;  ///< units that the kernel computes together
  };
  int64_t cut(const RowCut& of);

  /// Multiply-adds of a row of outputs for one row of the kernel.
  double row_products() const;

  /// Odd lines from one channel to the next spread them over the sets of L1.
  static int64_t odd_lines(int64_t floats) { return (ceil_div(floats, 16) | 1) * 16; }

  /// Rows of all columns' pixels, without a destination.
  kernels::Rows rows_of(const Columns& columns, const RowTaps& taps, int64_t block, const float* x,
                        int64_t channel) const;

  ConvGeometry geometry_;
  std::shared_ptr<const PackedRows> packed_;
  const kernels::Table& table_;
  ConvContext context_;
  std::string algorithm_;
  RowWindow window_;
  std::vector<RowTile> tiles_;
  int64_t scratch_floats_ = 0;
};

/// `packed` must be finite.
std::unique_ptr<Step> direct_rows_step(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                                       const kernels::Table& table, ConvContext context);
std::unique_ptr<Step> winograd_rows_step(kernels::Scheme scheme, ConvGeometry geometry,
                                         std::shared_ptr<const PackedRows> packed, const kernels::Table& table,
                                         ConvContext context);

/// "rows F(3,2)".
std::string rows_name(kernels::Scheme scheme);

}  // namespace upconv::internal
