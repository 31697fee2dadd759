#pragma once
// The two transforms around Winograd's products; the products themselves are Table::direct over the transformed panel.
// Contracts: kernels.h, structs WinogradInput and WinogradOutput.
//
// Both work on one vector of channels at a time, first down the columns, then along the rows.
#include "activation-inl.h"
#include "winograd_schemes.h"

namespace upconv::kernels {
namespace {

/// sum of row[j] * d[j] over the j that `takes` names, where the compiler sees the row: additions for 1 and -1, nothing
/// for 0. At least one is not 0.
template <class Arch, int n, class Takes>
UPCONV_INLINE typename Simd<Arch>::Batch combine(const float (&row)[n], const typename Simd<Arch>::Batch* d,
                                                 Takes takes) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch sum(0.0f);
  bool first = true;
  UPCONV_UNROLL
  for (int pass = 0; pass < 2; ++pass)  // a positive term first: no negation
    UPCONV_UNROLL
  for (int j = 0; j < n; ++j) {
    if (row[j] == 0 || (pass == 0) != (row[j] > 0) || !takes(j)) continue;
    const Batch term = d[j];
    if (row[j] == 1 || row[j] == -1)
      sum = first ? (row[j] > 0 ? term : -term) : row[j] > 0 ? sum + term : sum - term;
    else
      sum = first ? Batch(row[j]) * term : S::fma(Batch(row[j]), term, sum);
    first = false;
  }
  return sum;
}

/// Whether row i of BT is that of a point a and row i + 1 that of -a: the same but for the signs of some columns.
template <int n>
constexpr bool mirrored_rows(const float (&BT)[n][n], int i) {
  bool same = false, opposite = false;
  for (int j = 0; j < n && i + 1 < n; ++j) {
    if (BT[i][j] == 0 && BT[i + 1][j] == 0) continue;
    if (BT[i][j] != BT[i + 1][j] && BT[i][j] != -BT[i + 1][j]) return false;
    (BT[i][j] == BT[i + 1][j] ? same : opposite) = true;
  }
  return same && opposite;
}

/// How many rows of BT are taken together from row i on.
template <class W>
constexpr int rows_at(int i) {
  return mirrored_rows(W::BT, i) ? 2 : 1;
}

/// Row i of BT where it equals row i + 1, or where it is its opposite, divided by the last number there: `factor`.
template <int n>
struct Part {
  float row[n] = {}, factor = 1;
};
template <class W>
constexpr Part<W::n> part_of(int i, bool odd) {
  Part<W::n> part;
  for (int j = 0; j < W::n; ++j)
    if ((W::BT[i][j] != W::BT[i + 1][j]) == odd && W::BT[i][j] != 0) part.row[j] = part.factor = W::BT[i][j];
  for (int j = 0; j < W::n; ++j)
    if (part.row[j] / part.factor * part.factor != part.row[j]) {  // rounded: as it is
      part.factor = 1;
      return part;
    }
  for (float& number : part.row) number /= part.factor;
  return part;
}

/// out[r] = sum_j BT[i + r][j] d[j] for r < rows_at(i): for points a and -a once what is even and once what is odd.
/// Factors are taken out, so that both parts have the same few numbers, which then stay in registers.
template <class Arch, class W, int i>
UPCONV_INLINE void combine_rows(const typename Simd<Arch>::Batch* d, typename Simd<Arch>::Batch* out) {
  using Batch = typename Simd<Arch>::Batch;
  const auto all = [](int) __attribute__((always_inline)) { return true; };
  if constexpr (rows_at<W>(i) == 2) {
    constexpr Part<W::n> even = part_of<W>(i, false), odd = part_of<W>(i, true);
    Batch e = combine<Arch>(even.row, d, all), o = combine<Arch>(odd.row, d, all);
    if constexpr (even.factor != 1) e = e * Batch(even.factor);
    if constexpr (odd.factor != 1) o = o * Batch(odd.factor);
    out[0] = e + o;
    out[1] = e - o;
  } else {
    out[0] = combine<Arch>(W::BT[i], d, all);
  }
}

/// All points along one axis.
template <class Arch, class W, int i = 0>
UPCONV_INLINE void combine_inputs(const typename Simd<Arch>::Batch* d, typename Simd<Arch>::Batch* points) {
  if constexpr (i < W::n) {
    combine_rows<Arch, W, i>(d, points + i);
    combine_inputs<Arch, W, i + rows_at<W>(i)>(d, points);
  }
}

/// Whether columns j and j + 1 of AT are those of a point a and of -a: the same but for the signs of odd rows.
template <int m, int n>
constexpr bool mirrored_columns(const float (&AT)[m][n], int j) {
  bool opposite = false;
  for (int i = 0; i < m; ++i) {
    if (j + 1 >= n || AT[i][j] != (i % 2 == 0 ? AT[i][j + 1] : -AT[i][j + 1])) return false;
    opposite = opposite || (i % 2 == 1 && AT[i][j] != 0);
  }
  return opposite;
}

/// mirrored_columns() of every column, where the compiler sees it.
template <class W>
struct Mirrored {
  bool column[W::n] = {};
  constexpr Mirrored() {
    for (int j = 0; j < W::n; ++j) column[j] = mirrored_columns(W::AT, j);
  }
};

/// Puts the sum of products at a and -a in the place of the first, their difference, the second less the first, in that
/// of the second: what AT multiplies them by stays as it is.
template <class Arch, class W, int j = 0>
UPCONV_INLINE void pair_products(typename Simd<Arch>::Batch* d) {
  if constexpr (j < W::n) {
    if constexpr (mirrored_columns(W::AT, j)) {
      const typename Simd<Arch>::Batch sum = d[j] + d[j + 1], difference = d[j + 1] - d[j];
      d[j] = sum;
      d[j + 1] = difference;
      pair_products<Arch, W, j + 2>(d);
    } else {
      pair_products<Arch, W, j + 1>(d);
    }
  }
}

/// sum_j AT[i][j] d[j] for products that pair_products() has been at: even rows take the sums, odd ones the
/// differences.
template <class Arch, class W>
UPCONV_INLINE typename Simd<Arch>::Batch combine_products(int i, const typename Simd<Arch>::Batch* d) {
  constexpr Mirrored<W> mirrored;
  return combine<Arch>(
      W::AT[i], d, [&](int j) __attribute__((always_inline)) {
        if (mirrored.column[j]) return i % 2 == 0;
        if (j > 0 && mirrored.column[j - 1]) return i % 2 == 1;
        return true;
      });
}

/// One vector of channels of a tile, columns first: up to 16 values between the two passes, of which registers hold
/// most.
template <class Arch, class W, class Load, class Store>
UPCONV_INLINE void transform_small_input(Load load, Store store) {
  using Batch = typename Simd<Arch>::Batch;
  constexpr int n = W::n;
  Batch columns[n][n];
  UPCONV_UNROLL
  for (int j = 0; j < n; ++j) {
    Batch d[n];
    UPCONV_UNROLL
    for (int k = 0; k < n; ++k) d[k] = load(k, j);
    combine_inputs<Arch, W>(d, columns[j]);
  }
  UPCONV_UNROLL
  for (int i = 0; i < n; ++i) {
    Batch row[n], points[n];
    UPCONV_UNROLL
    for (int j = 0; j < n; ++j) row[j] = columns[j][i];
    combine_inputs<Arch, W>(row, points);
    UPCONV_UNROLL
    for (int j = 0; j < n; ++j) store(i * n + j, points[j]);
  }
}

/// Points (i, j) of one row of BT's, from what the columns make of it.
template <class Arch, class W, class Store>
UPCONV_INLINE void store_row(const typename Simd<Arch>::Batch* row, int i, Store store) {
  typename Simd<Arch>::Batch points[W::n];
  combine_inputs<Arch, W>(row, points);
  UPCONV_UNROLL
  for (int j = 0; j < W::n; ++j) store(i * W::n + j, points[j]);
}

/// The same for larger tiles than registers hold, from row i of BT on: the rows that are taken together stay in
/// registers, 2 n of 16, and inputs are loaded for each group of rows. That is fewer moves than n * n values stored and
/// loaded between two passes (F(4,2), Zen 1, which moves half a vector at a time: 176 cycles a vector so, 147 now).
template <class Arch, class W, int i = 0, class Load, class Store>
UPCONV_INLINE void transform_input(Load load, Store store) {
  using Batch = typename Simd<Arch>::Batch;
  constexpr int n = W::n;
  if constexpr (n <= 4 || (n == 5 && Simd<Arch>::width == 16)) {  // AVX-512 has 32 registers
    transform_small_input<Arch, W>(load, store);
  } else if constexpr (i < n) {
    Batch first[n], second[n];
    UPCONV_UNROLL
    for (int j = 0; j < n; ++j) {
      Batch d[n], out[2];
      UPCONV_UNROLL
      for (int k = 0; k < n; ++k) d[k] = load(k, j);
      combine_rows<Arch, W, i>(d, out);
      first[j] = out[0];
      if constexpr (rows_at<W>(i) == 2) second[j] = out[1];
    }
    store_row<Arch, W>(first, i, store);
    if constexpr (rows_at<W>(i) == 2) store_row<Arch, W>(second, i + 1, store);
    transform_input<Arch, W, i + rows_at<W>(i)>(load, store);
  }
}

/// Channel c of a point goes to its place in a line: as a float, or, in a panel of pairs, rounded.
template <class Arch>
UPCONV_INLINE void store_point(float* line, int64_t c, typename Simd<Arch>::Batch value) {
  using S = Simd<Arch>;
  if constexpr (requires { S::is_pairs; })
    S::store(reinterpret_cast<uint16_t*>(line) + c, value);
  else
    S::store(line + c, value);
}

/// The distance between columns is a constant in every address.
template <class Arch, class W, int64_t pixel>
void transform_inputs(const WinogradInput& t) {
  using S = Simd<Arch>;
  for (int64_t tile = 0; tile < t.tiles; ++tile)
    for (int64_t c = 0; c < t.channels; c += S::width) {
      const float* x = t.x + tile * W::m * pixel + c;
      float* v = t.v + tile * panel_lanes;
      transform_input<Arch, W>(
          [&](int i, int j) __attribute__((always_inline)) { return S::load(x + i * t.row + j * pixel); },
          [&](int point, typename S::Batch value)
              __attribute__((always_inline)) { store_point<Arch>(v + point * t.point, c, value); });
    }
}

template <class Arch, class W>
void winograd_input(const WinogradInput& t) {
  assert((t.step == 1 || t.step == 2) && t.tiles >= 1 && t.channels >= 1 && t.channels <= panel_lanes);
  assert(t.point >= t.tiles * panel_lanes);
  if (t.step == 1)
    transform_inputs<Arch, W, panel_lanes>(t);
  else
    transform_inputs<Arch, W, 2 * panel_lanes>(t);
}

/// Whether all that lies between the two passes over a tile's products stays in registers where the compiler sees every
/// row: on Zen 5 outputs of F(2,2) then take a third of the time, as rows were stored and loaded again.
template <class W>
constexpr bool has_small_outputs = W::m * W::n <= 12;

/// Calls put(i, sums) with the sums of every row of outputs of vector v that exists, all of them where `whole`.
template <class Arch, class W, bool whole, class Put>
UPCONV_INLINE void transform_output(const WinogradOutput& t, int v, Put put) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  constexpr int n = W::n, m = W::m;
  Batch rows[m * n];
  UPCONV_UNROLL
  for (int j = 0; j < n; ++j) {
    Batch d[n];
    UPCONV_UNROLL
    for (int i = 0; i < n; ++i) d[i] = S::load(t.m + (i * n + j) * t.point + v * S::width);
    pair_products<Arch, W>(d);
    UPCONV_UNROLL
    for (int i = 0; i < m; ++i) rows[i * n + j] = combine_products<Arch, W>(i, d);
  }
  const Batch shift = S::load(t.shift + v * S::width);
  const auto row = [&](int i) __attribute__((always_inline)) {
    pair_products<Arch, W>(rows + i * n);
    Batch sums[m];
    UPCONV_UNROLL
    for (int j = 0; j < m; ++j) sums[j] = combine_products<Arch, W>(j, rows + i * n) + shift;
    put(i, sums);
  };
  if constexpr (whole && has_small_outputs<W>) {
    UPCONV_UNROLL
    for (int i = 0; i < m; ++i) row(i);
  } else {
    for (int i = whole ? 0 : t.row_begin; i < (whole ? m : t.row_end); ++i) row(i);
  }
}

