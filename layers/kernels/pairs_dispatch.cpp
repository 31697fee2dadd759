#include <algorithm>

#include "layers/kernels/kernels.h"
#include "layers/kernels/tiles.h"

namespace upconv::kernels {

#if defined(__x86_64__)
extern const PairKernels pairs_avx512_bf16_table;
#endif
extern const PairKernels pairs_scalar_table;

namespace {

/// Whether pairs are multiplied faster than floats, or the model is asked for.
bool multiplies_pairs(Isa isa) {
  if (isa == Isa::scalar || tile_kernels(isa)) return true;
  return isa == Isa::avx512 && bfloat16_instructions() == Bfloat16::fast;
}

/// What multiplies pairs in vectors, beside tiles too: the instruction, or the model where the processor has none.
const PairKernels& pairs_of([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  const bool is_wide = isa == Isa::avx512 || isa == Isa::amx;
  if (is_wide && bfloat16_instructions() != Bfloat16::none) return pairs_avx512_bf16_table;
#endif
  return pairs_scalar_table;
}

Table with_pairs(Isa isa) {
  const PairKernels& pairs = pairs_of(isa);
  Table table = kernels::table(pairs.isa);
  table.isa = isa;
  table.pixels = pairs.pixels;
  table.direct = pairs.direct;
  table.products = pairs.products;
  table.add_pixels = pairs.add_pixels;
  std::copy(std::begin(pairs.winograd_input), std::end(pairs.winograd_input), std::begin(table.winograd_input));
  std::copy(std::begin(pairs.winograd_output), std::end(pairs.winograd_output), std::begin(table.winograd_output));
  table.pairs = &pairs;
  return table;
}

}  // namespace

std::vector<const PairKernels*> pair_kernels() {
  std::vector<const PairKernels*> found = {&pairs_scalar_table};
#if defined(__x86_64__)
  if (bfloat16_instructions() != Bfloat16::none) found.push_back(&pairs_avx512_bf16_table);
#endif
  return found;
}

const Table* pair_table(Isa isa) {
  static const std::vector<Table> all = [] {
    std::vector<Table> made;
    for (Isa available : available_isas()) made.push_back(with_pairs(available));
    return made;
  }();
  (void)table(isa);  // throws where there is none
  if (!multiplies_pairs(isa)) return nullptr;
  return &*std::find_if(all.begin(), all.end(), [&](const Table& one) { return one.isa == isa; });
}

}  // namespace upconv::kernels
