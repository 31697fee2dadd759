#pragma once
// Winograd's products of all points of F(m,2) with weights as they are. Contract: kernels.h, struct LeanProducts.
//
// Transformed weights of F(4,2) are 25/4 times as many: a layer of few tiles would spend its time on fetching them.
// Here a channel fetches 4 vectors, makes those of all 25 points from them in registers by some 40 additions, and uses
// each for all tiles of a register tile. Where additions have units of their own (Zen) they take no time beside 4 tiles
// or more; with one tile some are fused with the doubling before them, which is exact, so that additions and
// multiply-adds are about as many.
//
// Registers: R rows of n points by T tiles by V vectors of outputs. With one vector an input serves one multiply-add
// and is best broadcast inside it: 1.3 loads a multiply-add for 4 tiles of 5 points, 20 inputs, 4 vectors of weights
// and 2 that are asked for. That is as many as Zen 4 loads beside its multiply-adds of halves; where two whole vectors
// are multiplied a cycle, two loads a cycle are all there is, and two vectors of outputs share what is broadcast into a
// register: 22 loads, 10 of them inputs, for 20 multiply-adds. A register tile's inputs lie together,
// [point][tile][channel]: every address is one pointer and a constant. Few tiles take the rows of a and -a together,
// whose weights come from the same vectors. Channels come in chunks whose weights stay in L1 while all points and tiles
// pass by; sums wait in `m` meanwhile. Each pass asks for its share of the weights of the chunk that follows.
//
// Measured, Zen 4, of a peak of 117 GFLOP/s: 95 % for 4 and 5 tiles, 85 % for one with weights from L3. Lost: 3 b as a
// product (6 %, but for one tile); chunks of 4 or 8 KB (7 and 3 %), of 32 KB (even); lines of inputs asked for two
// blocks ahead (even). Zen 5, two vectors: 512-256 k4s2 4x4 with F(2,2) 10 % faster, 256-128 8x8 with F(4,2) 4 %, the
// same in a batch 6 %; chunks of 8 and 32 KB lose 6 % of the latter.
#include <type_traits>

#include "simd.h"
#include "winograd_schemes.h"

namespace upconv::kernels {
namespace {

/// What one pass over some channels asks for ahead of time, so many floats behind the first weights, and `step` floats
/// further for each channel.
struct LeanAhead {
  int64_t at, step;
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

/// sums[v][j][t] += x[j][t] * U[v][j] along the columns, U[v] made of a row's two values. `Fused`: see above.
template <class Arch, class W, int T, int V, bool Fused, int j = 0>
UPCONV_INLINE void multiply_row(typename Simd<Arch>::Batch (&sums)[W::n][T][V], const float* x,
                                const typename Simd<Arch>::Batch (&even)[V],
                                const typename Simd<Arch>::Batch (&odd)[V]) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  if constexpr (j < W::n) {
    Batch weight[V];
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v) weight[v] = lean_weight<Arch, W, j, Fused>(even[v], odd[v]);
    UPCONV_UNROLL
    for (int t = 0; t < T; ++t) {
      const float* from = x + (j * T + t) * panel_lanes;
      if constexpr (S::folds_broadcast && V == 1) {
        S::accumulate(sums[j][t][0], from, weight[0]);
      } else {
        const Batch input(*from);
        UPCONV_UNROLL
        for (int v = 0; v < V; ++v) S::accumulate(sums[j][t][v], input, weight[v]);
      }
    }
    multiply_row<Arch, W, T, V, Fused, j + 1>(sums, x, even, odd);
  }
}

/// Rows First to First + R - 1 of points for T tiles from `tile` on, V vectors of outputs and `count` channels from
/// `first` on.
template <class Arch, class W, int First, int R, int T, int V>
void lean_tile(const LeanProducts& p, int64_t tile, int64_t first, int64_t count, LeanAhead& ahead) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int n = W::n, width = S::width;
  constexpr int64_t row = n * T * panel_lanes, block = n * row;
  Batch sums[R][n][T][V];
  const auto each = [&](auto f) __attribute__((always_inline)) {
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v) {
      float* m = p.m[v] + (First * n * p.tiles + tile) * width;
      UPCONV_UNROLL
      for (int j = 0; j < R * n; ++j) UPCONV_UNROLL
      for (int t = 0; t < T; ++t) f(sums[j / n][j % n][t][v], m + (j * p.tiles + t) * width);
    }
  };
  if (first == 0)
    each([](Batch & sum, const float*) __attribute__((always_inline)) { sum = Batch(0.0f); });
  else
    each([](Batch & sum, const float* at) __attribute__((always_inline)) { sum = S::load(at); });

  const float *w[V], *next[V];
  UPCONV_UNROLL
  for (int v = 0; v < V; ++v) {
    w[v] = p.w[v] + first * 4 * width / in_word<Arch>;
    next[v] = p.w[v] + ahead.at;
  }
  const float* line = p.v + tile * n * n * ((p.IC + panel_lanes - 1) / panel_lanes * panel_lanes) +
                      first / panel_lanes * block + First * row;
  const int64_t step = ahead.step;
  for (int64_t rest = count; rest > 0; rest -= panel_lanes, line += block) {
    UPCONV_UNROLL
    for (int j = 0; j < R * n * T; ++j) __builtin_prefetch(line + block + j * panel_lanes);
    const float* const end = line + (rest < panel_lanes ? rest : panel_lanes);
    const float* x = line;
    // The values of row i of G' down the columns, for column j of the taps.
    const auto down = [&]<int i, bool last>(Batch(&values)[V], int j, std::integral_constant<int, i>,
                                            std::bool_constant<last>) __attribute__((always_inline)) {
      const auto tap = [&](const float* at) __attribute__((always_inline)) {
        if constexpr (in_word<Arch> == 1)
          return S::load(at);
        else if constexpr (last)
          return S::odd(S::load(at));
        else
          return S::even(S::load(at));
      };
      UPCONV_UNROLL
      for (int v = 0; v < V; ++v)
        values[v] = lean_weight<Arch, W, i>(tap(w[v] + j * width), tap(w[v] + (2 + j) * width));
    };
    // `last`: of the word.
    const auto channel = [&](auto last) __attribute__((always_inline)) {
      UPCONV_UNROLL
      for (int v = 0; v < V; ++v) {
        __builtin_prefetch(next[v]);
        __builtin_prefetch(next[v] + step / 2);
        next[v] += step;
      }
      Batch even[V], odd[V];
      down(even, 0, std::integral_constant<int, First>(), last);
      down(odd, 1, std::integral_constant<int, First>(), last);
      multiply_row<Arch, W, T, V, T == 1 && First == 2>(sums[0], x, even, odd);
      if constexpr (R == 2) {
        down(even, 0, std::integral_constant<int, First + 1>(), last);
        down(odd, 1, std::integral_constant<int, First + 1>(), last);
        multiply_row<Arch, W, T, V, T == 1>(sums[1], x + row, even, odd);
      }
      ++x;
      if constexpr (last) UPCONV_UNROLL
      for (int v = 0; v < V; ++v) w[v] += 4 * width;
    };
    if constexpr (in_word<Arch> == 2) {
      while (x < end) {
        channel(std::false_type());
        channel(std::true_type());
      }
    } else if constexpr (T == 1 && V == 1) {  // GCC moves its sums about otherwise: 7 % of 512-256 k4s2 4x4
#pragma GCC unroll 2
      while (x < end) channel(std::true_type());
    } else {
      while (x < end) channel(std::true_type());
    }
  }
  ahead.at += count * step;
  each([](Batch & sum, float* at) __attribute__((always_inline)) { S::store(at, sum); });
}

