#pragma once
// What machines pay for what convolutions do: the numbers from which the cost of every algorithm is reckoned.
#include <cstdint>

#include "../../framework/cpu.h"

namespace upconv::internal {

/// The costs of one class of machines, in cycles of one core. A number of the defaults holds for every class until a
/// measurement says otherwise: machine_class.cpp has what `./dev fit` found. `./dev choice` shows whether the fastest
/// algorithm is taken, and how far what is expected lies from what is measured.
struct MachineCosts {
  /// Of two multiply-adds of a vector, the unit in which all products are counted: 2 where vectors are computed in
  /// halves (AVX2's on Zen and Zen+, AVX-512's on Zen 4), so that caches are twice as fast in comparison.
  double vector_cycles = 1;
  /// Of the smallest L2 that machines of the class have, so that a choice does not depend on a cache's size: all of a
  /// megabyte is better than half of it, DCGAN at batch 16 by 3 to 5 %, 256-128 k4s2 64x64 by 1 to 6 (Zen 4).
  int64_t l2_bytes = 512 << 10;

  /// Of a multiply-add of pairs of bfloat16, in those of floats. It is 1 where all candidates have pairs, as everywhere
  /// but beside tiles: where these are, the instruction takes four times as long, and its model, which is taken in its
  /// place, does six things for one.
  double pair_product = 1;
  double product(bool pairs) const { return vector_cycles * (pairs ? pair_product : 1); }

  // Register tiles.

  /// A register tile of R pixels and two vectors takes R + 2 cycles a channel: the loads of weights and the loop's own
  /// instructions beside its R multiply-adds.
  double tile_overhead = 2;
  /// A block of one vector leaves half of every tile's loads without use.
  double lone_vector = 1.6;
  /// Narrow pictures are cut at their borders into register tiles of few pixels, whose few chains wait for each other.
  double narrow_tiles = 1.2;
  /// Gathering a pixel of narrow pictures: its addresses, and a line of 16 channels.
  double gather_pixel = 16, gather_line = 4;

  // Memory.

  /// Until weights are here that do not fit half of L2: 8 bytes a cycle from L3, 4 where part of them stays there, as
  /// two cores share what memory gives. By phase, where transformed inputs and products of all groups are around too,
  /// 2 where nothing stays.
  double near = 512 << 10, far = 12 << 20, beyond = 32 << 20;
  double near_bytes = 8, far_bytes = 4, beyond_bytes = 2;
  double stream(double bytes, bool by_phase) const {
    if (bytes <= near) return 0;
    return bytes / (bytes <= far ? near_bytes : by_phase && bytes > beyond ? beyond_bytes : far_bytes);
  }
  /// Until transformed inputs are here, again for each of so many blocks of outputs, that are more than L2 and its like
  /// hold: Conv2d(256, 40, 3, stride=2), with the channels of four residues, is a third faster by direct sums (Zen 3).
  double again_least = 1 << 20, again_bytes = 16;
  double again(double bytes, double blocks) const { return bytes <= again_least ? 0 : bytes * blocks / again_bytes; }
  /// Of products whose weights stream in meanwhile: a third of the shorter of the two shows; a half where there is one
  /// register tile, which no other asks for weights ahead (96-96 k4s2 11x11, 9 tiles of F(4,2), Zen 4).
  double shows = 3, shows_alone = 2;
  double overlapped(double products, double stream, bool alone) const {
    const double longer = products > stream ? products : stream, shorter = products > stream ? stream : products;
    return longer + shorter / (alone ? shows_alone : shows);
  }

  // Winograd's transforms.

  /// A point and a vector of a tile, of schemes with up to 4, up to 6 and more points in a direction: loads, stores and
  /// twice as many additions with their share of address arithmetic; more where the points outgrow the registers, and
  /// where sums are of 8 terms.
  double transform_small = 3.5, transform_middle = 5, transform_large = 8;
  double transform(int64_t n) const { return n > 6 ? transform_large : n > 4 ? transform_middle : transform_small; }
  /// How many times that on the way in where vectors are computed in halves; on the way out it is `vector_cycles`: on
  /// Zen 4 a point of F(4,2) takes 5 cycles in and 9 out, of F(3,2) 4 and 6.
  double inputs_in_halves = 1.2;
  double inputs() const { return vector_cycles > 1 ? inputs_in_halves : 1; }
  /// An output of merged phases, which leaves aside to go to a pixel of its own.
  double scattered = 3;
  /// What the products of a lean tiling take of one channel and one vector: a product, in multiply-adds, and for each
  /// register tile the additions that make the weights of a point. Vectors of 8 floats and fewer have no multiply-add
  /// that broadcasts, and lose 20 to 40 %.
  double lean_product = 1.5, lean_point = 0.5;

  /// The same along rows, of one direction: a point and a vector of a tile.
  double along_transform = 4.5;

  // Rows, pixels in the lanes.

  /// What becomes of two multiply-adds a cycle, for few outputs and for blocks of one and of two phases: weights that
  /// are broadcast for two vectors at a time fill the front end, for four nearly so, and of two phases there are more
  /// inputs to load. The direct kernel has its 1.33 and 1.14, and its transposing: between planar neighbours rows are 1
  /// to 3 % faster for one phase on AVX2.
  double rows_few = 1.4, rows_one_phase = 1.3, rows_two_phases = 1.5;
  /// Until the registers of a strip of a row are stored, and those of the next one are empty.
  double rows_strip = 100;
  /// A float: into the window; into its place; pixel by pixel where a stride steps over them; transposed out of
  /// channels-last pixels, out of L2 and beyond (64-3 k4s2 32x32 in DCGAN); to a place of its own among those. Blocks
  /// of outputs hide a part of all that behind products.
  double rows_in = 0.4, rows_out = 1, rows_apart = 3, rows_transposed = 2, rows_scattered = 8, rows_hidden = 4;
  /// A vector of n rows through a transform, either way, of schemes with up to 4 points and more.
  double rows_transform_small = 6, rows_transform = 8;

  // Depthwise.

  /// A product of a vector, where loads are the limit, 1.25 of them a product and two a cycle; where channels fill no
  /// vector they are loaded float by float. Storing a pixel takes as many products.
  double depthwise_product = 0.7, depthwise_part = 10, depthwise_store = 4;

  // Matrix tiles.

  // Fitted to all candidates of 71 layers on a Granite-Rapids-class Xeon (benchmarks/machines/granite-rapids-amx.json),
  // in cycles of which vectors, whose costs promise more than they keep there, take 2.9 a nanosecond.

  /// A product of two tiles, of 16,384 operations: 7.5 ns, of random numbers at best 6.8 (2,400 GFLOP/s; of zeros 5.2).
  /// A load beside it.
  double matrix_product = 21.8, matrix_load = 4.2;
  /// A float: rounded or split and packed, for each part of it; put aside, activated and stored.
  double matrix_in = 0.57, matrix_out = 0.19;
};

/// The costs of this machine for an instruction set.
const MachineCosts& machine_costs(Isa isa);

}  // namespace upconv::internal
