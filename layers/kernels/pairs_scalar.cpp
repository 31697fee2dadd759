#include "pairs-inl.h"

namespace upconv::kernels {
extern const PairKernels pairs_scalar_table;
constexpr PairKernels pairs_scalar_table = make_pair_kernels<Pairs<Scalar>>(Isa::scalar);
}  // namespace upconv::kernels
