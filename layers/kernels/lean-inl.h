#pragma once
// Winograd's products of all points of F(m,2) with weights as they are. Contract: kernels.h, struct LeanProducts.
//
// Transformed weights of F(4,2) are 25/4 times as many: a layer of few tiles would spend its time on fetching them.
// Here a channel fetches 4 vectors, makes those of all 25 points from them in registers by some 40 additions, and uses
// each for all tiles of a register tile. Where additions have units of their own (Zen) they take no time beside 4 tiles
// or more; with one tile some are fused with the doubling before them, which is exact, so that additions and
// multiply-adds are about as many.
//
// Registers: R rows of n points by T tiles of one vector of outputs, so an input serves one multiply-add and is best
// broadcast inside it. A register tile's inputs lie together, [point][tile][channel]: every address is one pointer and
// a constant. Few tiles take the rows of a and -a together, whose weights come from the same vectors. Channels come in
// chunks whose weights stay in L1 while all points and tiles pass by; sums wait in `m` meanwhile. Each pass asks for
// its share of the weights of the chunk that follows.
//
// Measured, Zen 4, of a peak of 117 GFLOP/s: 95 % for 4 and 5 tiles, 85 % for one with weights from L3. Lost: 3 b as a
// product (6 %, but for one tile); chunks of 4 or 8 KB (7 and 3 %), of 32 KB (even); lines of inputs asked for two
// blocks ahead (even).
#include "simd.h"
#include "winograd_schemes.h"

namespace upconv::kernels {
namespace {

/// What one pass over some channels asks for ahead of time: `step` floats further for each channel.
struct LeanAhead {
  const float* weights;
  int64_t step;
};

/// G'[i][t].
template <class W>
consteval int lean_factor(int i, int t) {
  const double factor = W::G[i][t] / W::f[t];
  return static_cast<int>(factor < 0 ? factor - 0.5 : factor + 0.5);
}

/// Whether rows i and i + 1 of G' are those of points a and -a.
template <class W>
consteval bool lean_mirrored(int i) {
  return i + 1 < W::n && lean_factor<W>(i, 0) != 0 && lean_factor<W>(i, 0) == lean_factor<W>(i + 1, 0) &&
         lean_factor<W>(i, 1) == -lean_factor<W>(i + 1, 1);
}

/// G'[i][0] * even + G'[i][1] * odd. `Fused` has the same bits.
template <class Arch, class W, int i, bool Fused = false>
UPCONV_INLINE typename Simd<Arch>::Batch lean_weight(typename Simd<Arch>::Batch even, typename Simd<Arch>::Batch odd) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int e = lean_factor<W>(i, 0), o = lean_factor<W>(i, 1);
  if constexpr (e == 0 || o == 0) {
    static_assert((e + o == 1 || e + o == 2) && (e == 0 || o == 0));
    const Batch one = e == 0 ? odd : even;
    return e + o == 1 ? one : one + one;
  } else {
    static_assert(e == 1 && (o == 1 || o == -1 || o == 3 || o == -3));
    const Batch near = o > 0 ? even + odd : even - odd;
    if constexpr (o == 1 || o == -1) return near;
    if constexpr (Fused) return S::fma(Batch(o > 0 ? 2.0f : -2.0f), odd, near);
    return o > 0 ? near + (odd + odd) : near - (odd + odd);
  }
}

/// sums[j][t] += x[j][t] * U[j] along the columns, U made of a row's two values. `Fused`: see above.
template <class Arch, class W, int T, bool Fused, int j = 0>
UPCONV_INLINE void multiply_row(typename Simd<Arch>::Batch (&sums)[W::n][T], const float* x,
                                typename Simd<Arch>::Batch even, typename Simd<Arch>::Batch odd) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  if constexpr (j < W::n) {
    const Batch weight = lean_weight<Arch, W, j, Fused>(even, odd);
    UPCONV_UNROLL
    for (int t = 0; t < T; ++t) {
      const float* input = x + (j * T + t) * panel_lanes;
      if constexpr (S::folds_broadcast)
        S::accumulate(sums[j][t], input, weight);
      else
        S::accumulate(sums[j][t], Batch(*input), weight);
    }
    multiply_row<Arch, W, T, Fused, j + 1>(sums, x, even, odd);
  }
}

