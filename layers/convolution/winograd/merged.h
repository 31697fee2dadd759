#pragma once
// Where the outputs of merged phases go: each lane of a block is a channel of a phase, with pixels of its own.
#include <vector>

#include "plan.h"

namespace upconv::internal {

/// A row of tiles, of one group of lanes.
struct TileRow {
  int64_t group, row;
  Range cols;
};

class MergedOutputs {
 public:
  /// `layout`: the picture's.
  MergedOutputs(const ConvGeometry& geometry, const Tiling& tiling, int64_t block, Layout layout);

  /// Moves the outputs of a row of tiles, m * cols.count() positions in m rows, [row][position][lane], to
  /// their places in an image, as far as they exist.
  void put(const TileRow& tiles, const float* outputs, float* image) const;
  /// The other way round.
  void get(const TileRow& tiles, const float* image, float* outputs) const;

 private:
  /// Positions of one row of a lane, or of neighbouring lanes, which go to neighbouring pixels: where the first lies in
  /// the image and among the outputs.
  struct Run {
    int64_t image, outputs, count, lanes;
  };
  template <class F>
  void each_run(const TileRow& tiles, F f) const;

  /// What a lane is along the columns.
  struct Lane {
    size_t row;            ///< its row phase
    int64_t place;         ///< of its channel in an image
    int64_t index, count;  ///< of its first position, how many it has
    int64_t first_output;
    int64_t together;  ///< how many lanes from this one on go to neighbouring pixels
  };
  static Range positions(int64_t index, int64_t count, int64_t most);

  const ConvGeometry& geometry_;
  int64_t m_, block_, pixel_;
  TiledAxis rows_, cols_;
  std::vector<Lane> lanes_;
};

}  // namespace upconv::internal
