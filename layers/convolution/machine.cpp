#include "layers/convolution/machine.h"

#include <unistd.h>

#include <algorithm>

#include "framework/processor.h"

namespace upconv::internal {
namespace {

/// Whether this machine computes the vectors of an instruction set in halves.
bool in_halves(Isa isa) {
  if (isa == Isa::avx2) return processor().is_zen1();
  if (isa == Isa::avx512) return processor().is_zen3_or_4();  // of these Zen 4 alone has it
  return false;
}

}  // namespace

bool additions_are_free() { return processor().amd; }

bool broadcasts_are_dear(Isa isa) { return isa == Isa::avx512 && !in_halves(isa); }

const MachineCosts& machine_costs(Isa isa) {
  if (isa == Isa::avx512) return in_halves(isa) ? wide_vectors_in_halves : wide_vectors;
  return in_halves(isa) ? narrow_vectors_in_halves : narrow_vectors;
}

int64_t l2_bytes() {
  constexpr int64_t least = 512 << 10;
#ifdef _SC_LEVEL2_CACHE_SIZE
  static const int64_t bytes = std::max<int64_t>(least, ::sysconf(_SC_LEVEL2_CACHE_SIZE));
  return bytes;
#else
  return least;
#endif
}

}  // namespace upconv::internal
