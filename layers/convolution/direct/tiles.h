#pragma once
// The direct kernel's work, cut for threads.
#include <optional>
#include <vector>

#include "regions.h"
#include "weights.h"

namespace upconv::internal {

/// What one thread does at a time: some blocks of channels for a run of rows of one row phase, or of all that share a
/// window, over some images, all column phases, or a strip of their positions.
struct DirectTile {
  Range blocks;
  Range phases;  ///< of the rows
  Range images;
  Range rows;
  Range cols;  ///< positions of the column phases, which have different numbers of them
};

/// What the cutting depends on.
struct DirectCut {
  const ConvGeometry& geometry;
  const ConvContext& context;
  const kernels::Table& table;
  const PackedDirect& packed;
  const std::optional<Window>& window;
  bool aside;  ///< the output is put aside per tile and transposed from there
};

/// The columns of outputs that all column phases have at these positions, beside one another in the picture.
Range columns_of(const ConvGeometry& geometry, Range cols);

/// Runs of blocks outermost, so that their weights are read once and stay; then row phases, images, rows, strips.
std::vector<DirectTile> cut(const DirectCut& of);

}  // namespace upconv::internal
