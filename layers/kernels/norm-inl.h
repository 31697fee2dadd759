#pragma once
// What norms compute: the moments of a run, what they make of it, and arguments that differ from channel to channel.
// Contracts: kernels.h, Table::moments, moments_channels, sum, normalise, normalise_channels, normalise_elements,
// affine_channels, add_pixels, prelu_channels.
//
// Moments take one pass, over distances from a number near the mean, where neither they nor their squares cancel. The
// mean of a few numbers from all over the run is near enough, nearly always: where it lies further from the mean than
// a deviation, a second pass takes the mean that the first one found. Distances are added in float32 a few at a time,
// and those sums in float64.
#include <algorithm>

#include "activation-inl.h"

namespace upconv::kernels {
namespace {

constexpr int64_t terms_of_chain = 8;  // that are added in float32
constexpr int samples = 16;  // from which the mean of each channel is guessed: one far of many is work for all
constexpr int samples_of_row = 8;

/// Sums of distances and of their squares, one for each lane of V vectors.
template <class Arch, int V>
struct Sums {
  using S = Simd<Arch>;
  using Doubles = typename S::Doubles;
  static constexpr int count = V * S::halves;
  Doubles rests[count], squares[count];

  UPCONV_INLINE Sums() {
    UPCONV_UNROLL
    for (int i = 0; i < count; ++i) rests[i] = squares[i] = Doubles(0.0);
  }
  UPCONV_INLINE void add(const typename S::Batch (&rest)[V], const typename S::Batch (&square)[V]) {
    UPCONV_UNROLL
    for (int i = 0; i < count; ++i) {
      rests[i] = rests[i] + S::widen(rest[i / S::halves], i % S::halves);
      squares[i] = squares[i] + S::widen(square[i / S::halves], i % S::halves);
    }
  }
};

/// Calls add(distances from `near`, their squares), sums of a few pixels in V vectors, for all of `pixels` pixels that
/// lie `step` floats apart.
template <class Arch, int V, class Load, class Add>
UPCONV_INLINE void each_chain(const float* x, int64_t pixels, int64_t step, const typename Simd<Arch>::Batch (&near)[V],
                              Load load, Add add) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  for (int64_t begin = 0; begin < pixels; begin += terms_of_chain) {
    Batch rest[V], square[V];
    UPCONV_UNROLL
    for (int v = 0; v < V; ++v) rest[v] = square[v] = Batch(0.0f);
    const int64_t end = std::min(begin + terms_of_chain, pixels);
    for (int64_t p = begin; p < end; ++p) {
      UPCONV_UNROLL
      for (int v = 0; v < V; ++v) {
        const Batch distance = load(x + p * step + v * S::width) - near[v];
        rest[v] = rest[v] + distance;
        square[v] = S::fma(distance, distance, square[v]);
      }
    }
    add(rest, square);
  }
}

/// The sum of `count` vectors that lie `step` floats apart, in pairs: of equal numbers it is exact.
template <class Arch, int count, class Load>
UPCONV_INLINE typename Simd<Arch>::Batch sum_in_pairs(const float* x, int64_t step, Load load) {
  if constexpr (count == 1)
    return load(x);
  else
    return sum_in_pairs<Arch, count / 2>(x, step, load) +
           sum_in_pairs<Arch, count / 2>(x + count / 2 * step, step, load);
}
/// A guess at the mean of `pixels` vectors that lie `step` floats apart. Samples are an odd number of pixels from each
/// other, lest a pattern of two shows them one of its colours.
template <class Arch, int samples, class Load>
UPCONV_INLINE typename Simd<Arch>::Batch guess(const float* x, int64_t pixels, int64_t step, Load load) {
  using Batch = typename Simd<Arch>::Batch;
  if (pixels >= samples)
    return sum_in_pairs<Arch, samples>(x, ((pixels / samples - 1) | 1) * step, load) * Batch(1.0f / samples);
  Batch sum = load(x);
  for (int64_t p = 1; p < pixels; ++p) sum = sum + load(x + p * step);
  return sum / Batch(static_cast<float>(pixels));
}

/// The mean in the place of each number that is further from it than a deviation.
template <class Arch, int V>
__attribute__((noinline)) void approach(typename Simd<Arch>::Batch (&near)[V], const Sums<Arch, V>& sums,
                                        double share) {
  using S = Simd<Arch>;
  constexpr int lanes = S::width / S::halves;
  float numbers[V * S::width];
  double rests[V * S::width], squares[V * S::width];
  for (int v = 0; v < V; ++v) S::store(numbers + v * S::width, near[v]);
  for (int i = 0; i < sums.count; ++i) S::store(rests + i * lanes, sums.rests[i]);
  for (int i = 0; i < sums.count; ++i) S::store(squares + i * lanes, sums.squares[i]);
  for (int i = 0; i < V * S::width; ++i) {
    const double beyond = rests[i] * share, lost = rests[i] * beyond;
    if (lost > squares[i] - lost) numbers[i] = static_cast<float>(static_cast<double>(numbers[i]) + beyond);
  }
  for (int v = 0; v < V; ++v) near[v] = S::load(numbers + v * S::width);
}

/// V vectors of channels, those of vector v to m[v]: one chain each, so a channel's bits do not depend on the block
/// that it fell into.
template <class Arch, int V, class Load>
UPCONV_INLINE void moments_block(const float* x, int64_t pixels, int64_t C, double* const (&m)[V], Load load) {
  using S = Simd<Arch>;
  using Doubles = typename S::Doubles;
  constexpr int lanes = S::width / S::halves;
  const double share = 1 / static_cast<double>(pixels);
  typename S::Batch near[V];
  UPCONV_UNROLL
  for (int v = 0; v < V; ++v) near[v] = guess<Arch, samples>(x + v * S::width, pixels, C, load);
  for (bool first = true;; first = false) {
    Sums<Arch, V> sums;
    each_chain<Arch>(
        x, pixels, C, near,
        load, [&](const auto& rest, const auto& square) __attribute__((always_inline)) { sums.add(rest, square); });
    auto far = Doubles(0.0) > Doubles(0.0);
    UPCONV_UNROLL
    for (int i = 0; i < sums.count; ++i) {
      const int v = i / S::halves, half = i % S::halves;
      const Doubles beyond = sums.rests[i] * Doubles(share), lost = sums.rests[i] * beyond;
      const Doubles squares = sums.squares[i] - lost;
      far = far | (lost > squares);
      S::store(m[v] + half * lanes, S::widen(near[v], half) + beyond);
      S::store(m[v] + panel_lanes + half * lanes, squares);
    }
    if (!first || !S::any(far)) return;
    approach<Arch>(near, sums, share);
  }
}

template <class Arch>
void moments_channels(const float* x, int64_t pixels, int64_t C, double* m, int64_t pitch) {
  using S = Simd<Arch>;
  const auto load = [](const float* p) __attribute__((always_inline)) { return S::load(p); };
  const auto at = [=](int64_t c) __attribute__((always_inline)) {
    return m + c / panel_lanes * pitch + c % panel_lanes;
  };
  int64_t c = 0;
  for (; c + 4 * S::width <= C; c += 4 * S::width)
    moments_block<Arch, 4>(x + c, pixels, C, {at(c), at(c + S::width), at(c + 2 * S::width), at(c + 3 * S::width)},
                           load);
  for (; c + S::width <= C; c += S::width) moments_block<Arch, 1>(x + c, pixels, C, {at(c)}, load);
  if (c == C) return;
  const int rest = static_cast<int>(C - c);
  moments_block<Arch, 1>(
      x + c, pixels, C,
      {at(c)}, [rest](const float* p) __attribute__((always_inline)) { return load_partial<Arch>(p, rest); });
}

/// The sum of all lanes, in pairs.
template <class Arch>
UPCONV_INLINE double total(const typename Simd<Arch>::Doubles (&vectors)[Simd<Arch>::halves]) {
  constexpr int count = Simd<Arch>::width / Simd<Arch>::halves;
  double lanes[count];
  Simd<Arch>::store(lanes, Simd<Arch>::halves == 1 ? vectors[0] : vectors[0] + vectors[Simd<Arch>::halves - 1]);
  UPCONV_UNROLL
  for (int half = count / 2; half > 0; half /= 2) {
    UPCONV_UNROLL
    for (int lane = 0; lane < half; ++lane) lanes[lane] = lanes[lane] + lanes[lane + half];
  }
  return lanes[0];
}

/// Four vectors side by side cover the latency of additions.
template <class Arch>
UPCONV_INLINE typename Simd<Arch>::Batch fold(const typename Simd<Arch>::Batch (&v)[4]) {
  return (v[0] + v[1]) + (v[2] + v[3]);
}

template <class Arch>
double sum(const float* x, int64_t count) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  typename S::Doubles sums[S::halves];
  UPCONV_UNROLL
  for (int half = 0; half < S::halves; ++half) sums[half] = typename S::Doubles(0.0);
  const auto add = [&](Batch v) __attribute__((always_inline)) {
    UPCONV_UNROLL
    for (int half = 0; half < S::halves; ++half) sums[half] = sums[half] + S::widen(v, half);
  };
  int64_t i = 0;
  while (i + S::width <= count) {
    const Batch zero(0.0f);
    Batch chains[4] = {zero, zero, zero, zero};
    const int64_t end = std::min(count, i + terms_of_chain * 4 * S::width);
    for (; i + 4 * S::width <= end; i += 4 * S::width) {
      UPCONV_UNROLL
      for (int v = 0; v < 4; ++v) chains[v] = chains[v] + S::load(x + i + v * S::width);
    }
    for (; i + S::width <= end; i += S::width) chains[0] = chains[0] + S::load(x + i);
    add(fold<Arch>(chains));
  }
  if (i < count) add(load_partial<Arch>(x + i, static_cast<int>(count - i)));
  return total<Arch>(sums);
}

