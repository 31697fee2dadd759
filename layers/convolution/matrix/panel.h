#pragma once
// What matrix tiles read of a picture, rounded or in parts, where their plan wants it.
#include "../../kernels/tiles.h"
#include "../panel.h"
#include "cut.h"

namespace upconv::internal {

/// Packs the lines of a work: panels of pairs, [part][block of 32 channels][line].
class MatrixPanel {
 public:
  /// For bfloat16 `parts` is 1, and the source's panels are of pairs; for floats more.
  MatrixPanel(const kernels::TileKernels& tiles, const MatrixPlan& plan, const MatrixLines& lines, int64_t channels,
              int64_t cols, int32_t parts)
      : tiles_(tiles), plan_(plan), lines_(lines), channels_(channels), cols_(plan.cols.inputs(cols)), parts_(parts) {}

  /// Floats from one block of channels, and from one part, to the next.
  int64_t pitch() const { return lines_.all * kernels::panel_lanes; }
  int64_t part() const { return plan_.input_blocks * pitch(); }
  int64_t floats() const { return parts_ * part(); }
  /// Floats of a row that waits for being split, or for its residues being brought together.
  int64_t spare_floats() const { return 2 * plan_.input_blocks * spare_pitch(); }

  void pack(const PanelSource& source, const MatrixWork& work, float* panel, float* spare) const;

 private:
  int64_t spare_pitch() const { return cols_ * kernels::panel_lanes; }
  void pack_row(const PanelSource& source, const SeenPixels& row, int64_t line, float* panel, float* spare) const;
  void pack_planes(const PanelSource& source, const SeenPixels& row, float* to) const;
  void put_zeros(int64_t line, int64_t cols, float* panel) const;

  const kernels::TileKernels& tiles_;
  const MatrixPlan& plan_;
  const MatrixLines& lines_;
  int64_t channels_;
  int64_t cols_;  // inputs of a row
  int32_t parts_;
};

}  // namespace upconv::internal
