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
  std::string mode = "nearest";             ///< or "nearest-exact", "linear" of rows, "bilinear", "bicubic" of pictures
  std::optional<bool> align_corners = {};   ///< of the last three: corners are centres of pixels; nothing means false

  /// Whether positions follow from the sizes, in the place of scale_factor; nothing means false.
  std::optional<bool> recompute_scale_factor = {};
};

/// torch.nn.Upsample: pictures (N, C, H, W) or rows (N, C, L) of another size; of rows size and scale_factor are one
/// number.
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

 protected:
  /// The part of the layer that is called `layer`.
  Upsample(const char* layer, UpsampleOptions options);

 private:
  const char* layer_;
};

/// torch.nn.UpsamplingNearest2d: Upsample with mode = "nearest".
class UpsamplingNearest2d : public Upsample {
 public:
  /// Throws Error where not exactly one of both is given.
  explicit UpsamplingNearest2d(MaybeOneOrTwo<int64_t> size = {}, MaybeOneOrTwo<double> scale_factor = {});
  std::string type_name() const override { return "UpsamplingNearest2d"; }
};

/// torch.nn.UpsamplingBilinear2d: Upsample with mode = "bilinear" and align_corners = true.
class UpsamplingBilinear2d : public Upsample {
 public:
  /// Throws Error where not exactly one of both is given.
  explicit UpsamplingBilinear2d(MaybeOneOrTwo<int64_t> size = {}, MaybeOneOrTwo<double> scale_factor = {});
  std::string type_name() const override { return "UpsamplingBilinear2d"; }
};

/// torch.nn.functional.interpolate.
[[nodiscard]] Value interpolate(Value x, UpsampleOptions options);

}  // namespace upconv
