#pragma once
// Products in matrix tiles over a trait of what has them: the processor (amx.cpp) or a model (tests/reference).
// Contract: tiles.h, struct TileProducts.
//
// Registers, all eight: 2 x 2 tiles of sums, two of positions and two of outputs, so that four products share four
// loads; or, where one tile has all outputs, four of positions, since a sum can be added to every 52 cycles only. A
// tile is loaded in 8 cycles of L1 and multiplied in 16, and Granite Rapids does both at once: 3,050 GFLOP/s of one
// core from L1, 2,230 with operands in 512 KB of L2, 1,440 in 1.5 MB. One of positions must therefore lie in L1 while
// the outputs' weights pass once, each from L2.
//
// Parts: six products of three parts load eight pairs of tiles for 24 products, in an order in which each pair but one
// replaces one of the two operands: of the weights the low, the middle and the high part beside the inputs' high one;
// then the inputs' middle part beside the high and the middle one; the low part beside the high one.
//
// Positions are lines of one panel, a cache line each: a tap is another first line, so nothing is copied for it, and
// the load's stride is that of neighbours. Copied for each tap, with a pass for each product of parts, 128-64 k4s2
// 64x64 took twice as long.
#include <cassert>
#include <type_traits>

#include "simd.h"
#include "tiles.h"

namespace upconv::kernels {
namespace {

/// Tiles 0 to 3 are sums, [line][lane]; 4 and 5 positions, 6 and 7 weights. Of more than two lines, which have one
/// lane, 7 is the third one's positions, and 4 the fourth's after the first's.
template <class Tiles, int lines, int lanes>
struct TileBlock {
  static_assert(lines * lanes <= 4 && lanes <= 2);
  /// Calls f with the number of each sum, as a constant.
  template <class F>
  static UPCONV_INLINE void each_sum(F f) {
    f(std::integral_constant<int, 0>());
    if constexpr (lines * lanes > 1) f(std::integral_constant<int, 1>());
    if constexpr (lines * lanes > 2) f(std::integral_constant<int, 2>());
    if constexpr (lines * lanes > 3) f(std::integral_constant<int, 3>());
  }
  static UPCONV_INLINE int64_t at(int sum, int64_t line) {
    return sum / lanes * tile_lines * line + sum % lanes * tile_lanes;
  }
  static UPCONV_INLINE void begin() {
    each_sum([](auto sum) __attribute__((always_inline)) { Tiles::template zero<sum>(); });
  }
  static UPCONV_INLINE void begin(const float* first, int64_t line) {
    each_sum([=](auto sum) __attribute__((always_inline)) { Tiles::template load<sum>(first + at(sum, line), line); });
  }
  static UPCONV_INLINE void end(float* y, int64_t line) {
    each_sum([=](auto sum) __attribute__((always_inline)) { Tiles::template store<sum>(y + at(sum, line), line); });
  }
  static UPCONV_INLINE void positions(const float* x, const int64_t* tiles) {
    Tiles::template load<4>(x + tiles[0]);
    if constexpr (lines > 1) Tiles::template load<5>(x + tiles[1]);
    if constexpr (lines > 2) Tiles::template load<7>(x + tiles[2]);
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
  /// Of the positions and weights that were loaded, and of the fourth tile of positions.
  static UPCONV_INLINE void multiply(const float* fourth = nullptr) {
    Tiles::template multiply<0, 4, 6>();
    if constexpr (lanes == 2) {
      Tiles::template multiply<1, 4, 7>();
      if constexpr (lines == 2) Tiles::template multiply<2, 5, 6>();
      if constexpr (lines == 2) Tiles::template multiply<3, 5, 7>();
    } else {
      if constexpr (lines > 3) Tiles::template load<4>(fourth);
      if constexpr (lines > 1) Tiles::template multiply<1, 5, 6>();
      if constexpr (lines > 2) Tiles::template multiply<2, 7, 6>();
      if constexpr (lines > 3) Tiles::template multiply<3, 4, 6>();
    }
  }
};

template <class Tiles, int parts, int lines, int lanes>
void multiply_tiles(const TileProducts& p) {
  static_assert(parts == 1 || lines <= 2);
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
      Block::positions(x, p.x_tiles);
      for (int part = parts - 1; part >= 0; --part) {
        Block::weights(w + part * w_part);
        if constexpr (parts == 3) Block::ask_for(w + (parts + part) * w_part);
        Block::multiply(x + p.x_tiles[lines - 1]);
      }
      if constexpr (parts > 1) {
        Block::positions(x + p.x_part, p.x_tiles);
        Block::multiply();
      }
      if constexpr (parts > 2) {
        Block::weights(w + w_part);
        Block::multiply();
        Block::positions(x + 2 * p.x_part, p.x_tiles);
        Block::weights(w);
        Block::multiply();
      }
    }
  Block::end(p.y, p.y_line);
}

template <class Tiles, int parts>
void multiply_parts(const TileProducts& p) {
  if (p.lanes == 2) return p.lines == 2 ? multiply_tiles<Tiles, parts, 2, 2>(p) : multiply_tiles<Tiles, parts, 1, 2>(p);
  if constexpr (parts == 1) {
    if (p.lines == 4) return multiply_tiles<Tiles, parts, 4, 1>(p);
    if (p.lines == 3) return multiply_tiles<Tiles, parts, 3, 1>(p);
  }
  return p.lines == 2 ? multiply_tiles<Tiles, parts, 2, 1>(p) : multiply_tiles<Tiles, parts, 1, 1>(p);
}

template <class Tiles>
void tile_products(const TileProducts& p) {
  assert(p.parts >= 1 && p.parts <= most_parts && p.lines >= 1 && p.lanes >= 1 && p.lanes <= 2);
  assert(p.lines <= (p.parts == 1 && p.lanes == 1 ? most_tiles_by_one : most_tiles_by_two));
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
