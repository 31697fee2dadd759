#pragma once
#include <string>

#include "../framework/module.h"

namespace upconv {

/// torch.nn.PixelShuffle: (..., C * r * r, H, W) becomes (..., C, H * r, W * r), r the upscale_factor: channel
/// (c * r + i) * r + j has the pixels (h * r + i, w * r + j) of channel c. Throws Error where r is not positive.
class PixelShuffle : public Module {
 public:
  /// As torch.nn makes it.
  explicit PixelShuffle(int64_t upscale_factor);
  Value forward(Value x) const override;
  std::string type_name() const override { return "PixelShuffle"; }
  std::string extra_repr() const override;
  const int64_t upscale_factor;  ///< r
};

/// torch.nn.PixelUnshuffle, its inverse: (..., C, H * r, W * r) becomes (..., C * r * r, H, W), r the downscale_factor.
/// Throws Error where r is not positive.
class PixelUnshuffle : public Module {
 public:
  /// As torch.nn makes it.
  explicit PixelUnshuffle(int64_t downscale_factor);
  Value forward(Value x) const override;
  std::string type_name() const override { return "PixelUnshuffle"; }
  std::string extra_repr() const override;
  const int64_t downscale_factor;  ///< r
};

/// torch.nn.ChannelShuffle: the channels of (N, C, ...), at least 3 dimensions, as a matrix of `groups` rows, are read
/// by columns. Throws Error where groups is not positive and, when called, where C is not divisible by it.
class ChannelShuffle : public Module {
 public:
  /// As torch.nn makes it.
  explicit ChannelShuffle(int64_t groups);
  Value forward(Value x) const override;
  std::string type_name() const override { return "ChannelShuffle"; }
  std::string extra_repr() const override;
  const int64_t groups;  ///< of channels
};

}  // namespace upconv
