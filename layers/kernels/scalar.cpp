#include "table-inl.h"

namespace upconv::kernels {
extern const Table scalar_table;
constexpr Table scalar_table = make_table<Scalar>(Isa::scalar);
}  // namespace upconv::kernels
