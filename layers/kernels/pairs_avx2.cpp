#include "pairs-inl.h"

namespace upconv::kernels {
extern const PairKernels pairs_avx2_table;
constexpr PairKernels pairs_avx2_table = make_pair_kernels<Pairs<xsimd::avx2>>(Isa::avx2);
}  // namespace upconv::kernels
