#include "tests/reference/tile_product.h"

#include <bit>

#include "framework/processor.h"
#include "layers/kernels/simd.h"

namespace upconv::reference {
namespace {

using kernels::tile_lanes, kernels::tile_lines;

float odd_half(float word) { return std::bit_cast<float>(std::bit_cast<uint32_t>(word) & 0xffff0000); }
float even_half(float word) { return std::bit_cast<float>(std::bit_cast<uint32_t>(word) << 16); }

/// sums[i][j] of one line i and the words of b, [pair][j].
UPCONV_INLINE void multiply_line(const TileLine& a, const TileLine* b, TileLine& sums) {
  float even[tile_lanes] = {}, odd[tile_lanes] = {};
  for (int64_t k = 0; k < tile_lines; ++k) {
    const float a_even = even_half(a[k]), a_odd = odd_half(a[k]);
    for (int64_t j = 0; j < tile_lanes; ++j) even[j] = __builtin_fmaf(a_even, even_half(b[k][j]), even[j]);
    for (int64_t j = 0; j < tile_lanes; ++j) odd[j] = __builtin_fmaf(a_odd, odd_half(b[k][j]), odd[j]);
  }
  for (int64_t j = 0; j < tile_lanes; ++j) sums[j] += even[j] + odd[j];
}

void multiply_anywhere(const TileLine* a, const TileLine* b, TileLine* sums) {
  for (int64_t i = 0; i < tile_lines; ++i) multiply_line(a[i], b, sums[i]);
}

#if defined(__x86_64__)
/// The same where fused multiply-adds are instructions: sweeps take minutes without.
__attribute__((target("avx2,fma"))) void multiply_fused(const TileLine* a, const TileLine* b, TileLine* sums) {
  for (int64_t i = 0; i < tile_lines; ++i) multiply_line(a[i], b, sums[i]);
}
#endif

}  // namespace

void multiply_tile(const TileLine* a, const TileLine* b, TileLine* sums) {
#if defined(__x86_64__)
  if (internal::processor().avx2 && internal::processor().fma) return multiply_fused(a, b, sums);
#endif
  multiply_anywhere(a, b, sums);
}

}  // namespace upconv::reference