/// Rows First to First + R - 1 of points for T tiles from `tile` on and `count` channels from `first` on.
template <class Arch, class W, int First, int R, int T>
void lean_tile(const LeanProducts& p, int64_t tile, int64_t first, int64_t count, LeanAhead& ahead) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int n = W::n;
  constexpr int64_t row = n * T * panel_lanes, block = n * row;
  Batch sums[R][n][T];
  float* m = p.m + (First * n * p.tiles + tile) * S::width;
  const auto each = [&](auto f) __attribute__((always_inline)) {
    UPCONV_UNROLL
    for (int j = 0; j < R * n; ++j) UPCONV_UNROLL
    for (int t = 0; t < T; ++t) f(sums[j / n][j % n][t], m + (j * p.tiles + t) * S::width);
  };
  if (first == 0)
    each([](Batch & sum, const float*) __attribute__((always_inline)) { sum = Batch(0.0f); });
  else
    each([](Batch & sum, const float* at) __attribute__((always_inline)) { sum = S::load(at); });

  const float* w = p.w + first * 4 * S::width;
  const float* line = p.v + tile * n * n * ((p.IC + panel_lanes - 1) / panel_lanes * panel_lanes) +
                      first / panel_lanes * block + First * row;
  const int64_t step = ahead.step;
  const float* next = ahead.weights;
  for (int64_t rest = count; rest > 0; rest -= panel_lanes, line += block) {
    UPCONV_UNROLL
    for (int j = 0; j < R * n * T; ++j) __builtin_prefetch(line + block + j * panel_lanes);
    const float* const end = line + (rest < panel_lanes ? rest : panel_lanes);
    const float* x = line;
    const auto channel = [&]() __attribute__((always_inline)) {
      __builtin_prefetch(next);
      __builtin_prefetch(next + step / 2);
      const auto tap = [&](int i, int j) __attribute__((always_inline)) { return S::load(w + (2 * i + j) * S::width); };
      multiply_row<Arch, W, T, T == 1 && First == 2>(sums[0], x, lean_weight<Arch, W, First>(tap(0, 0), tap(1, 0)),
                                                     lean_weight<Arch, W, First>(tap(0, 1), tap(1, 1)));
      if constexpr (R == 2)
        multiply_row<Arch, W, T, T == 1>(sums[1], x + row, lean_weight<Arch, W, First + 1>(tap(0, 0), tap(1, 0)),
                                         lean_weight<Arch, W, First + 1>(tap(0, 1), tap(1, 1)));
      ++x;
      w += 4 * S::width;
      next += step;
    };
    if constexpr (T == 1) {  // GCC moves its sums about otherwise: 7 % of 512-256 k4s2 4x4
#pragma GCC unroll 2
      while (x < end) channel();
    } else {
      while (x < end) channel();
    }
  }
  ahead.weights = next;
  each([](Batch & sum, float* at) __attribute__((always_inline)) { S::store(at, sum); });
}

/// Whether registers hold the sums of two rows of points of so many tiles.
template <class Arch, class W>
constexpr bool lean_pairs(int64_t tiles) {
  return 2 * W::n * tiles <= Simd<Arch>::lean_sums;
}

/// How many rows of points are taken together from row i on, and how many passes that makes of all.
template <class W>
consteval int lean_rows(int i, bool pairs) {
  return pairs && lean_mirrored<W>(i) ? 2 : 1;
}
template <class W>
consteval int lean_passes(bool pairs) {
  int passes = 0;
  for (int i = 0; i < W::n; i += lean_rows<W>(i, pairs)) ++passes;
  return passes;
}

/// All points of T tiles, from row i on.
template <class Arch, class W, int T, int i = 0>
void lean_tiles(const LeanProducts& p, int64_t tile, int64_t first, int64_t count, LeanAhead& ahead) {
  if constexpr (i < W::n) {
    constexpr int R = lean_rows<W>(i, lean_pairs<Arch, W>(T));
    lean_tile<Arch, W, i, R, T>(p, tile, first, count, ahead);
    lean_tiles<Arch, W, T, i + R>(p, tile, first, count, ahead);
  }
}

/// Calls lean_tiles for `tiles` of them, at most T: one template, every tail.
template <class Arch, class W, int T>
void lean_part(const LeanProducts& p, int64_t tile, int64_t tiles, int64_t first, int64_t count, LeanAhead& ahead) {
  if constexpr (T > 1) {
    if (tiles < T) return lean_part<Arch, W, T - 1>(p, tile, tiles, first, count, ahead);
  }
  lean_tiles<Arch, W, T>(p, tile, first, count, ahead);
}

template <class Arch, class W>
void lean_products(const LeanProducts& p) {
  assert(p.tiles >= 1 && p.IC >= 1 && is_aligned(p.w, sizeof(typename Simd<Arch>::Batch)));
  using S = Simd<Arch>;
  constexpr int T = S::lean_sums / W::n;
  constexpr int64_t chunk = 4096 / (4 * S::width);  // channels whose weights take 16 KB
  const int64_t parts = (p.tiles + T - 1) / T;
  const bool pairs = lean_pairs<Arch, W>((p.tiles + parts - 1) / parts);
  const int64_t passes = parts * (pairs ? lean_passes<W>(true) : lean_passes<W>(false));
  for (int64_t first = 0; first < p.IC; first += chunk) {
    const int64_t count = p.IC - first < chunk ? p.IC - first : chunk;
    LeanAhead ahead{p.w + (first + count) * 4 * S::width, (4 * S::width + passes - 1) / passes};
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t begin = lean_begin(p.tiles, parts, part);
      lean_part<Arch, W, T>(p, begin, lean_begin(p.tiles, parts, part + 1) - begin, first, count, ahead);
    }
  }
}

}  // namespace
}  // namespace upconv::kernels
