#include "pairs-inl.h"

namespace upconv::kernels {
extern const PairKernels pairs_avx512_bf16_table;
constexpr PairKernels pairs_avx512_bf16_table = make_pair_kernels<Bf16Instructions>(Isa::avx512);
}  // namespace upconv::kernels
