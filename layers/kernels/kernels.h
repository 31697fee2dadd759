#pragma once
// The table of kernels: what every instruction set provides, and the contracts they keep. Plain structs and pointers
// only: the files that include this are compiled for machines that this process may not have.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../../framework/cpu.h"
#include "../../framework/pointwise.h"
#include "winograd_schemes.h"

namespace upconv::kernels {

/// act(v): applied to every output where it is stored.
using Activation = Pointwise;

/// Channels of a panel lie in blocks of 16, a cache line of floats: channel c of pixel p is at
/// x[c / 16 * pitch + p * 16 + c % 16]. Whatever the number of channels, the next pixel is one line further.
constexpr int64_t panel_lanes = 16;

/// What is added to outputs before their activation: to the one at `outputs + i` that at `values + i`. No `values`:
/// nothing.
struct Residual {
  const float* values = nullptr;
  const void* outputs = nullptr;  ///< of the type of the outputs
};

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

/// y[p][oc] = act(shift[oc] + sum_{tap, ic} x[tap][p][ic] * w[tap][ic][oc] + residual) for a tile of pixels and a run
/// of blocks. Every output is one chain of fused multiply-adds, taps outermost, channels ascending, then one addition
/// of shift and one of the residual: its bits do not depend on the tile or the block that it fell into.
struct Direct {
  const float* x;   ///< a panel
  int64_t pitch;    ///< floats from one block of its channels to the next
  void* const* y;   ///< [pixels] where the first channel of the first block goes; no overlap with x
  const Tap* taps;  ///< may be empty: then y = act(shift)
  const Block* blocks;
  int64_t pixels;  ///< 1 .. Table::pixels
  int64_t tap_count;
  int64_t block_count;
  int64_t IC;  ///< channels of one group
  /// While the weights of a tap are multiplied those `ahead` floats after them are asked for, and for each channel so
  /// many more.
  int64_t ahead, ahead_step;
  Activation activation;
  Residual residual = {};
  bool rounded = false;  ///< whether outputs are stored as bfloat16, rounded as Table::round does
};

/// m[tile][lane] = sum_ic v[tile][ic] * w[ic][lane], one chain of fused multiply-adds in the order of channels.
struct Products {
  const float* v;  ///< a panel whose pixels are tiles
  int64_t pitch;   ///< floats from one block of its channels to the next
  const float* w;  ///< w[ic][lane], vectors * width lanes, aligned to a vector
  float* m;        ///< m[tile][lane]
  int64_t tiles;
  int64_t IC;
  int32_t vectors;    ///< 1 or 2
  const float* next;  ///< as many weights, which are asked for meanwhile
};

/// The products of all points of F(m,2), m[point][tile][lane] = sum_ic v[point][tile][ic] * U[point][ic][lane], each
/// one chain of fused multiply-adds in the order of channels, for one vector of outputs or for two. U = G' g' G'T is
/// computed as it is multiplied, from the four taps g'[i][j] = f[i] g[i][j] f[j] (winograd_schemes.h): down the columns
/// first, then along the rows; a row of G' multiplies e and o to e or o, twice that, e +- o or (e +- o) +- 2 o.
struct LeanProducts {
  /// Those of some tiles after those of others, lean_begin(): v[block of 16 channels][point][tile][16].
  const float* v;
  const float* w[2];  ///< w[vector][ic][2 * i + j][lane], aligned to a vector; the weights that follow are asked for
  float* m[2];
  int32_t vectors;  ///< 1, or 2 where Table::lean_pair_sums is not 0
  int64_t tiles, parts;
  int64_t IC;
};
/// Where the tiles that are multiplied together begin, of `parts` parts of at most lean_sums / n each, or of
/// lean_pair_sums / (2 n) for two vectors.
constexpr int64_t lean_begin(int64_t tiles, int64_t parts, int64_t part) { return tiles * part / parts; }

/// v[i][j] = (BT d B)[i][j] for a row of tiles of n x n inputs d, m pixels apart, and up to 16 channels of them. Whole
/// vectors are read and written; what lies beyond the channels has no meaning.
struct WinogradInput {
  const float* x;  ///< input (i, j) of tile t, channel c: x[i * row + (t * m + j) * step * 16 + c]
  int64_t row;
  int64_t step;  ///< 1, or 2 where a convolution has this stride
  float* v;      ///< point (i, j): v[(i * n + j) * point + t * 16 + c]
  int64_t point;
  int64_t tiles;
  int64_t channels;  ///< 1 .. 16
};

/// y[i][j] = act(((AT M A)[i][j] + shift) + residual) for one tile of products M and up to a block of output channels.
struct WinogradOutput {
  const float* m;  ///< point (i, j): m[(i * n + j) * point], whole vectors
  int64_t point;
  void* y;  ///< where output (row_begin, col_begin) goes
  int64_t row, column;
  int32_t row_begin, row_end, col_begin, col_end;  ///< the outputs of the tile that exist, one or more
  const float* shift;                              ///< whole vectors
  int32_t lanes;
  Activation activation;
  Residual residual = {};
  bool rounded = false;  ///< as Direct's
};

/// y[i] = act(a[i] op b[i]) for i < count; a_one and b_one: the operand is one number for all. y may be a or b.
struct Binary {
  /// Comparisons give 1 or 0; maximum and minimum are NaN where an operand is.
  enum Kind : int32_t { add, subtract, multiply, divide, maximum, minimum, power, equal, less, less_equal };
  Kind kind;
  const float *a, *b;
  float* y;
  int64_t count;
  bool a_one, b_one;
  Activation activation;
};

/// y[i] = the largest of x[i * step + r * row_stride + c * col_stride] over r < rows and c < cols, NaN where there is
/// one and -inf where there are none; or their sum divided by `divisor`. Sums run over rows, then columns, in order.
struct Pool {
  const float* x;
  int64_t rows, cols, row_stride, col_stride;
  float* y;
  int64_t count, step;
  float divisor;
};

/// y[m * ldy + n] = sum_k a[m * lda + k] * b[k * ldb + n], every output one chain of multiply-adds with k ascending. No
/// overlap.
struct MatMul {
  const float *a, *b;
  float* y;
  int64_t M, N, K, lda, ldb, ldy;
};
/// A tap of a row of outputs: where its inputs lie, and its weights of each phase that reads it, [OC].
struct RowTap {
  int64_t x, w[2];
};
/// y[oc * y_channel + r * y_row + p * phases + f] = act(shift[oc] + sum_{ic, tap of f} x[ic * channel + r * x_row +
/// tap.x + p] * w[b * w_block + ic * w_channel + tap.w[f] + oc - b * OC] + residual) for rows of pixels and b = oc /
/// OC. Every output is one chain of fused multiply-adds, channels outermost, taps in their order, then one addition of
/// shift and one of the residual. Of a row all blocks are computed before the next row. Up to a vector of x is read
/// beyond the last pixel of a row, and up to most_row_outputs weights of a tap.
struct Rows {
  const float* x;
  int64_t channel, x_row;
  const RowTap* taps;      ///< those that both phases read, then those of the first alone, then of the second
  int64_t both, alone[2];  ///< how many of each
  const float* w;
  int64_t w_channel, w_block;
  const float* shift;
  float* y;
  int64_t y_channel, y_row, rows;
  int64_t pixels;  ///< of a row, of all phases, 1 or more
  int64_t IC;
  int32_t phases;  ///< 1 or 2
  int32_t OC;      ///< of a block: 1 .. most_row_outputs of one phase, few_row_outputs of two
  int64_t blocks;
  bool far;  ///< whether y is far from the caches, and asked for ahead
  Activation activation;
  Residual residual = {};
};
constexpr int few_row_outputs = 4, most_row_outputs = 6;

/// Vectors of pixels that Table::rows computes at a time, of so many outputs and phases together: as many as registers
/// hold beside inputs and weights, and at most 8. `pixels` is Table::pixels, of two vectors each.
constexpr int row_vectors(int pixels, int outputs) {
  int v = 1;
  while (v < 8 && outputs * (v + 1) + (outputs < v + 1 ? outputs : v + 1) + 1 <= 2 * pixels + 4) ++v;
  return v;
}
/// Rows of so many vectors that it computes at a time: two where they fill half of what it can hold.
constexpr int rows_at_a_time(int most_vectors, int64_t vectors) {
  return most_vectors > 2 && most_vectors % 2 == 0 && vectors == most_vectors / 2 ? 2 : 1;
}

/// v[i][p] = sum_j BT[i][j] x[j][p], the n points of tiles of n rows, m apart. Whole vectors of v are written.
struct RowsInput {
  const float* x;  ///< row j of tile t: x[(t * m + j) * x_row]
  int64_t x_row;
  float* v;  ///< point i of tile t: v[i * point + t * v_tile]
  int64_t point, v_tile;
  int64_t columns, tiles;
};

/// y[i][p] = act((sum_j AT[i][j] m[j][p] + shift) + residual) for the m rows of a tile.
struct RowsOutput {
  const float* m;  ///< point j: m[j * point], whole vectors
  int64_t point;
  float* const* y;  ///< [m], null where a row does not exist
  int64_t pixels;
  float shift;
  Activation activation;
  Residual residual = {};
};
constexpr int most_tile_outputs = 4;  ///< m

/// Outputs of F(m, T) along a row: of tile t, whose outputs lie `step` apart among those of the tiles beside it,
/// y[(t / step * m + i) * step + t % step][c] = act((sum_j AT[i][j] m[j][t][c] + shift[c]) + residual), as far as that
/// is one of `pixels` outputs.
struct AlongOutput {
  const float* m;  ///< point j of tile t: m[j * point + t * m_tile], whole vectors
  int64_t point, m_tile;
  float* y;
  int64_t y_pixel;
  int64_t step;        ///< 1 or more
  int64_t pixels;      ///< 1 or more
  const float* shift;  ///< whole vectors
  int32_t lanes;
  Activation activation;
  Residual residual = {};
};

/// Whether a scheme is also taken from row to row: the points of a tile of rows are registers.
template <class W>
constexpr bool is_for_rows = W::m <= most_tile_outputs && is_for_pictures<W>;

/// y[p * y_pixel + c] = act(shift[c] + sum_tap x[tap.x + p * x_pixel + c] * w[tap.index * w_tap + c] + residual) for a
/// run of pixels and all channels. Every output is one chain of fused multiply-adds, taps in their order, then one
/// addition of shift and one of the residual. Outputs may be computed and stored twice.
struct Depthwise {
  const float* x;
  int64_t x_pixel;
  const Tap* taps;
  int64_t tap_count;
  const float* w;  ///< may be read up to whole vectors of channels, as shift
  int64_t w_tap;
  const float* shift;
  float* y;  ///< no overlap with x or the residual
  int64_t y_pixel;
  int64_t pixels, channels;
  Activation activation;
  Residual residual = {};
};

/// (x - mean) * scale + shift.
struct Normal {
  float mean, scale, shift;
};

struct PairKernels;

/// y[p * y_stride + c] = act(x[p * x_stride + c] + added[p * added_stride + c]) for p < pixels, c < channels; y may be
/// x or `added`.
struct AddedPixels {
  const float* x;
  int64_t x_stride;
  const float* added;
  int64_t added_stride;  ///< 0 where all pixels have the same added to them
  void* y;
  int64_t y_stride;
  bool stored;  ///< whether y is of bfloat16, as Table::round makes it
  int64_t pixels, channels;
};

/// The kernels of one instruction set.
struct Table {
  Isa isa;
  int32_t width;           ///< floats in a vector
  int32_t pixels;          ///< the largest tile of `direct`: what stays in registers
  int32_t lean_sums;       ///< what stays in registers of `lean_products`
  int32_t lean_pair_sums;  ///< the same of two vectors, or 0 where it takes but one
  void (*direct)(const Direct&);
  void (*products)(const Products&);
  void (*rows)(const Rows&);
  void (*depthwise)(const Depthwise&);
  /// By scheme; null where it is not for that.
  void (*rows_input[schemes])(const RowsInput&);  ///< from row to row, and along rows
  void (*rows_output[schemes])(const RowsOutput&);
  void (*along_output[schemes])(const AlongOutput&);
  void (*winograd_input[schemes])(const WinogradInput&);
  void (*winograd_output[schemes])(const WinogradOutput&);
  void (*lean_products[schemes])(const LeanProducts&);  ///< null where a scheme is not lean
  /// The same with the weights of channels 2k and 2k + 1 as bfloat16 in the low and the high half of a word, of even
  /// numbers of channels, 16 or more; null where an instruction set has none.
  void (*direct_halved)(const Direct&) = nullptr;
  void (*lean_products_halved[schemes])(const LeanProducts&) = {};
  /// Writes the first C channels of `pixels` pixels, x[p * stride + c], into a panel. Lanes beyond C are left as they
  /// are.
  void (*pack)(const float* x, int64_t stride, int64_t C, float* panel, int64_t pitch, int64_t pixels);
  /// The same of bfloat16.
  void (*pack_stored)(const uint16_t* x, int64_t stride, int64_t C, float* panel, int64_t pitch, int64_t pixels);
  /// y[i] = x[i] rounded to the nearest bfloat16, to even between two; denormals become zeros.
  void (*round)(const float* x, uint16_t* y, int64_t count);
  /// y[c * y_stride + r] = x[r * x_stride + c] for r < rows, c < columns; no overlap.
  void (*transpose)(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns);
  /// y[r * y_stride + i] = x[r * x_stride + i] for r < rows, i < columns; no overlap. What lies `ahead` floats after x
  /// is asked for.
  void (*copy)(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns,
               int64_t ahead);
  /// y[i] = act(x[i]); x may be y.
  void (*activate)(const float* x, float* y, int64_t count, Activation);
  /// y[i] = act(x[i] * scale + shift) over one run that shares a channel; x may be y.
  void (*affine)(const float* x, float* y, int64_t count, float scale, float shift, Activation);
  /// y[p * C + c] = act(x[p * C + c] * scale[c] + shift[c]) for p < pixels, c < C; x may be y.
  void (*affine_channels)(const float* x, float* y, int64_t pixels, int64_t C, const float* scale, const float* shift,
                          Activation);
  /// Contract: AddedPixels.
  void (*add_pixels)(const AddedPixels&, Activation);
  /// y[i] = act((x[i] - mean) * scale + shift); x may be y.
  void (*normalise)(const float* x, float* y, int64_t count, const Normal&, Activation);
  /// y[p * C + c] = act((x[p * C + c] - means[c]) * scale[c] + shift[c]) for p < pixels, c < C, the scales behind the
  /// means and the shifts behind the scales; x may be y.
  void (*normalise_channels)(const float* x, float* y, int64_t pixels, int64_t C, const float* means, Activation);
  /// y[i] = act(((x[i] - mean) * scale + shift) * weight[i] + bias[i]); x may be y.
  void (*normalise_elements)(const float* x, float* y, int64_t count, const Normal&, const float* weight,
                             const float* bias, Activation);
  /// y[p * C + c] = x[p * C + c], times slope[c] where it is below 0; x may be y.
  void (*prelu_channels)(const float* x, float* y, int64_t pixels, int64_t C, const float* slope);
  /// The mean of x[i] and the sum of their squared distances from it; count >= 1.
  void (*moments)(const float* x, int64_t count, double* mean, double* squares);
  /// The same for every channel c of x[p * C + c]: the mean to m[c / 16 * pitch + c % 16], the squares 16 further.
  /// Whole vectors are written. A channel's bits do not depend on the others.
  void (*moments_channels)(const float* x, int64_t pixels, int64_t C, double* m, int64_t pitch);
  /// y[i] = exp(x[i] - max x) / sum_j exp(x[j] - max x); x may be y.
  void (*softmax)(const float* x, float* y, int64_t count);
  /// The same down each of `columns` columns: elements r < count of column c at x[r * stride + c]; x may be y.
  void (*softmax_columns)(const float* x, float* y, int64_t stride, int64_t count, int64_t columns);
  void (*binary)(const Binary&);
  /// y[i] = condition[i] != 0 ? a[i] : b[i]; y may be any of them.
  void (*select)(const float* condition, const float* a, const float* b, float* y, int64_t count);
  /// The sum of x[i], of few terms in float32 and of those sums in float64.
  double (*sum)(const float* x, int64_t count);
  /// The largest x[i], NaN where one is; count >= 1.
  float (*largest)(const float* x, int64_t count);
  /// y[i] = act((x[i] * scale + shift) + residual[i]); y may be x or residual.
  void (*affine_add)(const float* x, const float* residual, float* y, int64_t count, float scale, float shift,
                     Activation);
  /// y[i] = min(max(x[i], low), high), NaN kept; x may be y.
  void (*clamp)(const float* x, float* y, int64_t count, float low, float high);
  /// y[i] = a[i] * a_weight + b[i] * b_weight; y may be a or b.
  void (*lerp)(const float* a, const float* b, float* y, int64_t count, float a_weight, float b_weight);
  void (*pool_max)(const Pool&);
  void (*pool_avg)(const Pool&);
  void (*matmul)(const MatMul&);
  /// Runs `rounds` times a block of independent register-only multiply-adds; returns the floating-point operations of a
  /// round, and stores a value that depends on all of them.
  double (*peak)(int64_t rounds, float* sink);
  /// Not null where `direct`, `products` and `winograd_input` are those of pairs of bfloat16.
  const PairKernels* pairs = nullptr;

