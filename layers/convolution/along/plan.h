#pragma once
// How a Winograd scheme goes along the rows of a convolution: what the packed weights, the driver and the costs of
// "along rows" agree on.
//
// F(m, T) in one direction: m neighbouring outputs of a row come of n = m + T - 1 products in the place of m T. From
// row to row the sum is direct. With a dilation d the outputs d apart are neighbours: d tiles interleave, which
// together make a braid of m d outputs beside one another.
//
// A kernel of more than T columns is taken in chunks of T. Those of chunk c read inputs c T further; where T = m these
// are the inputs of the tile c braids further, transformed for that one anyhow, and products of all chunks are summed
// before the one transform of outputs:
//   y = AT sum_c (G g_c) * (BT d_{t + c}).
#include <optional>
#include <string>
#include <vector>

#include "../geometry.h"
#include "../winograd/plan.h"

namespace upconv::internal {

struct AlongPlan {
  kernels::Scheme scheme;
  SchemeSize size;
  int64_t step;               ///< inputs from one tap to the next: the dilation
  int64_t first;              ///< the input that the first tap reads at position 0; may lie outside of the picture
  int64_t chunks;             ///< of T taps
  std::vector<int64_t> taps;  ///< the kernel's column of each, or -1 where the last chunk has none
  int64_t braids;             ///< of `step` tiles, which cover a row of outputs

  int64_t tiles() const { return braids * step; }
  /// Outputs of a braid.
  int64_t outputs() const { return size.m * step; }
  /// Whether the weights of a point are zeros in a chunk, as at infinity where it is not full.
  bool is_zero(int64_t point, int64_t chunk) const;
};

/// Nothing where a scheme does not fit or has no use: where there are several phases, taps that are not equally far
/// apart, fewer than T, or more and T != m, or one more, which rounds as often as a whole chunk (F(4,4) of 5 taps
/// has 2.5 times the direct sum's error); where an output has no input at all, as it must be the bias alone, not that
/// plus a rounding error.
std::optional<AlongPlan> along_plan(const ConvGeometry& geometry, kernels::Scheme scheme);

/// Equal for geometries that share packed weights.
std::string along_key(const AlongPlan& plan);

}  // namespace upconv::internal