template <class Arch>
void moments(const float* x, int64_t count, double* mean, double* squares) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const auto load = [](const float* p) __attribute__((always_inline)) { return S::load(p); };
  const int64_t fours = count / (4 * S::width), vectors = count / S::width;
  const int left = static_cast<int>(count % S::width);
  const double share = 1 / static_cast<double>(count);
  float near = guess<Scalar, samples_of_row>(
      x, count, 1, [](const float* p) __attribute__((always_inline)) { return *p; });
  for (bool first = true;; first = false) {
    const Batch nears[] = {Batch(near), Batch(near), Batch(near), Batch(near)}, one[] = {Batch(near)};
    Sums<Arch, 1> sums;
    each_chain<Arch>(
        x, fours, 4 * S::width, nears, load, [&](const auto& rest, const auto& square) __attribute__((always_inline)) {
          sums.add({fold<Arch>(rest)}, {fold<Arch>(square)});
        });
    each_chain<Arch>(
        x + fours * 4 * S::width, vectors - fours * 4, S::width, one,
        load, [&](const auto& rest, const auto& square) __attribute__((always_inline)) { sums.add(rest, square); });
    if (left > 0) {
      float filled[S::width];
      S::store(filled, one[0]);
      const Batch distance = load_partial<Arch>(x + vectors * S::width, left) - load_partial<Arch>(filled, left);
      sums.add({distance}, {distance * distance});
    }
    const double rest = total<Arch>(sums.rests), beyond = rest * share, lost = rest * beyond;
    *mean = static_cast<double>(near) + beyond;
    *squares = total<Arch>(sums.squares) - lost;
    if (!first || !(lost > *squares)) return;
    near = static_cast<float>(*mean);
  }
}

