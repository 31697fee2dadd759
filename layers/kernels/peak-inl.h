#pragma once
// The machine's own limit: multiply-adds on registers alone. Contract: kernels.h, Table::peak.
#include "kernels.h"
#include "simd.h"

namespace upconv::kernels {
namespace {

/// As many chains as the direct kernel has accumulators, so that latency is covered in the same way. Where its
/// multiply-adds take a lane they do so here, and add to what they are added to, as they must there.
template <class Arch>
double peak(int64_t rounds, float* sink) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int chains = S::pixels * S::vectors;
  constexpr int repeats = 8;
  Batch acc[chains];
  UPCONV_UNROLL
  for (int c = 0; c < chains; ++c) acc[c] = Batch(static_cast<float>(c));
  Batch a(*sink), b(*sink);
  for (int64_t i = 0; i < rounds; ++i) UPCONV_UNROLL
  for (int k = 0; k < repeats; ++k) UPCONV_UNROLL
  for (int c = 0; c < chains; ++c) {
    if constexpr (requires { S::folds_lane; })
      S::template accumulate_lane<0>(acc[c], a, b);
    else
      acc[c] = S::fma(acc[c], a, b);
  }
  Batch sum = acc[0];
  UPCONV_UNROLL
  for (int c = 1; c < chains; ++c) sum = sum + acc[c];
  float lanes[S::width];
  S::store(lanes, sum);
  *sink = lanes[0];
  return 2.0 * repeats * chains * S::width;
}

}  // namespace
}  // namespace upconv::kernels
