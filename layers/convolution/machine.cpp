#include "layers/convolution/machine.h"

#include <unistd.h>

#include <algorithm>

namespace upconv::internal {
namespace {

/// Whether this machine computes the vectors of an instruction set in halves.
bool in_halves([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx2) return __builtin_cpu_is("znver1");
  if (isa == Isa::avx512) return __builtin_cpu_is("amdfam19h");  // of this family Zen 4 alone has it
#endif
  return false;
}

}  // namespace

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
