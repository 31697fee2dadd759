#pragma once
// A model of the processor's matrix tiles, for machines that have none: plain C++, with the same bits.
#include "layers/kernels/tiles.h"

namespace upconv::reference {

/// The kernel of tiles over the model.
const kernels::TileKernels& tile_model();

/// Whether this thread has the model's tiles configured, as it has between a step's first and its last product.
bool has_model_configured();

/// While one lives, instruction sets that have no tiles of their own have the model's.
class LentTileModel {
 public:
  LentTileModel() { kernels::lend_tile_kernels(&tile_model()); }
  ~LentTileModel() { kernels::lend_tile_kernels(nullptr); }
  LentTileModel(const LentTileModel&) = delete;
  LentTileModel& operator=(const LentTileModel&) = delete;
};

}  // namespace upconv::reference
