#pragma once
#include <string>
#include <vector>

#include "../framework/module.h"
#include "pair.h"

namespace upconv {

/// Conv2d's padding: a size for height and width, or one of PyTorch's words "same" and "valid".
struct Padding {
  Pair size = 0;     ///< pixels beside both ends of each axis
  std::string word;  ///< "" where `size` counts
  /// `both` for height and width.
  Padding(int64_t both) : size(both) {}
  /// One for each.
  Padding(int64_t h, int64_t w) : size(h, w) {}
  /// Both as a Pair.
  Padding(Pair size) : size(size) {}
  /// "same" or "valid"; Conv2d refuses any other word.
  Padding(std::string word) : word(std::move(word)) {}
  /// The same.
  template <size_t n>
  Padding(const char (&word)[n]) : word(word) {}
  /// Whether both are equal.
  bool operator==(const Padding&) const = default;
};

/// The arguments of Conv2d after kernel_size, in PyTorch's order and with its defaults. Designated:
/// `{.stride = 2, .padding = 1, .bias = false}`.
struct Conv2dOptions {
  Pair stride = 1;  ///< pixels from one window to the next

  /// Beside both ends of each axis of the input; or "same" (for stride 1), or "valid", which is 0.
  Padding padding = 0;
  Pair dilation = 1;                   ///< pixels from one tap to the next
  int64_t groups = 1;                  ///< runs of channels, each of which is convolved by itself
  bool bias = true;                    ///< whether there is one
  std::string padding_mode = "zeros";  ///< or "reflect", "replicate", "circular"
};

/// torch.nn.Conv2d. Input (N, in_channels, H, W) or (in_channels, H, W), output of the same rank with
/// H_out = floor((H + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1, W_out likewise.
/// Parameters: weight (out_channels, in_channels / groups, kH, kW) and, with bias, bias (out_channels).
/// Throws Error where an argument is out of range; shapes are checked when the layer is called: a padding of "reflect"
/// must be smaller than the input, one of "circular" not larger.
class Conv2d : public Module {
 public:
  /// With the defaults of Conv2dOptions.
  Conv2d(int64_t in_channels, int64_t out_channels, Pair kernel_size);
  /// With `options`.
  Conv2d(int64_t in_channels, int64_t out_channels, Pair kernel_size, Conv2dOptions options);
  /// PyTorch's positional form.
  Conv2d(int64_t in_channels, int64_t out_channels, Pair kernel_size, Pair stride, Padding padding = 0,
         Pair dilation = 1, int64_t groups = 1, bool bias = true, std::string padding_mode = "zeros");

  Value forward(Value x) const override;
  std::string type_name() const override { return "Conv2d"; }
  std::string extra_repr() const override;

  const int64_t in_channels;    ///< of the input
  const int64_t out_channels;   ///< of the output
  const Pair kernel_size;       ///< of the window
  const Conv2dOptions options;  ///< the other arguments
  const Parameter weight;       ///< as the class says
  const Parameter bias;         ///< not the module's where options.bias is false
};

}  // namespace upconv
