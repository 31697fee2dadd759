#pragma once
#include <string>
#include <variant>

#include "../framework/module.h"

namespace upconv {

/// The arguments of Conv1d after kernel_size, in PyTorch's order and with its defaults. Designated:
/// `{.padding = 3, .dilation = 3}`, `{.padding = "same"}`.
struct Conv1dOptions {
  int64_t stride = 1;  ///< elements from one window to the next

  /// Elements beside both ends; or "same" (for stride 1), or "valid", which is 0.
  std::variant<int64_t, std::string> padding = int64_t{0};
  int64_t dilation = 1;                ///< elements from one tap to the next
  int64_t groups = 1;                  ///< runs of channels, each of which is convolved by itself
  bool bias = true;                    ///< whether there is one
  std::string padding_mode = "zeros";  ///< or "reflect", "replicate", "circular"
};

/// torch.nn.Conv1d. Input (N, in_channels, L) or (in_channels, L), output of the same rank with
/// L_out = floor((L + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1.
/// Parameters: weight (out_channels, in_channels / groups, kernel_size) and, with bias, bias (out_channels).
/// It is computed as Conv2d of pictures (N, in_channels, 1, L), and the views around it cost nothing.
/// Throws Error where an argument is out of range; shapes are checked when the layer is called: a padding of "reflect"
/// must be smaller than the input, one of "circular" not larger.
class Conv1d : public Module {
 public:
  /// With the defaults of Conv1dOptions.
  Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size);
  /// With `options`.
  Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, Conv1dOptions options);
  /// PyTorch's positional form.
  Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride,
         std::variant<int64_t, std::string> padding = int64_t{0}, int64_t dilation = 1, int64_t groups = 1,
         bool bias = true, std::string padding_mode = "zeros");

  Value forward(Value x) const override;
  std::string type_name() const override { return "Conv1d"; }
  std::string extra_repr() const override;

  const int64_t in_channels;    ///< of the input
  const int64_t out_channels;   ///< of the output
  const int64_t kernel_size;    ///< of the window
  const Conv1dOptions options;  ///< the other arguments
  const Parameter weight;       ///< as the class says
  const Parameter bias;         ///< not the module's where options.bias is false
};

}  // namespace upconv