/// Sums that registers hold for so many vectors of outputs.
template <class Arch, int V>
constexpr int lean_sums = V == 1 ? Simd<Arch>::lean_sums : Simd<Arch>::lean_pair_sums;

/// Whether registers hold the sums of two rows of points of so many tiles.
template <class Arch, class W, int V>
constexpr bool lean_pairs(int64_t tiles) {
  return 2 * W::n * V * tiles <= lean_sums<Arch, V>;
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
template <class Arch, class W, int V, int T, int i = 0>
void lean_tiles(const LeanProducts& p, int64_t tile, int64_t first, int64_t count, LeanAhead& ahead) {
  if constexpr (i < W::n) {
    constexpr int R = lean_rows<W>(i, lean_pairs<Arch, W, V>(T));
    lean_tile<Arch, W, i, R, T, V>(p, tile, first, count, ahead);
    lean_tiles<Arch, W, V, T, i + R>(p, tile, first, count, ahead);
  }
}

/// Calls lean_tiles for `tiles` of them, at most T: one template, every tail.
template <class Arch, class W, int V, int T>
void lean_part(const LeanProducts& p, int64_t tile, int64_t tiles, int64_t first, int64_t count, LeanAhead& ahead) {
  if constexpr (T > 1) {
    if (tiles < T) return lean_part<Arch, W, V, T - 1>(p, tile, tiles, first, count, ahead);
  }
  lean_tiles<Arch, W, V, T>(p, tile, first, count, ahead);
}

template <class Arch, class W, int V>
void lean_vectors(const LeanProducts& p) {
  constexpr int T = lean_sums<Arch, V> / (V * W::n), channel = 4 * Simd<Arch>::width / in_word<Arch>;
  constexpr int64_t chunk = 4096 / channel;  // channels whose weights take 16 KB a vector
  assert(p.parts * T >= p.tiles);
  const bool pairs = lean_pairs<Arch, W, V>((p.tiles + p.parts - 1) / p.parts);
  const int64_t passes = p.parts * (pairs ? lean_passes<W>(true) : lean_passes<W>(false));
  for (int64_t first = 0; first < p.IC; first += chunk) {
    const int64_t count = p.IC - first < chunk ? p.IC - first : chunk, rest = p.IC - first - count;
    // Behind the last channels lie those of the vectors that follow these.
    LeanAhead ahead{(rest > 0 ? first + count : V * p.IC) * channel, (channel + passes - 1) / passes};
    for (int64_t part = 0; part < p.parts; ++part) {
      const int64_t begin = lean_begin(p.tiles, p.parts, part);
      lean_part<Arch, W, V, T>(p, begin, lean_begin(p.tiles, p.parts, part + 1) - begin, first, count, ahead);
    }
  }
}

template <class Arch, class W>
void lean_products(const LeanProducts& p) {
  assert(p.tiles >= 1 && p.parts >= 1 && p.IC >= 1 && p.IC % in_word<Arch> == 0 &&
         is_aligned(p.w[0], sizeof(typename Simd<Arch>::Batch)));
  if constexpr (Simd<Arch>::lean_pair_sums > 0)
    if (p.vectors == 2) return lean_vectors<Arch, W, 2>(p);
  assert(p.vectors == 1);
  lean_vectors<Arch, W, 1>(p);
}

}  // namespace
}  // namespace upconv::kernels
