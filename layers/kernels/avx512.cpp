#include "table-inl.h"

namespace upconv::kernels {
extern const Table avx512_table;
constexpr Table avx512_table = make_table<xsimd::avx512f>(Isa::avx512);
}  // namespace upconv::kernels
