#pragma once
// How a Winograd scheme fits a convolution: what the packed weights, the driver and the costs of winograd agree on.
#include <optional>
#include <string>
#include <vector>

#include "conv_step.h"

namespace upconv {

/// F(m, T) with n = m + T - 1 points in each direction.
struct SchemeSize {
  int64_t m, T, n;
};
SchemeSize sizes_of(kernels::Scheme scheme);
/// The algorithm's name in programs: "winograd F(3,2)".
std::string name_of(kernels::Scheme scheme);

/// Tiles of so many channels that a thread transforms before it multiplies them, at most. Every transformed weight that
/// streams past is used for all of them; but they should fill no more than three quarters of a 1 MiB L2, about: 46 of
/// 16 points and 256 channels. Beyond 4 register tiles of AVX-512 nothing is gained.
int64_t most_tiles(const SchemeSize& size, int64_t channels);

/// What the scheme makes of one axis: windows of T inputs begin at `first`, one for each position of any phase. The
/// window at u, all phases together, makes the outputs out_step * u + out_first and the out_step - 1 after it.
struct Axis {
  int64_t first = 0, positions = 0;
  std::vector<int64_t> base;  ///< of each phase: where the window of its position 0 begins
  int64_t out_first = 0, out_step = 1;
};

/// The window shared by all phases, or nothing where a phase reads more than T inputs or T that are not neighbours,
/// where the outputs of a window are not neighbours (some dilations), or where an output has no input at all: it must
/// be the bias alone, not that plus a rounding error.
std::optional<Axis> axis_of(const std::vector<Phase>& phases, int64_t T);

/// For every phase of an axis, the kernel's index of what position t of its window means, or -1.
std::vector<std::vector<int64_t>> window_taps(const std::vector<Phase>& phases, const Axis& axis, int64_t T);

/// Whether point i of G g is zero for every g with these taps: a phase of one tap needs no point at infinity, or at 0.
bool zero_point(kernels::Scheme scheme, const std::vector<int64_t>& taps, int64_t i);

/// How output channels share vectors: phases of few channels lie side by side in one block.
struct Lanes {
  int64_t block;   ///< floats in a block
  bool merged;     ///< a block holds (phase, channel) pairs, phase outermost; otherwise channels of one phase
  int64_t blocks;  ///< in all phases
};
Lanes lanes_of(const ConvGeometry& geometry, const kernels::Table& table);

}  // namespace upconv
