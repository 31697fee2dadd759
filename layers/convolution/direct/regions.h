#pragma once
// Where the positions of a convolution read the same taps: what the direct kernel multiplies at a time.
#include <optional>
#include <vector>

#include "../machine.h"
#include "window.h"

namespace upconv::internal {

/// How far a tap's input is from the position's base.
struct TapOffset {
  int64_t h, w;
};

/// A rectangle of positions of one pair of phases that read the same taps.
struct Region {
  Range rows, cols;
  std::vector<kernels::Tap> taps;
  std::vector<TapOffset> offsets;  ///< of each tap
};

/// Outputs of one residue in both axes.
struct PhasePair {
  const Phase* row;
  const Phase* col;
  std::vector<Region> regions;  ///< the one with most multiply-adds first
  int64_t first_tap;            ///< its place among the packed taps
};

/// The runs of columns that are gathered together, of `lines` rows in all images: all of them where that takes at most
/// a quarter more products and the shortest run has few pixels, whose register tiles read weights faster than L2 gives
/// them (512-256 k4s2 4x4 on Zen 3: 3 pixels at 40 %), but where a vector takes two cycles (there 9 % faster apart).
std::vector<Segment> gathered_segments(const Phase& col, double lines, const kernels::Table& table,
                                       const MachineCosts& machine);

/// All pairs of phases, row phases outermost. In a window the zeros beside it make all positions alike; without one
/// taps of a region are gathered side by side, `gathered` floats from one to the next.
std::vector<PhasePair> phase_pairs(const ConvGeometry& geometry, const std::optional<Window>& window, bool finite,
                                   int64_t gathered, const kernels::Table& table);

}  // namespace upconv::internal
