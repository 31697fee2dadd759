#include <algorithm>

#include "layers/kernels/kernels.h"

namespace upconv::kernels {

#if defined(__x86_64__)
extern const PairKernels pairs_avx512_bf16_table, pairs_avx512_table, pairs_avx2_table;
#endif
extern const PairKernels pairs_scalar_table;

namespace {

/// The model of vdpbf16ps for an instruction set.
const PairKernels& pair_model(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512 || isa == Isa::amx) return pairs_avx512_table;
  if (isa == Isa::avx2) return pairs_avx2_table;
#endif
  return pairs_scalar_table;
}

Table with_pairs(Isa isa) {
  const PairKernels& pairs = *pair_kernels(isa).front();
  Table table = kernels::table(pairs.isa);
  table.isa = isa;
  table.pixels = pairs.pixels;
  table.direct = pairs.direct;
  table.products = pairs.products;
  std::copy(std::begin(pairs.winograd_input), std::end(pairs.winograd_input), std::begin(table.winograd_input));
  for (int scheme = 0; scheme < schemes; ++scheme)
    if (pairs.winograd_output[scheme]) table.winograd_output[scheme] = pairs.winograd_output[scheme];
  table.pairs = &pairs;
  return table;
}

}  // namespace

std::vector<const PairKernels*> pair_kernels(Isa isa) {
  std::vector<const PairKernels*> found = {&pair_model(isa)};
#if defined(__x86_64__)
  const Bfloat16 instructions = bfloat16_instructions();
  if ((isa == Isa::avx512 || isa == Isa::amx) && instructions != Bfloat16::none)
    found.insert(instructions == Bfloat16::fast ? found.begin() : found.end(), &pairs_avx512_bf16_table);
#endif
  return found;
}

const Table& pair_table(Isa isa) {
  static const std::vector<Table> all = [] {
    std::vector<Table> made;
    for (Isa available : available_isas()) made.push_back(with_pairs(available));
    return made;
  }();
  (void)table(isa);  // throws where there is none
  return *std::find_if(all.begin(), all.end(), [&](const Table& one) { return one.isa == isa; });
}

}  // namespace upconv::kernels
