#pragma once
#include <string>
#include <vector>

#include "../framework/module.h"
#include "pair.h"

namespace upconv {

/// The arguments of ConvTranspose2d after kernel_size, in PyTorch's order and with its defaults. Designated:
/// `{.stride = 2, .padding = 1, .bias = false}`.
struct ConvTranspose2dOptions {
  Pair stride = 1;                     ///< how many times larger the output is
  Pair padding = 0;                    ///< cropped from both ends of each axis of the output
  Pair output_padding = 0;             ///< added at the lower and right end; smaller than stride or dilation
  int64_t groups = 1;                  ///< runs of channels, each of which is convolved by itself
  bool bias = true;                    ///< whether there is one
  Pair dilation = 1;                   ///< pixels from one tap to the next
  std::string padding_mode = "zeros";  ///< the only one, as in PyTorch
};

/// torch.nn.ConvTranspose2d. Input (N, in_channels, H, W) or (in_channels, H, W), output of the same rank with
/// H_out = (H - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1, W_out likewise.
/// Parameters: weight (in_channels, out_channels / groups, kH, kW) and, with bias, bias (out_channels).
/// Throws Error where an argument is out of range; shapes are checked when the layer is called.
class ConvTranspose2d : public Module {
 public:
  /// With the defaults of ConvTranspose2dOptions.
  ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size);
  /// With `options`.
  ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size, ConvTranspose2dOptions options);
  /// PyTorch's positional form.
  ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size, Pair stride, Pair padding = 0,
                  Pair output_padding = 0, int64_t groups = 1, bool bias = true, Pair dilation = 1,
                  std::string padding_mode = "zeros");

  using Module::operator();
  Value forward(Value x) const override;
  /// With `output_size`, {H_out, W_out} or all of the output's sizes, in place of output_padding. Valid from the
  /// minimum to the minimum + stride - 1 on each axis; throws Error naming the range.
  Value operator()(Value x, const std::vector<int64_t>& output_size) const;
  /// The same of a tensor, computed.
  Tensor operator()(const Tensor& x, const std::vector<int64_t>& output_size) const;

  std::string type_name() const override { return "ConvTranspose2d"; }
  std::string extra_repr() const override;
  int64_t output_dim() const override { return 1; }

  const int64_t in_channels;             ///< of the input
  const int64_t out_channels;            ///< of the output
  const Pair kernel_size;                ///< of the window
  const ConvTranspose2dOptions options;  ///< the other arguments
  const Parameter weight;                ///< as the class says
  const Parameter bias;                  ///< not the module's where options.bias is false

 private:
  Value convolved(Value x, Pair output_padding) const;
  Value convolved(Value x, const std::vector<int64_t>& output_size) const;
};

}  // namespace upconv
