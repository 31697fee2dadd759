#pragma once
#include <string>
#include <vector>

#include "../framework/module.h"

namespace upconv {

/// The arguments of ConvTranspose1d after kernel_size, in PyTorch's order and with its defaults. Designated:
/// `{.stride = 8, .padding = 4}`.
struct ConvTranspose1dOptions {
  int64_t stride = 1;                  ///< how many times longer the output is
  int64_t padding = 0;                 ///< cropped from both ends of the output
  int64_t output_padding = 0;          ///< added at its end; smaller than stride or dilation
  int64_t groups = 1;                  ///< runs of channels, each of which is convolved by itself
  bool bias = true;                    ///< whether there is one
  int64_t dilation = 1;                ///< elements from one tap to the next
  std::string padding_mode = "zeros";  ///< the only one, as in PyTorch
};

/// torch.nn.ConvTranspose1d. Input (N, in_channels, L) or (in_channels, L), output of the same rank with
/// L_out = (L - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1.
/// Parameters: weight (in_channels, out_channels / groups, kernel_size) and, with bias, bias (out_channels).
/// It is computed as ConvTranspose2d of pictures (N, in_channels, 1, L), and the views around it cost nothing.
/// Throws Error where an argument is out of range; shapes are checked when the layer is called.
class ConvTranspose1d : public Module {
 public:
  /// With the defaults of ConvTranspose1dOptions.
  ConvTranspose1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size);
  /// With `options`.
  ConvTranspose1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, ConvTranspose1dOptions options);
  /// PyTorch's positional form.
  ConvTranspose1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride, int64_t padding = 0,
                  int64_t output_padding = 0, int64_t groups = 1, bool bias = true, int64_t dilation = 1,
                  std::string padding_mode = "zeros");

  using Module::operator();
  Value forward(Value x) const override;
  /// With `output_size`, {L_out} or all of the output's sizes, in place of output_padding. Valid from the minimum to
  /// the minimum + stride - 1; throws Error naming the range.
  Value operator()(Value x, const std::vector<int64_t>& output_size) const;
  /// The same of a tensor, computed.
  Tensor operator()(const Tensor& x, const std::vector<int64_t>& output_size) const;

  std::string type_name() const override { return "ConvTranspose1d"; }
  std::string extra_repr() const override;
  int64_t output_dim() const override { return 1; }

  const int64_t in_channels;             ///< of the input
  const int64_t out_channels;            ///< of the output
  const int64_t kernel_size;             ///< of the window
  const ConvTranspose1dOptions options;  ///< the other arguments
  const Parameter weight;                ///< as the class says
  const Parameter bias;                  ///< not the module's where options.bias is false

 private:
  Value convolved(Value x, int64_t output_padding) const;
  Value convolved(Value x, const std::vector<int64_t>& output_size) const;
};

}  // namespace upconv
