#pragma once
// The work of matrix tiles, cut for threads.
#include <vector>

#include "plan.h"
#include "weights.h"

namespace upconv::internal {

/// What one thread does at a time: some blocks of output channels for a run of positions of some images, of all phases.
struct MatrixWork {
  Range blocks, images, rows, cols;
};

/// What the cutting depends on.
struct MatrixCutting {
  const ConvGeometry& geometry;
  const ConvContext& context;
  const MatrixPlan& plan;
  int32_t parts;
  int64_t blocks;
};

/// The works of a layer, and the largest of their parts of the picture.
struct MatrixWorks {
  MatrixCut cut;
  std::vector<MatrixWork> all;  ///< runs of blocks outermost, so that their weights stay
};

/// Floats of a block's weights.
int64_t weights_of_block(const MatrixCutting& of);
MatrixWorks works_of(const MatrixCutting& of);

}  // namespace upconv::internal
