#pragma once
// The largest or the mean element of a window. Contract: kernels.h, struct Pool.
//
// Channels-last, a run of elements is the channels of a pixel, and four vectors of them go through the window at once:
// four chains hide the latency of an addition. Runs whose elements are apart go one by one, in the same order.
#include "kernels.h"
#include "pointwise-inl.h"
#include "simd.h"

namespace upconv::kernels {
namespace {

template <class Arch>
struct Largest {
  using Batch = typename Simd<Arch>::Batch;
  static UPCONV_INLINE Batch begin() { return Batch(-__builtin_inff()); }
  static UPCONV_INLINE Batch add(Batch most, Batch v) { return greater<Arch>(most, v); }
  static UPCONV_INLINE Batch end(Batch most, float) { return most; }
};

template <class Arch>
struct Mean {
  using Batch = typename Simd<Arch>::Batch;
  static UPCONV_INLINE Batch begin() { return Batch(0.0f); }
  static UPCONV_INLINE Batch add(Batch sum, Batch v) { return sum + v; }
  static UPCONV_INLINE Batch end(Batch sum, float divisor) { return sum / Batch(divisor); }
};

/// V vectors of elements from x on, the last of them `count` long.
template <class Arch, class Rule, int V>
UPCONV_INLINE void pool_vectors(const Pool& p, const float* x, float* y, int count) {
  using S = Simd<Arch>;
  typename S::Batch acc[V];
  UPCONV_UNROLL
  for (int v = 0; v < V; ++v) acc[v] = Rule::begin();
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* row = x + r * p.row_stride;
    for (int64_t c = 0; c < p.cols; ++c, row += p.col_stride) {
      UPCONV_UNROLL
      for (int v = 0; v < V; ++v)
        acc[v] = Rule::add(acc[v], count == S::width ? S::load(row + v * S::width) : load_partial<Arch>(row, count));
    }
  }
  UPCONV_UNROLL
  for (int v = 0; v < V; ++v) {
    const auto value = Rule::end(acc[v], p.divisor);
    if (count == S::width)
      S::store(y + v * S::width, value);
    else
      store_partial<Arch>(y, value, count);
  }
}

template <class Arch, template <class> class Rule>
void pool(const Pool& p) {
  assert(p.count >= 0 && p.rows >= 0 && p.cols >= 0);
  constexpr int width = Simd<Arch>::width, four = 4 * width;
  int64_t i = 0;
  if (p.step != 1) {
    for (; i < p.count; ++i) pool_vectors<Scalar, Rule<Scalar>, 1>(p, p.x + i * p.step, p.y + i, 1);
    return;
  }
  for (; i + four <= p.count; i += four) pool_vectors<Arch, Rule<Arch>, 4>(p, p.x + i, p.y + i, width);
  for (; i + width <= p.count; i += width) pool_vectors<Arch, Rule<Arch>, 1>(p, p.x + i, p.y + i, width);
  if (i < p.count) pool_vectors<Arch, Rule<Arch>, 1>(p, p.x + i, p.y + i, static_cast<int>(p.count - i));
}

}  // namespace
}  // namespace upconv::kernels
