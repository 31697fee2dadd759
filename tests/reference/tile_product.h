#pragma once
// What the model of matrix tiles computes, in a file of its own that is optimised where the model's memory is watched.
#include "layers/kernels/tiles.h"

namespace upconv::reference {

/// The words of one line of a tile.
using TileLine = float[kernels::tile_lanes];

/// A product of tiles, as tiles.h has it: sums[line][output] of a[line][pair] and b[pair][output].
void multiply_tile(const TileLine* a, const TileLine* b, TileLine* sums);

}  // namespace upconv::reference
