#pragma once
// The direct kernel's work, cut for threads.
#include <optional>
#include <vector>

#include "regions.h"
#include "weights.h"

namespace upconv::internal {

/// What one thread does at a time: some blocks of channels for a run of rows of one row phase, or of all that share a
/// window, over some images, all column phases.
struct DirectTile {
  Range blocks;
  Range phases;  ///< of the rows
  Range images;
  Range rows;
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

/// Runs of blocks outermost, so that their weights are read once and stay; then row phases, images, rows.
std::vector<DirectTile> cut(const DirectCut& of);

}  // namespace upconv::internal
