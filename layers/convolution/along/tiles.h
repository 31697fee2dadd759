#pragma once
// The work of Winograd's algorithm along rows, cut for threads.
#include <vector>

#include "../geometry.h"
#include "plan.h"

namespace upconv::internal {

/// What one thread does at a time: some blocks of output channels of a strip of braids in a run of rows of an image.
struct AlongTile {
  Range blocks;
  int64_t image;
  Range rows;    ///< of outputs
  Range braids;  ///< of the plan
};

/// What the cutting depends on.
struct AlongCut {
  const AlongPlan& plan;
  const ConvGeometry& geometry;
  const ConvContext& context;
  const kernels::Table& table;
  int64_t blocks;
};

/// Braids whose inputs, points and products should fill no more than `bytes` of L2, but always a register tile's worth.
int64_t most_braids(const AlongPlan& plan, const ConvGeometry& geometry, const kernels::Table& table, int64_t bytes);

/// Runs of blocks outermost, so that their weights stay; then images, rows, strips.
std::vector<AlongTile> cut(const AlongCut& of);

}  // namespace upconv::internal
