#pragma once
// Winograd's products of all points of F(4,2) with weights as they are. Contract: kernels.h, struct LeanProducts.
//
// Transformed weights are 25/4 times as many: a layer of few tiles would spend its time on fetching them. Here a
// channel fetches 4 vectors, makes those of all 25 points from them in registers by some 40 additions, and uses each
// for all tiles of a register tile. Where additions have units of their own (Zen) they take no time beside 4 tiles or
// more; with one tile some are fused with the doubling before them, which is exact, so that additions and multiply-adds
// are about as many.
//
// Registers: R rows of 5 points by T tiles of one vector of outputs, so an input serves one multiply-add and is best
// broadcast inside it. A register tile's inputs lie together, [point][tile][channel]: every address is one pointer and
// a constant. Few tiles take the rows of a and -a together, whose weights come from the same vectors. Channels come in
// chunks whose weights stay in L1 while all points and tiles pass by; sums wait in `m` meanwhile. Each pass asks for
// its share of the weights of the chunk that follows.
//
// Measured, Zen 4, of a peak of 117 GFLOP/s: 95 % for 4 and 5 tiles, 85 % for one with weights from L3. Lost: 3 b as a
// product (6 %, but for one tile); chunks of 4 or 8 KB (7 and 3 %), of 32 KB (even); lines of inputs asked for two
// blocks ahead (even).
#include "simd.h"

namespace upconv::kernels {
namespace {

constexpr int lean_points = 5;  // in a row: n of F(4,2)

/// What one pass over some channels asks for ahead of time: `step` floats further for each channel.
struct LeanAhead {
  const float* weights;
  int64_t step;
};

/// sums[j][t] += x[j][t] * U[j] along the columns, U made of a row's two values. `Fused`: see above.
template <class Arch, int T, bool Fused>
UPCONV_INLINE void multiply_row(typename Simd<Arch>::Batch (&sums)[lean_points][T], const float* x,
                                typename Simd<Arch>::Batch even, typename Simd<Arch>::Batch odd) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const auto accumulate = [&](int j, Batch weight) __attribute__((always_inline)) {
    UPCONV_UNROLL
    for (int t = 0; t < T; ++t) {
      const float* input = x + (j * T + t) * panel_lanes;
      if constexpr (S::folds_broadcast)
        S::accumulate(sums[j][t], input, weight);
      else
        S::accumulate(sums[j][t], Batch(*input), weight);
    }
  };
  const Batch sum = even + odd, difference = even - odd, two(2.0f), twice = odd + odd;
  accumulate(0, sum);
  accumulate(1, difference);
  accumulate(2, Fused ? S::fma(two, odd, sum) : sum + twice);
  accumulate(3, Fused ? S::fma(-two, odd, difference) : difference - twice);
  accumulate(4, odd);
}

/// Rows First to First + R - 1 of points for T tiles from `tile` on and `count` channels from `first` on.
template <class Arch, int First, int R, int T>
void lean_tile(const LeanProducts& p, int64_t tile, int64_t first, int64_t count, LeanAhead& ahead) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int64_t row = lean_points * T * panel_lanes, block = lean_points * row;
  Batch sums[R][lean_points][T];
  float* m = p.m + (First * lean_points * p.tiles + tile) * S::width;
  const auto each = [&](auto f) __attribute__((always_inline)) {
    UPCONV_UNROLL
    for (int j = 0; j < R * lean_points; ++j) UPCONV_UNROLL
    for (int t = 0; t < T; ++t) f(sums[j / lean_points][j % lean_points][t], m + (j * p.tiles + t) * S::width);
  };
  if (first == 0)
    each([](Batch & sum, const float*) __attribute__((always_inline)) { sum = Batch(0.0f); });
  else
    each([](Batch & sum, const float* at) __attribute__((always_inline)) { sum = S::load(at); });

