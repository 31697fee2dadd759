#pragma once
// The table of kernels: what every instruction set provides, and the contracts they keep. Plain structs and pointers
// only: the files that include this are compiled for machines that this process may not have.
#include <cstddef>
#include <cstdint>

#include "../../framework/cpu.h"
#include "winograd_schemes.h"

namespace upconv::kernels {

/// act(v): applied to every output where it is stored. `slope` is leaky_relu's.
struct Activation {
  enum Kind : int32_t { identity, relu, leaky_relu, tanh, sigmoid };
  Kind kind = identity;
  float slope = 0;
};

/// Channels of a panel lie in blocks of 16, a cache line of floats: channel c of pixel p is at
/// x[c / 16 * pitch + p * 16 + c % 16]. Whatever the number of channels, the next pixel is one line further.
constexpr int64_t panel_lanes = 16;

/// One kernel tap of a phase: where its first pixel lies in the panel, in floats from x, and its place among the packed
/// taps.
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

/// y[p][oc] = act(shift[oc] + sum_{tap, ic} x[tap][p][ic] * w[tap][ic][oc]) for a tile of pixels and a run of blocks.
/// Every output is one chain of fused multiply-adds, taps outermost, channels ascending, then one addition of shift:
/// its bits do not depend on the tile or the block that it fell into.
struct Direct {
  const float* x;   ///< a panel
  int64_t pitch;    ///< floats from one block of its channels to the next
  float* const* y;  ///< [pixels] where output channel 0 goes; no overlap with x
  const Tap* taps;  ///< may be empty: then y = act(shift)
  const Block* blocks;
  int64_t pixels;  ///< 1 .. Table::pixels
  int64_t tap_count;
  int64_t block_count;
  int64_t IC;  ///< channels of one group
  Activation activation;
};

/// m[tile][lane] = sum_ic v[tile][ic] * w[ic][lane], one chain of fused multiply-adds in the order of channels.
struct Products {
  const float* v;  ///< a panel whose pixels are tiles
  int64_t pitch;   ///< floats from one block of its channels to the next
  const float* w;  ///< w[ic][lane], vectors * width lanes, 64-byte aligned
  float* m;        ///< m[tile][lane]
  int64_t tiles;
  int64_t IC;
  int32_t vectors;  ///< 1 or 2
};

/// v[i][j] = (BT d B)[i][j] for a row of tiles of n x n inputs d, m pixels apart, and up to 16 channels of them. Whole
/// vectors are read and written; what lies beyond the channels has no meaning.
struct WinogradInput {
  const float* x;  ///< input (i, j) of tile t, channel c: x[i * row + (t * m + j) * 16 + c]
  int64_t row;
  float* v;  ///< point (i, j): v[(i * n + j) * point + t * 16 + c]
  int64_t point;
  int64_t tiles;
  int64_t channels;  ///< 1 .. 16
};

/// y[i][j] = act((AT M A)[i][j] + shift) for one tile of products M and up to a block of output channels.
struct WinogradOutput {
  const float* m;  ///< point (i, j): m[(i * n + j) * point], whole vectors
  int64_t point;
  float* y;  ///< where output (0, 0) goes, which need not exist
  int64_t row, column;
  int32_t row_begin, row_end, col_begin, col_end;  ///< the outputs of the tile that exist
  const float* shift;                              ///< whole vectors
  int32_t lanes;
  Activation activation;
};

/// y[oc][p] = act(shift[oc] + sum_{ic, tap} x[ic * channel + tap.x + p] * w[ic * w_channel + tap.index * OC + oc]) for
/// a row of pixels. Every output is one chain of fused multiply-adds, channels outermost, taps in their order, then one
/// addition of shift. Up to a vector is read beyond the last pixel.
struct Rows {
  const float* x;
  int64_t channel;
  const Tap* taps;
  int64_t tap_count;
  const float* w;
  int64_t w_channel;
  const float* shift;
  float* const* y;  ///< [OC]
  int64_t pixels;   ///< 1 or more
  int64_t IC;
  int32_t OC;  ///< 1 .. most_row_outputs
  Activation activation;
};
constexpr int most_row_outputs = 4;

/// The kernels of one instruction set.
struct Table {
  Isa isa;
  int32_t width;   ///< floats in a vector
  int32_t pixels;  ///< the largest tile of `direct`: what stays in registers
  void (*direct)(const Direct&);
  void (*products)(const Products&);
  void (*rows)(const Rows&);
  /// By scheme.
  void (*winograd_input[schemes])(const WinogradInput&);
  void (*winograd_output[schemes])(const WinogradOutput&);
  /// Writes the first C channels of `pixels` pixels, x[p * stride + c], into a panel. Lanes beyond C are left as they
  /// are.
  void (*pack)(const float* x, int64_t stride, int64_t C, float* panel, int64_t pitch, int64_t pixels);
  /// y[c * y_stride + r] = x[r * x_stride + c] for r < rows, c < columns; no overlap.
  void (*transpose)(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns);
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