  /// Channels in a word of a panel: how many floats, or bfloat16, a multiply-add takes of it.
  [[nodiscard]] int64_t in_word() const { return pairs ? 2 : 1; }
};

/// Writes `channels` channels of `pixels` pixels, x[p * stride + c], rounded to bfloat16, into a panel of pairs, as
/// those from `first` on. Zeros fill the last half of a line.
struct PairPack {
  const void* x;  ///< floats, or bfloat16 that nothing is to be done to
  int64_t stride;
  int64_t first;  ///< a multiple of panel_lanes
  int64_t channels;
  float* panel;
  int64_t pitch;
  int64_t pixels;
  bool stored = false;  ///< whether x is of bfloat16
};

/// What one instruction set has for bfloat16: kernels whose channels come in pairs. In a panel of pairs, and in
/// weights, a 32-bit word stands in the place of each float: channels 2k and 2k + 1 as bfloat16 in its low and its high
/// half, so that a line of a panel has 32 channels. Everything else, and what the kernels are told of channels, counts
/// words. A sum over channels is then, for every pair in the order of pairs, sum = fma(odd product) and then sum =
/// fma(even product): the bits of AVX512_BF16's vdpbf16ps, on every instruction set, as long as denormals count as zero
/// (MXCSR), which in a run they do.
struct PairKernels {
  Isa isa;
  int32_t pixels;  ///< the largest tile of `direct`
  void (*direct)(const Direct&);
  void (*products)(const Products&);
  /// As Table::winograd_input, rounded; t.v may begin at the second half of a line. Null for schemes that err too much.
  void (*winograd_input[schemes])(const WinogradInput&);
  void (*winograd_output[schemes])(const WinogradOutput&);  ///< the same; outputs may be rounded too
  void (*add_pixels)(const AddedPixels&, Activation);       ///< Table::add_pixels
  void (*pack)(const PairPack&);
};

/// The table of `isa`; throws Error where this build or this machine has none. Of tables that differ in speed alone the
/// one that is faster here.
const Table& table(Isa isa);

/// All of `isa`, the usual one first: they compute the same bits. Those of Isa::amx are AVX-512's.
std::span<const Table* const> tables(Isa isa);

/// The same with kernels of pairs in the place of those that it has, so that Table::pairs is not null; null where they
/// would be slower than those of floats: `scalar` has the model of the instruction, so that every machine can test what
/// calls it, AVX-512 the instruction where it is fast, and Isa::amx, or what tiles are lent to (tiles.h), what stands
/// beside tiles, fast or not: the instruction, or without it the scalar model's kernels.
const Table* pair_table(Isa isa);

/// Those that this machine can run, fast or not.
std::vector<const PairKernels*> pair_kernels();

}  // namespace upconv::kernels