/// A tile whose outputs all exist, without a residual, with an activation that the compiler sees: most tiles of most
/// layers.
template <class Arch, class W, class Y, class Act>
UPCONV_INLINE void whole_output(const WinogradOutput& t, Y* to, Act act) {
  using S = Simd<Arch>;
  for (int v = 0; v * S::width < t.lanes; ++v)
    transform_output<Arch, W, true>(
        t, v, [&](int i, const auto& sums) __attribute__((always_inline)) {
          Y* y = to + i * t.row + v * S::width;
          UPCONV_UNROLL
          for (int j = 0; j < W::m; ++j) S::store(y + j * t.column, act(sums[j]));
        });
}

template <class Arch, class W, class Y>
void winograd_output(const WinogradOutput& t, Y* to) {
  assert(t.row_begin >= 0 && t.row_begin < t.row_end && t.row_end <= W::m);
  assert(t.col_begin >= 0 && t.col_begin < t.col_end && t.col_end <= W::m);
  assert(t.lanes >= 1 && t.lanes <= Simd<Arch>::vectors * Simd<Arch>::width);
  using S = Simd<Arch>;
  if constexpr (W::m <= 4) {
    const bool whole = t.row_begin == 0 && t.row_end == W::m && t.col_begin == 0 && t.col_end == W::m &&
                       t.lanes % S::width == 0 && !t.residual.values;
    if (whole && with_usual<Arch>(
                     t.activation, [&](auto act) __attribute__((always_inline)) { whole_output<Arch, W>(t, to, act); }))
      return;
  }
  for (int v = 0; v * S::width < t.lanes; ++v) {
    const int rest = t.lanes - v * S::width;
    transform_output<Arch, W, false>(
        t, v, [&](int i, const auto& sums) __attribute__((always_inline)) {
          Y* y = to + (i - t.row_begin) * t.row + v * S::width;
          for (int j = t.col_begin; j < t.col_end; ++j, y += t.column)
            store_activated<Arch>(y, sums[j], rest, t.residual, t.activation);
        });
  }
}

