#include "table-inl.h"

namespace upconv::kernels {
extern const Table avx2_table;
constexpr Table avx2_table = make_table<xsimd::avx2>(Isa::avx2);
}  // namespace upconv::kernels
