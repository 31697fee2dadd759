#include "layers/convolution/machine.h"

#include <algorithm>
#include <array>

#include "layers/convolution/machine_class.h"

namespace upconv::internal {

const MachineCosts& machine_costs(Isa isa) {
  static const auto all = [] {
    std::array<MachineCosts, 6> costs;
    for (Isa one : {Isa::scalar, Isa::sse2, Isa::avx2, Isa::avx512, Isa::amx, Isa::neon})
      costs[static_cast<size_t>(one)] = costs_of(properties_of(processor(), one));
    if (bfloat16_instructions() != Bfloat16::fast) costs[static_cast<size_t>(Isa::amx)].pair_product = 4;
    return costs;
  }();
  return all[static_cast<size_t>(isa)];
}

}  // namespace upconv::internal
