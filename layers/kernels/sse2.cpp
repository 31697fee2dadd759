#include "table-inl.h"

namespace upconv::kernels {
extern const Table sse2_table;
constexpr Table sse2_table = make_table<xsimd::sse2>(Isa::sse2);
}  // namespace upconv::kernels
