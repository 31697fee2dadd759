#pragma once
// Kernels that multiply in matrix tiles, AMX's: what they are and the contracts they keep. As in kernels.h, plain
// structs and pointers only.
#include "kernels.h"

namespace upconv::kernels {

/// A matrix tile is a register of 16 rows of 16 words. One product adds to 16 x 16 sums the products of 16 positions
/// with 16 outputs over 32 channels, two bfloat16 in a word (PairKernels).
constexpr int64_t tile_lines = 16, tile_lanes = 16, tile_channels = 32, tile_words = tile_lines * tile_lanes;

/// Tiles of positions that are multiplied at once with one tile of outputs, and with two.
constexpr int32_t most_tiles_by_one = 4, most_tiles_by_two = 2;

/// Floats are multiplied as bfloat16, or as sums of two or three of them, their parts, each the rounding of what those
/// before it left: 8, 16 or all 24 bits. Of products of two parts three are taken, of three parts six: those that are
/// not smaller than what is left out, 2^-16 and 2^-24 of the whole.
constexpr int32_t most_parts = 3;
constexpr int64_t products_of(int32_t parts) { return parts * (parts + 1) / 2; }

/// y[position][output] = first[position][output] + sum over blocks of 32 channels, taps and products of parts, up to 32
/// positions and outputs, or 64 positions and 16 outputs.
/// What each product of tiles adds to a sum is, in this order of roundings and with denormals as zeros,
///
///     even = odd = 0; for the pairs k of the 32 channels, ascending:
///       even = fma(x[2k], w[2k], even), odd = fma(x[2k + 1], w[2k + 1], odd)
///     y = y + (even + odd)
///
/// found by comparing 3.7 million results on Granite Rapids, all equal, with six other orders, of which each fails on 5
/// to 65 % of them. So a chain has 16 links however many channels there are, and its bits do not depend on which tile
/// an output fell into.
struct TileProducts {
  const float* x;  ///< panels of pairs, one for each part: position p of tile t reads, for each tap,
  int64_t x_tiles[most_tiles_by_one];  ///< x[tap + x_tiles[t] + p * 16]
  int64_t pitch;                       ///< floats from one block of 32 channels to the next
  int64_t x_part;                      ///< and from one part to the next
  const int64_t* taps;                 ///< floats from x; may be none: then nothing is added
  int64_t tap_count;
  int64_t blocks;  ///< of 32 channels
  const float* w;  ///< w[block][tap][part][tile of outputs][pair of channels][output], aligned to a line
  float* y;        ///< position p, output n: y[p * y_line + n]; whole tiles are written
  int64_t y_line;
  int32_t lines, lanes;  ///< tiles of positions and of outputs: 1 or 2, or, of one part and one of outputs, up to 4
  int32_t parts;         ///< 1 .. most_parts
  const float* first;    ///< first[p * first_line + n]: y, or with a line of 0 the same for all positions; nullptr: 0
  int64_t first_line;
};

/// Writes the parts of 16 channels of `pixels` pixels, x[p * stride + c], as y[part * y_part + p * 32 + c]. Rounded to
/// nearest, to even between two, denormals as zeros; of several parts the first is cut where rounding would make it
/// infinite, and what is infinite or NaN has one part alone.
struct TileSplit {
  const float* x;
  int64_t stride;
  int64_t pixels;
  uint16_t* y;
  int64_t y_part;
  int32_t parts;  ///< 1 .. most_parts
};

/// The same of `channels` channels, up to 16, that lie in planes, x[c * stride + p]. Those beside them become zeros.
struct TilePlanes {
  TileSplit split;
  int32_t channels;  ///< 1 .. panel_lanes
};

/// What multiplies in tiles. A thread configures the tiles before its first product, and releases them after its last:
/// nothing of them is left in a thread of the caller's.
struct TileKernels {
  void (*configure)();
  void (*release)();
  void (*products)(const TileProducts&);
  void (*split)(const TileSplit&);
  void (*split_planes)(const TilePlanes&);
};

/// Tiles that are configured while one of these lives.
class ConfiguredTiles {
 public:
  explicit ConfiguredTiles(const TileKernels& tiles) : tiles_(tiles) { tiles_.configure(); }
  ~ConfiguredTiles() { tiles_.release(); }
  ConfiguredTiles(const ConfiguredTiles&) = delete;
  ConfiguredTiles& operator=(const ConfiguredTiles&) = delete;

 private:
  const TileKernels& tiles_;
};

/// What Isa::amx has; of the other instruction sets nothing, but what was lent.
const TileKernels* tile_kernels(Isa isa);

/// For tests, whose model of the processor's tiles every machine can run: what instruction sets without tiles of their
/// own have from now on, until it is nullptr again. No program has a model of its own.
void lend_tile_kernels(const TileKernels* tiles);

}  // namespace upconv::kernels
