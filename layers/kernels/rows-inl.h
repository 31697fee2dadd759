#pragma once
// Convolutions with pixels of a row in the lanes, not channels: of few output channels, of which the direct kernel
// would leave 13 of 16 lanes without use, and of blocks of them, between neighbours that have pixels beside each other
// too. Contract: kernels.h, struct Rows.
//
// Registers: P phases x OC x V accumulators for V vectors of pixels. Phases share what they read: the taps of
// k4s2 are three inputs of a row, of which both phases read one. So, per channel and row of the kernel, 3 V loads of
// inputs, which need not be aligned, and 4 OC broadcast weights serve 4 OC V multiply-adds: on AVX-512 with V = 4 and
// OC = 3, 24 loads for 48, on AVX2 with V = 2, 18 for 24. Six outputs of one phase are the same. L1: of each row of
// each channel the strip of V vectors and the kernel's width; the next channel's is asked for.
#include "activation-inl.h"

namespace upconv::kernels {
namespace {

/// acc[f] += the inputs at `tap` times their weights, for the phases f from `first` to `last`, R rows of V vectors. The
/// fewer of the two, inputs and weights, are kept in registers.
template <class Arch, int first, int last, int R, int V, int P, int OC>
UPCONV_INLINE void add_tap(typename Simd<Arch>::Batch (&acc)[P][OC][R * V], const Rows& r, const float* x,
                           const float* w, const RowTap& tap) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const float* row[R];
  UPCONV_UNROLL
  for (int i = 0; i < R; ++i) row[i] = x + tap.x + i * r.x_row;
  if constexpr (last - first == P) {
    UPCONV_UNROLL
    for (int i = 0; i < R; ++i) {
      const float* next = row[i] + r.channel;
      // One register and constants beside it: otherwise the compiler keeps each of their sums in a register of its own,
      // where these run out in one of vectors, and brings it back by a port that multiply-adds need.
      if constexpr (V * S::width > panel_lanes) asm("" : "+r"(next));
      UPCONV_UNROLL
      for (int p = 0; p < V * S::width; p += panel_lanes) __builtin_prefetch(next + p);
    }
  }
  const float* weights[P];  // with constants beside it, not with a register for each sum of tap and output
  UPCONV_UNROLL
  for (int f = first; f < last; ++f) weights[f] = w + tap.w[f];
  if constexpr (R * V <= OC * (last - first)) {
    Batch input[R * V];
    UPCONV_UNROLL
    for (int v = 0; v < R * V; ++v) input[v] = S::load(row[v / V] + v % V * S::width);
    UPCONV_UNROLL
    for (int f = first; f < last; ++f) UPCONV_UNROLL
    for (int o = 0; o < OC; ++o) {
      const Batch weight(weights[f][o]);
      UPCONV_UNROLL
      for (int v = 0; v < R * V; ++v) S::accumulate(acc[f][o][v], input[v], weight);
    }
  } else {
    Batch weight[P][OC];
    UPCONV_UNROLL
    for (int f = first; f < last; ++f) UPCONV_UNROLL
    for (int o = 0; o < OC; ++o) weight[f][o] = Batch(weights[f][o]);
    UPCONV_UNROLL
    for (int v = 0; v < R * V; ++v) {
      const Batch input = S::load(row[v / V] + v % V * S::width);
      UPCONV_UNROLL
      for (int f = first; f < last; ++f) UPCONV_UNROLL
      for (int o = 0; o < OC; ++o) S::accumulate(acc[f][o][v], input, weight[f][o]);
    }
  }
}

/// out[0], out[1] = a[0], b[0], a[1], b[1], ...
template <class Arch, int... i>
UPCONV_INLINE void interleave_pixels(typename Simd<Arch>::Batch a, typename Simd<Arch>::Batch b,
                                     typename Simd<Arch>::Batch (&out)[2], std::integer_sequence<int, i...>) {
  constexpr int width = sizeof...(i);
  if constexpr (width == 1) {
    out[0] = a;
    out[1] = b;
  } else {
    out[0] = __builtin_shufflevector(a.data, b.data, (i / 2 + i % 2 * width)...);
    out[1] = __builtin_shufflevector(a.data, b.data, (width / 2 + i / 2 + i % 2 * width)...);
  }
}

/// act(sums + shift + residual) of one output channel: V vectors of each phase, which follow one another `phase`
/// vectors apart, `left` pixels of them, to y. Not inlined: it runs once per IC * taps multiply-adds of each
/// accumulator.
template <class Arch, int P>
__attribute__((noinline)) void finish_strip(const typename Simd<Arch>::Batch* sums, int V, int phase, const Rows& r,
                                            float shift, float* y, int64_t left) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const auto each = [&](auto store) __attribute__((always_inline)) {
    for (int v = 0; v < V; ++v) {
      Batch out[2] = {sums[v] + Batch(shift)};
      if constexpr (P == 2)
        interleave_pixels<Arch>(out[0], sums[phase + v] + Batch(shift), out,
                                std::make_integer_sequence<int, S::width>());
      UPCONV_UNROLL
      for (int f = 0; f < P; ++f) store((P * v + f) * S::width, out[f]);
    }
  };
  const auto whole = [&](auto act) __attribute__((always_inline)) {
    each([&](int64_t at, Batch sum) __attribute__((always_inline)) { S::store(y + at, act(sum)); });
  };
  if (left >= P * V * S::width && !r.residual.values && with_usual<Arch>(r.activation, whole)) return;
  each([&](int64_t at, Batch sum) {
    const int count = static_cast<int>(left - at < S::width ? left - at : S::width);
    if (count > 0) store_activated<Arch>(y + at, sum, count, r.residual, r.activation);
  });
}

