#include "layers/convolution/machine.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "layers/convolution/machine_class.h"

namespace upconv::internal {

const MachineCosts& machine_costs(Isa isa) {
  static const auto all = [] {
    std::array<MachineCosts, 5> costs;
    for (Isa one : {Isa::scalar, Isa::sse2, Isa::avx2, Isa::avx512, Isa::amx})
      costs[static_cast<size_t>(one)] = costs_of(properties_of(processor(), one));
    if (bfloat16_instructions() != Bfloat16::fast) costs[static_cast<size_t>(Isa::amx)].pair_product = 4;
    return costs;
  }();
  return all[static_cast<size_t>(isa)];
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
