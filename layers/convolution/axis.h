#pragma once
// One axis of a convolution, transposed or not, as runs of outputs that read the same taps.
//
// A convolution has one phase: output i reads x[stride*i + d*k - padding] for every tap k.
//
// In unpadded coordinates a transposed convolution with kernel k, stride s and dilation d is z[i*s + d*k] += w[k] *
// x[i]. Outputs of one residue a = z mod s form a phase; with z = s*n + a only taps with d*k = a (mod s) meet it, and
// tap k reads x[n - (d*k - a) / s]: a small stride-1 convolution, nothing multiplied by inserted zeros. Where stride
// and dilation share a factor, or the kernel is smaller than the stride, some phases have no taps and hold the bias
// alone.
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../../framework/graph.h"

namespace upconv::internal {

/// Tap k of the kernel reads the input at the position's base + shift.
struct AxisTap {
  int64_t k, shift;
};

/// The pixel of an axis of `size` that is seen at `index`, inside or beside it: -1 for zeros, and further out than the
/// border's rule goes (reflect: size - 1 pixels, circular: size).
int64_t seen_at(Border border, int64_t index, int64_t size);

/// Positions begin <= i < end that read exactly `taps`, some of their phase's. Zeros beside the picture are left out
/// here, so nothing needs padding with them.
struct Segment {
  int64_t begin, end;
  std::span<const AxisTap> taps;
};

/// Outputs out_first + out_step * i for 0 <= i < count, whose base input is in_first + in_step * i.
struct Phase {
  int64_t out_first, out_step, count;
  int64_t in_first, in_step;
  /// That any position reads, in the order of k, in which shifts rise or fall. Copies of a phase share them: there may
  /// be as many segments as taps, so none has a list of its own.
  std::span<const AxisTap> taps;
  std::vector<Segment> segments;                                ///< in order, covering all positions
  std::shared_ptr<const std::vector<AxisTap>> owner = nullptr;  ///< of the taps
};

/// The least and the largest shift of a phase's taps; 0 and 0 where it has none.
struct ShiftRange {
  int64_t least, most;
};
ShiftRange shifts_of(const Phase& phase);

/// The inputs that all phases of an axis read, beside the picture too: `begin` to `end`, and to `first_end` for their
/// position 0 alone.
struct InputRange {
  int64_t begin, first_end, end;
};
InputRange inputs_of(const std::vector<Phase>& phases);

/// The arguments of an axis, as PyTorch's layers have them.
struct AxisArguments {
  int64_t in, out;  ///< inputs and outputs
  int64_t kernel;
  int64_t stride = 1, padding = 0, dilation = 1;
};

/// The phases of a transposed convolution's axis; those without outputs are left out. Takes time for its outputs and
/// taps, not for its stride times its kernel.
std::vector<Phase> transposed_axis(const AxisArguments& axis);

/// The one phase of a convolution's axis, where `padding` inputs more lie before the first.
std::vector<Phase> convolution_axis(const AxisArguments& axis, Border border);

/// An axis whose taps are sums of the kernel's: tap k of the phases stands for the sum of the taps sums[k].
struct SummedAxis {
  std::vector<Phase> phases;
  std::vector<std::vector<int64_t>> sums;
};

/// A convolution of stride 1 after each of the inputs was repeated `scale` times, without doing so: output scale*n + a
/// reads x[n + floor((a + d*k - padding) / scale)], and taps that read the same input are one. The border
/// is that of the inputs before they were repeated.
SummedAxis upsampled_axis(const AxisArguments& axis, int64_t scale, Border border);

}  // namespace upconv::internal