/// The vector of arguments of channels i .. i + n.
template <class Arch>
UPCONV_INLINE typename Simd<Arch>::Batch arguments(const float* p, int64_t i, int n) {
  return n == Simd<Arch>::width ? Simd<Arch>::load(p + i) : load_partial<Arch>(p + i, n);
}

template <class Arch>
void affine_channels(const float* x, float* y, int64_t pixels, int64_t C, const float* scale, const float* shift,
                     Activation act) {
  using Batch = typename Simd<Arch>::Batch;
  for (int64_t p = 0; p < pixels; ++p)
    map<Arch>(
        x + p * C, y + p * C, C, [=](Batch v, int64_t c, int n) __attribute__((always_inline)) {
          return activate<Arch>(Simd<Arch>::fma(v, arguments<Arch>(scale, c, n), arguments<Arch>(shift, c, n)), act);
        });
}

/// `vectors` whole ones of each pixel.
template <class Arch, int vectors, class Y, class F>
UPCONV_INLINE void add_vectors(const AddedPixels& of, int64_t c, F f) {
  using S = Simd<Arch>;
  const float *x = of.x + c, *added = of.added + c;
  Y* y = static_cast<Y*>(of.y) + c;
  for (int64_t p = 0; p < of.pixels; ++p, x += of.x_stride, added += of.added_stride, y += of.y_stride) UPCONV_UNROLL
  for (int i = 0; i < vectors; ++i)
    S::store(y + i * S::width, f(S::load(x + i * S::width) + S::load(added + i * S::width)));
}

/// As many vectors at a time as fill a cache line of bfloat16, where a line is not written twice.
template <class Arch, class Y, class F>
void add_pixels_to(const AddedPixels& of, F f) {
  using S = Simd<Arch>;
  constexpr int vectors = S::width >= 8 ? 32 / S::width : 4;
  int64_t c = 0;
  for (; c + vectors * S::width <= of.channels; c += vectors * S::width) add_vectors<Arch, vectors, Y>(of, c, f);
  for (; c + S::width <= of.channels; c += S::width) add_vectors<Arch, 1, Y>(of, c, f);
  if (c == of.channels) return;
  const int n = static_cast<int>(of.channels - c);
  for (int64_t p = 0; p < of.pixels; ++p) {
    float outputs[S::width];
    S::store(outputs, f(load_partial<Arch>(of.x + p * of.x_stride + c, n) +
                        load_partial<Arch>(of.added + p * of.added_stride + c, n)));
    for (int i = 0; i < n; ++i) Simd<Scalar>::store(static_cast<Y*>(of.y) + p * of.y_stride + c + i, outputs[i]);
  }
}

