#include <atomic>

#include "layers/kernels/tiles.h"

namespace upconv::kernels {

#if defined(__x86_64__)
extern const TileKernels amx_table;
#endif

namespace {
std::atomic<const TileKernels*> lent = nullptr;
}  // namespace

const TileKernels* tile_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::amx) return &amx_table;
#endif
  return lent;
}

void lend_tile_kernels(const TileKernels* tiles) { lent = tiles; }

}  // namespace upconv::kernels