/// The lines that a strip writes, to be asked for where outputs are far. Where a strip's loop is short they are asked
/// for one by one: all at once they would hold the buffers for misses that inputs need.
class AskedLines {
 public:
  AskedLines(const Rows& r, int64_t row, int rows, int64_t first, int64_t pixels, int outputs)
      : line_(r.y + row * r.y_row + first),
        across_((std::min(r.pixels - first, pixels) + panel_lanes - 1) / panel_lanes),
        left_(r.far ? across_ * rows * std::min(outputs, r.OC) : 0),
        rows_(rows),
        y_row_(r.y_row),
        y_channel_(r.y_channel) {}

  int64_t left() const { return left_; }
  void ask() {
    __builtin_prefetch(line_ + at_ * panel_lanes);
    --left_;
    if (++at_ < across_) return;
    at_ = 0;
    line_ += ++row_ % rows_ == 0 ? y_channel_ - (rows_ - 1) * y_row_ : y_row_;
  }

 private:
  const float* line_;
  int64_t across_, left_, at_ = 0;
  int rows_, row_ = 0;
  int64_t y_row_, y_channel_;
};

/// A strip: of R rows from `row` on, V vectors of each phase from their pixel `first` on. Not inlined: beside what its
/// callers keep, its loop ran short of registers for addresses and took 15 % longer.
template <class Arch, int P, int OC, int R, int V>
__attribute__((noinline)) void rows_strip(const Rows& r, int64_t row, int64_t first) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  Batch acc[P][OC][R * V];
  UPCONV_UNROLL
  for (int f = 0; f < P; ++f) UPCONV_UNROLL
  for (int o = 0; o < OC; ++o) UPCONV_UNROLL
  for (int v = 0; v < R * V; ++v) acc[f][o][v] = Batch(0.0f);
  const float* x = r.x + row * r.x_row + first;
  const float* w = r.w;
  AskedLines outputs(r, row, R, P * first, P * V * S::width, OC);
  const float* const w_end = w + r.IC * r.w_channel;
  if constexpr (P == 2)
    if (r.both == 1 && r.alone[0] == 0 && r.alone[1] == 0) {  // as of k2s2
      const RowTap tap = *r.taps;
      while (outputs.left() > r.IC) outputs.ask();
      const int64_t some = (outputs.left() ? r.IC / outputs.left() : r.IC) * r.w_channel;
      while (w < w_end) {
        if (outputs.left()) outputs.ask();
        for (const float* end = w + std::min(some, w_end - w); w < end; x += r.channel, w += r.w_channel)
          add_tap<Arch, 0, 2, R, V>(acc, r, x, w, tap);
      }
    }
  while (outputs.left()) outputs.ask();
  for (; w < w_end; x += r.channel, w += r.w_channel) {
    const RowTap* tap = r.taps;
    if constexpr (P == 2)
      for (const RowTap* end = tap + r.both; tap < end; ++tap) add_tap<Arch, 0, 2, R, V>(acc, r, x, w, *tap);
    for (const RowTap* end = tap + r.alone[0]; tap < end; ++tap) add_tap<Arch, 0, 1, R, V>(acc, r, x, w, *tap);
    if constexpr (P == 2)
      for (const RowTap* end = tap + r.alone[1]; tap < end; ++tap) add_tap<Arch, 1, 2, R, V>(acc, r, x, w, *tap);
  }
  Batch sums[P][OC][R * V];  // a copy, so that acc itself never has an address
  UPCONV_UNROLL
  for (int f = 0; f < P; ++f) UPCONV_UNROLL
  for (int o = 0; o < OC; ++o) UPCONV_UNROLL
  for (int v = 0; v < R * V; ++v) sums[f][o][v] = acc[f][o][v];
  for (int o = 0; o < OC && o < r.OC; ++o)
    for (int i = 0; i < R; ++i)
      finish_strip<Arch, P>(&sums[0][o][i * V], V, OC * R * V, r, r.shift[o],
                            r.y + o * r.y_channel + (row + i) * r.y_row + P * first, r.pixels - P * first);
}