template <class Arch>
void add_pixels(const AddedPixels& of, Activation act) {
  using Batch = typename Simd<Arch>::Batch;
  const auto run = [&](auto f) __attribute__((always_inline)) {
    of.stored ? add_pixels_to<Arch, uint16_t>(of, f) : add_pixels_to<Arch, float>(of, f);
  };
  if (!with_usual<Arch>(act, run)) run([=](Batch v) __attribute__((always_inline)) { return activate<Arch>(v, act); });
}

/// P neighbouring pixels, whose arguments are loaded once.
template <class Arch, int P, class F>
UPCONV_INLINE void normalise_pixels(const float* x, float* y, int64_t C, const float* means, F f) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const auto at = [=](int64_t c, int lanes) __attribute__((always_inline)) {
    const Batch mean = arguments<Arch>(means, c, lanes), scale = arguments<Arch>(means + C, c, lanes),
                shift = arguments<Arch>(means + 2 * C, c, lanes);
    UPCONV_UNROLL
    for (int p = 0; p < P; ++p) {
      const Batch distance = arguments<Arch>(x + p * C, c, lanes) - mean;
      const Batch normal = f(S::fma(distance, scale, shift));
      if (lanes == S::width)
        S::store(y + p * C + c, normal);
      else
        store_partial<Arch>(y + p * C + c, normal, lanes);
    }
  };
  int64_t c = 0;
  for (; c + S::width <= C; c += S::width) at(c, S::width);
  if (c < C) at(c, static_cast<int>(C - c));
}

template <class Arch>
void normalise_channels(const float* x, float* y, int64_t pixels, int64_t C, const float* means, Activation act) {
  using Batch = typename Simd<Arch>::Batch;
  // Two where they are few cache lines; where they are many, only lines one after another come as fast as they can.
  constexpr int64_t few_channels = 64;
  const auto run = [=](auto f) __attribute__((always_inline)) {
    int64_t p = 0;
    if (C <= few_channels)
      for (; p + 2 <= pixels; p += 2) normalise_pixels<Arch, 2>(x + p * C, y + p * C, C, means, f);
    for (; p < pixels; ++p) normalise_pixels<Arch, 1>(x + p * C, y + p * C, C, means, f);
  };
  if (!with_usual<Arch>(act, run)) run([=](Batch v) __attribute__((always_inline)) { return activate<Arch>(v, act); });
}

template <class Arch>
void normalise_elements(const float* x, float* y, int64_t count, const Normal& normal, const float* weight,
                        const float* bias, Activation act) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const Batch mean(normal.mean), scale(normal.scale), shift(normal.shift);
  const auto run = [=](auto f) __attribute__((always_inline)) {
    map<Arch>(
        x, y, count, [=](Batch v, int64_t i, int n) __attribute__((always_inline)) {
          const Batch normal = S::fma(v - mean, scale, shift);
          return f(S::fma(normal, arguments<Arch>(weight, i, n), arguments<Arch>(bias, i, n)));
        });
  };
  if (!with_usual<Arch>(act, run)) run([=](Batch v) __attribute__((always_inline)) { return activate<Arch>(v, act); });
}

template <class Arch>
void normalise(const float* x, float* y, int64_t count, const Normal& normal, Activation act) {
  using S = Simd<Arch>;
  using Batch = typename S::Batch;
  const Batch mean(normal.mean), scale(normal.scale), shift(normal.shift);
  const auto run = [=](auto f) __attribute__((always_inline)) {
    map<Arch>(
        x, y,
        count, [=](Batch v, int64_t, int) __attribute__((always_inline)) { return f(S::fma(v - mean, scale, shift)); });
  };
  if (!with_usual<Arch>(act, run)) run([=](Batch v) __attribute__((always_inline)) { return activate<Arch>(v, act); });
}

template <class Arch>
void prelu_channels(const float* x, float* y, int64_t pixels, int64_t C, const float* slope) {
  using Batch = typename Simd<Arch>::Batch;
  for (int64_t p = 0; p < pixels; ++p)
    map<Arch>(
        x + p * C, y + p * C, C, [=](Batch v, int64_t c, int n) __attribute__((always_inline)) {
          return leaky_relu<Arch>(v, arguments<Arch>(slope, c, n));
        });
}

}  // namespace
}  // namespace upconv::kernels