template <class Arch, class W>
void winograd_output(const WinogradOutput& t) {
  if constexpr (stores_rounded<Arch>)
    if (t.rounded) return winograd_output<Arch, W>(t, static_cast<uint16_t*>(t.y));
  assert(!t.rounded);
  winograd_output<Arch, W>(t, static_cast<float*>(t.y));
}

// In one dimension, from row to row: contracts RowsInput and RowsOutput.

template <class Arch, class W>
void rows_input(const RowsInput& r) {
  assert(r.tiles >= 1 && r.columns >= 1 && (r.point >= r.columns || r.v_tile >= r.columns));
  using S = Simd<Arch>;
  const int64_t x_row = r.x_row, point = r.point, columns = r.columns;
  const float* x = r.x;
  float* v = r.v;
  for (int64_t tile = 0; tile < r.tiles; ++tile, x += W::m * x_row, v += r.v_tile)
    for (int64_t c = 0; c < columns; c += S::width) {
      const int64_t rest = columns - c;
      typename S::Batch d[W::n], points[W::n];
      UPCONV_UNROLL
      for (int j = 0; j < W::n; ++j) {
        const float* from = x + j * x_row + c;
        d[j] = rest >= S::width ? S::load(from) : load_partial<Arch>(from, static_cast<int>(rest));
      }
      combine_inputs<Arch, W>(d, points);
      UPCONV_UNROLL
      for (int i = 0; i < W::n; ++i) S::store(v + i * point + c, points[i]);
    }
}

