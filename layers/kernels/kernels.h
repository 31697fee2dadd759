#pragma once
// The table of kernels: what every instruction set provides, and the contracts they keep. Plain structs and pointers
// only: the files that include this are compiled for machines that this process may not have.
#include <cstddef>
#include <cstdint>

#include "../../framework/cpu.h"

namespace upconv::kernels {

/// act(v): applied to every output where it is stored. `slope` is leaky_relu's.
struct Activation {
  enum Kind : int32_t { identity, relu, leaky_relu, tanh, sigmoid };
  Kind kind = identity;
  float slope = 0;
};

/// One kernel tap of a phase: the distance of its input pixel from the tile's pixel, in floats, and its place among the
/// packed taps.
struct Tap {
  int64_t x;
  int64_t index;
};

/// One run of output channels of one group: up to `vectors` whole vectors, of which `lanes` floats are real.
struct Block {
  const float* w;      ///< w[tap][ic][oc in block], vectors * width floats per row, 64-byte aligned
  const float* shift;  ///< shift[oc in block], padded with zeros like w
  int64_t ic;          ///< first input channel of the group
  int64_t oc;          ///< first output channel
  int32_t vectors;     ///< 1 or 2
  int32_t lanes;       ///< 1 .. vectors * width
};

/// y[p][oc] = act(shift[oc] + sum_{tap, ic} x[p][tap][ic] * w[tap][ic][oc]) for a tile of pixels and a run of blocks.
/// Every output is one chain of fused multiply-adds, taps outermost, channels ascending, then one addition of shift:
/// its bits do not depend on the tile or the block that it fell into.
struct Direct {
  const float* const* x;  ///< [pixels] channel 0 of the pixel that tap distance 0 reads; need not be readable itself
  float* const* y;        ///< [pixels] where output channel 0 goes; no overlap with x
  const Tap* taps;        ///< may be empty: then y = act(shift)
  const Block* blocks;
  int64_t pixels;
  int64_t tap_count;
  int64_t block_count;
  int64_t IC;  ///< channels of one group
  Activation activation;
};

/// The kernels of one instruction set.
struct Table {
  Isa isa;
  int32_t width;   ///< floats in a vector
  int32_t pixels;  ///< the largest tile of `direct` that stays in registers: cut pixels into runs of at most this
  void (*direct)(const Direct&);
  /// y[i] = act(x[i]); x may be y.
  void (*activate)(const float* x, float* y, int64_t count, Activation);
  /// y[i] = act(x[i] * scale + shift) over one run that shares a channel; x may be y.
  void (*affine)(const float* x, float* y, int64_t count, float scale, float shift, Activation);
  /// y[i] = act(x[i] * scale[i] + shift[i]); x may be y.
  void (*affine_channels)(const float* x, float* y, int64_t count, const float* scale, const float* shift, Activation);
  /// Runs `rounds` times a block of independent register-only multiply-adds; returns the floating-point operations of a
  /// round, and stores a value that depends on all of them.
  double (*peak)(int64_t rounds, float* sink);
};

/// The table of `isa`; throws Error where this build or this machine has none.
const Table& table(Isa isa);

}  // namespace upconv::kernels
