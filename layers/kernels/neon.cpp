#include "neon-inl.h"
#include "table-inl.h"

namespace upconv::kernels {
extern const Table neon_table;
constexpr Table neon_table = make_table<Neon>(Isa::neon);
}  // namespace upconv::kernels
