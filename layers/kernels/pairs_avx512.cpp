#include "pairs-inl.h"

namespace upconv::kernels {
extern const PairKernels pairs_avx512_table;
constexpr PairKernels pairs_avx512_table = make_pair_kernels<Pairs<xsimd::avx512f>>(Isa::avx512);
}  // namespace upconv::kernels