template <class Arch, class W>
void rows_output(const RowsOutput& r) {
  assert(r.pixels >= 1 && r.point >= r.pixels);
  using S = Simd<Arch>;
  for (int64_t p = 0; p < r.pixels; p += S::width) {
    typename S::Batch d[W::n];
    UPCONV_UNROLL
    for (int j = 0; j < W::n; ++j) d[j] = S::load(r.m + j * r.point + p);
    pair_products<Arch, W>(d);
    const int rest = static_cast<int>(r.pixels - p < S::width ? r.pixels - p : S::width);
    typename S::Batch sums[W::m];
    UPCONV_UNROLL
    for (int i = 0; i < W::m; ++i) sums[i] = combine_products<Arch, W>(i, d) + typename S::Batch(r.shift);
    for (int i = 0; i < W::m; ++i)
      if (r.y[i]) store_activated<Arch>(r.y[i] + p, sums[i], rest, r.residual, r.activation);
  }
}

// Along rows: contract AlongOutput. A vector of a tile is n loads, some n m / 2 additions and multiply-adds, m stores.

/// Calls store(y, sum) for the outputs of vector v of a tile, `step` pixels apart from y on, as far as `rest` pixels
/// go.
template <class Arch, class W, class Store>
UPCONV_INLINE void along_tile(const AlongOutput& a, const float* m, int v, float* y, int64_t rest, Store store) {
  using S = Simd<Arch>;
  typename S::Batch d[W::n], sums[W::m];
  UPCONV_UNROLL
  for (int j = 0; j < W::n; ++j) d[j] = S::load(m + j * a.point + v * S::width);
  pair_products<Arch, W>(d);
  const auto shift = S::load(a.shift + v * S::width);
  UPCONV_UNROLL
  for (int i = 0; i < W::m; ++i) sums[i] = combine_products<Arch, W>(i, d) + shift;
  UPCONV_UNROLL
  for (int i = 0; i < W::m; ++i)
    if (i * a.step < rest) store(y + i * a.step * a.y_pixel + v * S::width, sums[i]);
}

