#include "table-inl.h"

namespace upconv::kernels {
namespace {

/// AVX-512 for machines on which every operand that a multiply-add broadcasts from memory costs it a load that it
/// cannot afford: 16 loads and 3 requests for 28 multiply-adds, where the table's usual mixture has 21 and 3. The bits
/// are the same.
struct FewLoads {};
template <>
struct Simd<FewLoads> : Simd<xsimd::avx512f> {
  static constexpr bool folds_broadcast = false;
};

constexpr Table with_few_loads(Table table) {
  table.direct = direct<FewLoads>;
  table.products = products<FewLoads>;
  return table;
}

}  // namespace

extern const Table avx512_table, avx512_few_loads_table;
constexpr Table avx512_table = make_table<xsimd::avx512f>(Isa::avx512);
constexpr Table avx512_few_loads_table = with_few_loads(avx512_table);
}  // namespace upconv::kernels
