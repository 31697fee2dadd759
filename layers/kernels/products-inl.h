#pragma once
// Winograd's products of one point. Contract: kernels.h, struct Products. The inner loop, its registers and what it
// asks of the caches are direct-inl.h's; a pass over all tiles keeps the weights, IC * 64 or 128 bytes, in L1.
//
// The lines of the tiles that come next are asked for while the last channels are multiplied, and sums are stored where
// they are: a register tile lasts only IC * pixels cycles here, and what lies between two of them is 6 % of 128
// channels. Each register tile asks for its share of the weights of the products that follow, so that they come while
// all tiles are multiplied, not while the first one is; where there is but one, it asks 64 channels ahead.
#include "direct-inl.h"

namespace upconv::kernels {
namespace {

/// R tiles by V vectors.
template <class Arch, int R, int V>
UPCONV_INLINE void product_tile(const Products& p, int64_t tile, const float* following, int64_t step) {
  using S = Simd<Arch>;
  typename S::Batch acc[R][V];
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) UPCONV_UNROLL
  for (int v = 0; v < V; ++v) acc[r][v] = typename S::Batch(0.0f);

  const float* w[1] = {p.w};
  const float* ahead[1] = {following};
  const float* line = p.v + tile * panel_lanes;
  for (int64_t rest = p.IC; rest > 0; rest -= panel_lanes, line += p.pitch) {
    const float* next = rest > panel_lanes ? line + p.pitch : p.v + (tile + R) * panel_lanes;
    multiply_line<Arch, R, 1, V>(acc, line, next, w, ahead, step, rest < panel_lanes ? rest : panel_lanes);
  }

  float* m = p.m + tile * V * S::width;
  UPCONV_UNROLL
  for (int r = 0; r < R; ++r) UPCONV_UNROLL
  for (int v = 0; v < V; ++v) S::store(m + (r * V + v) * S::width, acc[r][v]);
}

/// Tiles first to last - 1, at most R of them: one template, every tail.
template <class Arch, int V, int R>
void product_tiles(const Products& p, int64_t first, int64_t last, const float* ahead, int64_t step) {
  if constexpr (R > 1) {
    if (last - first < R) return product_tiles<Arch, V, R - 1>(p, first, last, ahead, step);
  }
  product_tile<Arch, R, V>(p, first, ahead, step);
}

template <class Arch>
void products(const Products& p) {
  assert(p.tiles >= 1 && p.IC >= 1 && p.vectors >= 1 && p.vectors <= Simd<Arch>::vectors);
  assert(p.pitch >= p.tiles * panel_lanes && is_aligned(p.w, sizeof(typename Simd<Arch>::Batch)));
  constexpr int R = Simd<Arch>::pixels, two = Simd<Arch>::vectors;
  const int64_t cuts = (p.tiles + R - 1) / R;
  const int64_t lanes = p.vectors * Simd<Arch>::width, step = (lanes + cuts - 1) / cuts;
  const float* ahead = cuts > 1 ? p.next : p.w + 64 * lanes;
  for (int64_t cut = 0; cut < cuts; ++cut, ahead += p.IC * step) {
    const int64_t first = p.tiles * cut / cuts, last = p.tiles * (cut + 1) / cuts;
    if (p.vectors == two)
      product_tiles<Arch, two, R>(p, first, last, ahead, step);
    else
      product_tiles<Arch, 1, R>(p, first, last, ahead, step);
  }
}

}  // namespace
}  // namespace upconv::kernels