/// Calls f(m, v, y, rest) for every vector of every tile.
template <class Arch, class W, class F>
UPCONV_INLINE void each_along(const AlongOutput& a, F f) {
  for (int64_t braid = 0; braid < a.pixels; braid += W::m * a.step)
    for (int64_t r = 0; r < a.step && braid + r < a.pixels; ++r)
      for (int v = 0; v * Simd<Arch>::width < a.lanes; ++v)
        f(a.m + (braid / W::m + r) * a.m_tile, v, a.y + (braid + r) * a.y_pixel, a.pixels - braid - r);
}

/// Whole vectors, with an activation that the compiler sees: most layers.
template <class Arch, class W, class Act>
UPCONV_INLINE void whole_along(const AlongOutput& a, Act act) {
  using S = Simd<Arch>;
  const auto store = [&](float* y, typename S::Batch sum) __attribute__((always_inline)) {
    if (a.residual.values) sum = sum + S::load(a.residual.values + (y - static_cast<const float*>(a.residual.outputs)));
    S::store(y, act(sum));
  };
  each_along<Arch, W>(
      a, [&](const float* m, int v, float* y, int64_t rest)
             __attribute__((always_inline)) { along_tile<Arch, W>(a, m, v, y, rest, store); });
}

template <class Arch, class W>
void along_output(const AlongOutput& a) {
  assert(a.pixels >= 1 && a.step >= 1 && a.lanes >= 1 && a.m_tile >= a.lanes);
  using S = Simd<Arch>;
  if (a.lanes % S::width == 0) {
    if (with_usual<Arch>(
            a.activation, [&](auto act) __attribute__((always_inline)) { whole_along<Arch, W>(a, act); }))
      return;
    if (a.activation.kind == Activation::leaky_relu) {
      const typename S::Batch slope(a.activation.a);
      return whole_along<Arch, W>(
          a, [=](auto v) __attribute__((always_inline)) { return leaky_relu<Arch>(v, slope); });
    }
  }
  each_along<Arch, W>(a, [&](const float* m, int v, float* y, int64_t rest) {
    typename S::Batch sums[W::m];
    int count = 0;
    along_tile<Arch, W>(a, m, v, y, rest, [&](float*, auto sum) { sums[count++] = sum; });
    y += v * S::width;
    for (int i = 0; i < count; ++i, y += a.step * a.y_pixel)
      store_activated<Arch>(y, sums[i], a.lanes - v * S::width, a.residual, a.activation);
  });
}

}  // namespace
}  // namespace upconv::kernels
