#pragma once
// A picture value cut into pieces for operations whose arguments belong to channels.
#include <algorithm>

#include "../../framework/layout.h"

namespace upconv::internal {

/// Pieces of some 64 KiB: runs of pixels with all their channels where a pixel's channels lie together, runs of whole
/// channels of one image elsewhere.
class ChannelTiles {
 public:
  struct Piece {
    int64_t image, offset;      ///< of its first element, from that of the value
    int64_t channel, channels;  ///< which are in it
    int64_t pixels;             ///< of each
  };

  ChannelTiles(const ImageShape& shape, Layout layout)
      : shape_(shape), channels_last_(layout == Layout::channels_last || pixels() == 1) {
    const int64_t line = std::max<int64_t>(1, channels_last_ ? shape_.C : pixels());
    run_ = std::max<int64_t>(1, elements / line);
    runs_ = ((channels_last_ ? pixels() : shape_.C) + run_ - 1) / run_;
  }

  bool channels_last() const { return channels_last_; }
  int64_t tiles() const { return shape_.N * runs_; }
  Piece piece(int64_t tile) const {
    const int64_t image = tile / runs_, first = tile % runs_ * run_, start = image * shape_.C * pixels();
    if (channels_last_) return {image, start + first * shape_.C, 0, shape_.C, std::min(run_, pixels() - first)};
    return {image, start + first * pixels(), first, std::min(run_, shape_.C - first), pixels()};
  }

 private:
  static constexpr int64_t elements = 16 << 10;
  int64_t pixels() const { return shape_.H * shape_.W; }
  ImageShape shape_;
  bool channels_last_;
  int64_t run_ = 1, runs_ = 0;
};

}  // namespace upconv::internal