/// The last strip of a row, of at most V vectors.
template <class Arch, int P, int OC, int V>
void rows_tail(const Rows& r, int64_t row, int64_t first) {
  if constexpr (V > 1) {
    if (r.pixels - P * first <= P * (V - 1) * Simd<Arch>::width) return rows_tail<Arch, P, OC, V - 1>(r, row, first);
  }
  rows_strip<Arch, P, OC, 1, V>(r, row, first);
}

template <class Arch, int P, int OC>
void rows_of(const Rows& r) {
  constexpr int V = row_vectors(Simd<Arch>::pixels, P * OC), half = V / 2, width = Simd<Arch>::width;
  const auto each_block = [&](auto compute) __attribute__((always_inline)) {
    Rows block = r;
    for (int64_t b = 0; b < r.blocks; ++b, block.w += r.w_block, block.shift += OC, block.y += OC * r.y_channel)
      compute(block);
  };
  int64_t row = 0;
  if constexpr (V > 2 && V % 2 == 0) {
    if (rows_at_a_time(V, (r.pixels + P * width - 1) / (P * width)) == 2)
      for (; row + 2 <= r.rows; row += 2)
        each_block([&](const Rows& block) { rows_strip<Arch, P, OC, 2, half>(block, row, 0); });
  }
  for (; row < r.rows; ++row)
    each_block([&](const Rows& block) {
      int64_t first = 0;
      for (; P * (first + V * width) < r.pixels; first += V * width) rows_strip<Arch, P, OC, 1, V>(block, row, first);
      rows_tail<Arch, P, OC, V>(block, row, first);
    });
}

template <class Arch, int P>
void rows_of_phases(const Rows& r) {
  switch (r.OC) {
    case 1:
      return rows_of<Arch, P, 1>(r);
    case 2:
      return rows_of<Arch, P, 2>(r);
    case 3:
      return rows_of<Arch, P, 3>(r);
    case 4:
      return rows_of<Arch, P, 4>(r);
    default:
      if constexpr (P == 1) rows_of<Arch, P, most_row_outputs>(r);
  }
}

template <class Arch>
void rows(const Rows& r) {
  assert((r.phases == 1 && r.OC <= most_row_outputs) || (r.phases == 2 && r.OC <= few_row_outputs));
  assert(r.OC >= 1 && r.blocks >= 1 && r.rows >= 1 && r.pixels >= 1 && r.IC >= 0);
  r.phases == 2 ? rows_of_phases<Arch, 2>(r) : rows_of_phases<Arch, 1>(r);
}

}  // namespace
}  // namespace upconv::kernels