  const float* w = p.w + first * 4 * S::width;
  const float* line = p.v + tile * lean_points * lean_points * ((p.IC + panel_lanes - 1) / panel_lanes * panel_lanes) +
                      first / panel_lanes * block + First * row;
  const int64_t step = ahead.step;
  const float* next = ahead.weights;
  for (int64_t rest = count; rest > 0; rest -= panel_lanes, line += block) {
    UPCONV_UNROLL
    for (int j = 0; j < R * lean_points * T; ++j) __builtin_prefetch(line + block + j * panel_lanes);
    const float* const end = line + (rest < panel_lanes ? rest : panel_lanes);
    const float* x = line;
    const auto channel = [&]() __attribute__((always_inline)) {
      __builtin_prefetch(next);
      __builtin_prefetch(next + step / 2);
      const auto tap = [&](int i, int j) __attribute__((always_inline)) { return S::load(w + (2 * i + j) * S::width); };
      // Column j of the row of a or b, and of -a or -b.
      const auto plus = [&](int j) __attribute__((always_inline)) {
        const Batch sum = tap(0, j) + tap(1, j);
        return First >= 2 ? sum + (tap(1, j) + tap(1, j)) : sum;
      };
      const auto minus = [&](int j) __attribute__((always_inline)) {
        const Batch difference = tap(0, j) - tap(1, j);
        return First >= 2 ? difference - (tap(1, j) + tap(1, j)) : difference;
      };
      if constexpr (First == 4) {
        multiply_row<Arch, T, false>(sums[0], x, tap(1, 0), tap(1, 1));
      } else if constexpr (R == 2) {
        multiply_row<Arch, T, T == 1 && First == 2>(sums[0], x, plus(0), plus(1));
        multiply_row<Arch, T, T == 1>(sums[1], x + row, minus(0), minus(1));
      } else if constexpr (First % 2 == 0) {
        multiply_row<Arch, T, false>(sums[0], x, plus(0), plus(1));
      } else {
        multiply_row<Arch, T, false>(sums[0], x, minus(0), minus(1));
      }
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

/// All points of T tiles.
template <class Arch, int T>
void lean_tiles(const LeanProducts& p, int64_t tile, int64_t first, int64_t count, LeanAhead& ahead) {
  if constexpr (2 * T <= Simd<Arch>::lean_tiles) {
    lean_tile<Arch, 0, 2, T>(p, tile, first, count, ahead);
    lean_tile<Arch, 2, 2, T>(p, tile, first, count, ahead);
  } else {
    lean_tile<Arch, 0, 1, T>(p, tile, first, count, ahead);
    lean_tile<Arch, 1, 1, T>(p, tile, first, count, ahead);
    lean_tile<Arch, 2, 1, T>(p, tile, first, count, ahead);
    lean_tile<Arch, 3, 1, T>(p, tile, first, count, ahead);
  }
  lean_tile<Arch, 4, 1, T>(p, tile, first, count, ahead);
}

/// Calls lean_tiles for `tiles` of them, at most T: one template, every tail.
template <class Arch, int T>
void lean_cut(const LeanProducts& p, int64_t tile, int64_t tiles, int64_t first, int64_t count, LeanAhead& ahead) {
  if constexpr (T > 1) {
    if (tiles < T) return lean_cut<Arch, T - 1>(p, tile, tiles, first, count, ahead);
  }
  lean_tiles<Arch, T>(p, tile, first, count, ahead);
}

template <class Arch>
void lean_products(const LeanProducts& p) {
  using S = Simd<Arch>;
  constexpr int T = S::lean_tiles;
  constexpr int64_t chunk = 4096 / (4 * S::width);  // channels whose weights take 16 KB
  const int64_t cuts = (p.tiles + T - 1) / T;
  const int64_t passes = cuts * (2 * ((p.tiles + cuts - 1) / cuts) <= T ? 3 : 5);
  for (int64_t first = 0; first < p.IC; first += chunk) {
    const int64_t count = p.IC - first < chunk ? p.IC - first : chunk;
    LeanAhead ahead{p.w + (first + count) * 4 * S::width, (4 * S::width + passes - 1) / passes};
    for (int64_t cut = 0; cut < cuts; ++cut) {
      const int64_t begin = lean_begin(p.tiles, cuts, cut);
      lean_cut<Arch, T>(p, begin, lean_begin(p.tiles, cuts, cut + 1) - begin, first, count, ahead);
    }
  }
}

}  // namespace
}  // namespace upconv::kernels
