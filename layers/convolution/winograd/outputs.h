#pragma once
// The outputs of Winograd's algorithm: sums of points become pixels, in their place or aside.
#include <optional>

#include "merged.h"
#include "tiles.h"

namespace upconv::internal {

/// Memory in which output (h, w) of an image, channel oc, is `image`, h / row_step rows, w pixels and oc elements after
/// `first`.
struct WinogradTarget {
  void* memory;
  int64_t first;  ///< of image 0, row 0, column 0, channel 0, which need not exist
  int64_t image, row, pixel, row_step;
  Range channels;  ///< that it has
  kernels::Residual residual;

  int64_t at(int64_t n, int64_t h, int64_t w, int64_t oc) const {
    return first + n * image + h / row_step * row + w * pixel + oc;
  }
};

class WinogradOutputs {
 public:
  explicit WinogradOutputs(const TiledConvolution& of) : of_(of) {
    if (of.lanes.merged) merged_.emplace(of.geometry, of.tiling, of.lanes.block, of.context.output);
  }

  /// The output itself.
  WinogradTarget in_place(const Frame& frame) const;
  /// The box's outputs of some groups aside, [image][row][column][lane]; by phase one row phase at a time.
  WinogradTarget aside(const WinogradWork& work, Range groups, float* memory) const;
  /// Floats that a work needs aside.
  int64_t aside_floats(const WinogradWork& work) const;

  /// Outputs of row phase a and column phase b, from m[point][tile][lane].
  void put(const WinogradWork& work, int64_t group, size_t a, size_t b, const float* m, const float* shift,
           const WinogradTarget& to) const;
  /// Moves the rows of row phase a that lie aside into (N, C, H, W).
  void put_back(const WinogradWork& work, size_t a, const WinogradTarget& from, const Frame& frame) const;
  /// Outputs of merged phases, a row of tiles at a time: aside first, [row][column][lane], from where each lane, a
  /// channel of a phase, goes to pixels of its own.
  void put_merged(const WinogradWork& work, int64_t group, const float* m, const float* shift, const Frame& frame,
                  float* aside) const;

 private:
  Range output_rows(const WinogradWork& work) const { return outputs_of(of_.rows, work.rows, of_.geometry.out.H); }
  Range output_cols(const WinogradWork& work) const { return outputs_of(of_.cols, work.cols, of_.geometry.out.W); }
  /// The outputs of a run of tiles of an axis, as far as they exist.
  Range outputs_of(const TiledAxis& axis, Range tiles, int64_t size) const;

  /// The positions of a tile that a phase has: those whose index, from that of the tile's first one on, exists.
  struct Positions {
    int64_t index;
    int32_t begin, end;
  };
  Positions positions_of(const TiledAxis& axis, const Phase& phase, size_t number, int64_t tile) const;
  int64_t merged_floats(const WinogradWork& work) const {
    return work.cols.count() * of_.size.m * of_.size.m * of_.lanes.block * (of_.context.residual ? 2 : 1);
  }

  const TiledConvolution& of_;
  std::optional<MergedOutputs> merged_;  // where phases are
};

}  // namespace upconv::internal
