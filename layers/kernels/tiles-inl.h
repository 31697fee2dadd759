#pragma once
// Products in matrix tiles over a trait of what has them: the processor (amx.cpp) or a model (tests/reference).
// Contract: tiles.h, struct TileProducts.
//
// Registers, all eight: 2 x 2 tiles of sums, two of positions and two of outputs, so that four products share four
// loads. A tile is loaded in 8 cycles of L1 and multiplied in 16, and Granite Rapids does both at once: 3,050 GFLOP/s
// of one core from L1, 2,230 with operands in 512 KB of L2, 1,440 in 1.5 MB. One of positions must therefore lie in L1
// while the outputs' weights pass once, each from L2.
//
// Parts: six products of three parts load eight pairs of tiles for 24 products, in an order in which each pair but one
// replaces one of the two operands: of the weights the low, the middle and the high part beside the inputs' high one;
// then the inputs' middle part beside the high and the middle one; the low part beside the high one.
//
// Positions are lines of one panel, a cache line each: a tap is another first line, so nothing is copied for it, and
// the load's stride is that of neighbours. Copied for each tap, with a pass for each product of parts, 128-64 k4s2
// 64x64 took twice as long.
#include <cassert>

#include "simd.h"
#include "tiles.h"

namespace upconv::kernels {
namespace {

/// Tiles 0 to 3 are sums, [line][lane]; 4 and 5 positions, 6 and 7 weights.
template <class Tiles, int lines, int lanes>
struct TileBlock {
  static UPCONV_INLINE void begin() {
    Tiles::template zero<0>();
    if constexpr (lanes == 2) Tiles::template zero<1>();
    if constexpr (lines == 2) Tiles::template zero<2>();
    if constexpr (lines == 2 && lanes == 2) Tiles::template zero<3>();
  }
  static UPCONV_INLINE void begin(const float* first, int64_t line) {
    Tiles::template load<0>(first, line);
    if constexpr (lanes == 2) Tiles::template load<1>(first + tile_lanes, line);
    if constexpr (lines == 2) Tiles::template load<2>(first + tile_lines * line, line);
    if constexpr (lines == 2 && lanes == 2) Tiles::template load<3>(first + tile_lines * line + tile_lanes, line);
  }
  static UPCONV_INLINE void positions(const float* x, int64_t next) {
    Tiles::template load<4>(x);
    if constexpr (lines == 2) Tiles::template load<5>(x + next);
  }
  static UPCONV_INLINE void weights(const float* w) {
    Tiles::template load<6>(w);
    if constexpr (lanes == 2) Tiles::template load<7>(w + tile_words);
  }
  /// Weights that will be wanted from L1.
  static UPCONV_INLINE void ask_for(const float* w) {
    UPCONV_UNROLL
    for (int64_t line = 0; line < lanes * tile_lines; ++line) __builtin_prefetch(w + line * tile_lanes);
  }
  static UPCONV_INLINE void multiply() {
    Tiles::template multiply<0, 4, 6>();
    if constexpr (lanes == 2) Tiles::template multiply<1, 4, 7>();
    if constexpr (lines == 2) Tiles::template multiply<2, 5, 6>();
    if constexpr (lines == 2 && lanes == 2) Tiles::template multiply<3, 5, 7>();
  }
  static UPCONV_INLINE void end(float* y, int64_t line) {
    Tiles::template store<0>(y, line);
    if constexpr (lanes == 2) Tiles::template store<1>(y + tile_lanes, line);
    if constexpr (lines == 2) Tiles::template store<2>(y + tile_lines * line, line);
    if constexpr (lines == 2 && lanes == 2) Tiles::template store<3>(y + tile_lines * line + tile_lanes, line);
  }
};

template <class Tiles, int parts, int lines, int lanes>
void multiply_tiles(const TileProducts& p) {
  using Block = TileBlock<Tiles, lines, lanes>;
  constexpr int64_t w_part = lanes * tile_words;
  if (p.first)
    Block::begin(p.first, p.first_line);
  else
    Block::begin();
  const float* w = p.w;
  for (int64_t block = 0; block < p.blocks; ++block)
    for (int64_t t = 0; t < p.tap_count; ++t, w += parts * w_part) {
      const float* x = p.x + block * p.pitch + p.taps[t];
      Block::positions(x, p.x_next);
      for (int part = parts - 1; part >= 0; --part) {
        Block::weights(w + part * w_part);
        if constexpr (parts == 3) Block::ask_for(w + (parts + part) * w_part);
        Block::multiply();
      }
      if constexpr (parts > 1) {
        Block::positions(x + p.x_part, p.x_next);
        Block::multiply();
      }
      if constexpr (parts > 2) {
        Block::weights(w + w_part);
        Block::multiply();
        Block::positions(x + 2 * p.x_part, p.x_next);
        Block::weights(w);
        Block::multiply();
      }
    }
  Block::end(p.y, p.y_line);
}

template <class Tiles, int parts>
void multiply_parts(const TileProducts& p) {
  if (p.lines == 2) return p.lanes == 2 ? multiply_tiles<Tiles, parts, 2, 2>(p) : multiply_tiles<Tiles, parts, 2, 1>(p);
  return p.lanes == 2 ? multiply_tiles<Tiles, parts, 1, 2>(p) : multiply_tiles<Tiles, parts, 1, 1>(p);
}

template <class Tiles>
void tile_products(const TileProducts& p) {
  assert(p.parts >= 1 && p.parts <= most_parts && p.lines >= 1 && p.lines <= 2 && p.lanes >= 1 && p.lanes <= 2);
  assert(p.tap_count >= 0 && p.blocks >= 1 && p.y_line >= p.lanes * tile_lanes && is_aligned(p.w, 64));
  if (p.parts == 1) return multiply_parts<Tiles, 1>(p);
  if (p.parts == 2) return multiply_parts<Tiles, 2>(p);
  multiply_parts<Tiles, 3>(p);
}

template <class Tiles>
constexpr TileKernels make_tile_kernels() {
  return {.configure = Tiles::configure,
          .release = Tiles::release,
          .products = tile_products<Tiles>,
          .split = Tiles::split,
          .split_planes = Tiles::split_planes};
}

}  // namespace
}  // namespace upconv::kernels
