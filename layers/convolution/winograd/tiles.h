#pragma once
// A convolution in tiles, and its work cut for threads: what the inputs, the outputs and the steps of Winograd's
// algorithm agree on.
#include <vector>

#include "../geometry.h"
#include "plan.h"

namespace upconv::internal {

/// Everything about a convolution but its weights.
struct TiledConvolution {
  TiledConvolution(const Tiling& tiling, ConvGeometry geometry, const kernels::Table& table, ConvContext context);

  Tiling tiling;
  SchemeSize size;
  ConvGeometry geometry;
  const kernels::Table& table;
  ConvContext context;
  Lanes lanes;
  bool planar_input;  ///< the input is (N, C, H, W)
  bool aside;         ///< the output is put aside and transposed from there
  TiledAxis rows, cols;
  int64_t channel_blocks, residues;

  int64_t points() const { return size.n * size.n; }
};

/// What one thread does at a time: a box of tiles, for some row phases and some groups of output channels.
struct WinogradWork {
  Range images, rows, cols;  ///< of tiles
  Range phases;              ///< of the rows
  Range groups;
  int64_t tiles() const { return images.count() * rows.count() * cols.count(); }
  /// Floats from one block of channels of the transformed inputs to the next: odd lines spread over the sets of L1.
  int64_t pitch() const { return (tiles() | 1) * kernels::panel_lanes; }
};

/// The works of a convolution with so many groups of outputs and bytes of weights; the first is as large as any.
std::vector<WinogradWork> cut(const TiledConvolution& of, int64_t groups, size_t weight_bytes);

}  // namespace upconv::internal
