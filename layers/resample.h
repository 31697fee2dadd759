#pragma once
#include <optional>
#include <string>

#include "../framework/module.h"
#include "one_or_two.h"

namespace upconv {

/// The arguments of Upsample and interpolate, in PyTorch's order and with its defaults. Either size or scale_factor.
struct UpsampleOptions {
  MaybeOneOrTwo<int64_t> size = {};         ///< of the output
  MaybeOneOrTwo<double> scale_factor = {};  ///< of which the output is as much larger, rounded down
  std::string mode = "nearest";             ///< or "nearest-exact", "bilinear"
  std::optional<bool> align_corners = {};   ///< of bilinear: corners are centres of pixels; nothing means false

  /// Whether positions follow from the sizes, in the place of scale_factor; nothing means false.
  std::optional<bool> recompute_scale_factor = {};
};

/// torch.nn.Upsample: pictures (N, C, H, W) of another size.
class Upsample : public Module {
 public:
  /// `Upsample({.scale_factor = 2, .mode = "bilinear"})`. Throws Error where arguments contradict each other.
  explicit Upsample(UpsampleOptions options);
  /// PyTorch's positional form.
  explicit Upsample(OneOrTwo<int64_t> size, MaybeOneOrTwo<double> scale_factor = {}, std::string mode = "nearest",
                    std::optional<bool> align_corners = {}, std::optional<bool> recompute_scale_factor = {});
  Value forward(Value x) const override;
  std::string type_name() const override { return "Upsample"; }
  std::string extra_repr() const override;
  const UpsampleOptions options;  ///< all arguments
};

/// torch.nn.functional.interpolate.
[[nodiscard]] Value interpolate(Value x, UpsampleOptions options);

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

}  // namespace upconv
