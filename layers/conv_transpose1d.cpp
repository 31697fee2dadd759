#include "layers/conv_transpose1d.h"

#include "framework/fail.h"
#include "framework/initial.h"
#include "layers/convolution/operation.h"
#include "layers/functional.h"
#include "layers/picture_convolutions.h"
#include "layers/row.h"

namespace upconv {

using namespace internal;

namespace {

constexpr const char* layer_name = "ConvTranspose1d";

void check_arguments(int64_t in_channels, int64_t out_channels, int64_t kernel_size, const ConvTranspose1dOptions& o) {
  check_channel_arguments(layer_name, in_channels, out_channels, o.groups);
  check_argument(layer_name, "kernel_size", kernel_size, 1, largest);
  check_argument(layer_name, "stride", o.stride, 1, largest);
  check_argument(layer_name, "dilation", o.dilation, 1, largest);
  check_argument(layer_name, "padding", o.padding, 0, largest);
  check_argument(layer_name, "output_padding", o.output_padding, 0, largest);
  if (o.padding_mode != "zeros")
    fail("ConvTranspose1d: padding_mode must be 'zeros', the only one there is, got '{}'", o.padding_mode);
}

/// The same of pictures of one row.
ConvTranspose2dOptions of_pictures(const ConvTranspose1dOptions& o) {
  return {.stride = {1, o.stride},
          .padding = {0, o.padding},
          .output_padding = {0, o.output_padding},
          .groups = o.groups,
          .bias = o.bias,
          .dilation = {1, o.dilation},
          .padding_mode = o.padding_mode};
}

}  // namespace

ConvTranspose1d::ConvTranspose1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size)
    : ConvTranspose1d(in_channels, out_channels, kernel_size, ConvTranspose1dOptions{}) {}

ConvTranspose1d::ConvTranspose1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride,
                                 int64_t padding, int64_t output_padding, int64_t groups, bool bias, int64_t dilation,
                                 std::string padding_mode)
    : ConvTranspose1d(in_channels, out_channels, kernel_size,
                      ConvTranspose1dOptions{.stride = stride,
                                             .padding = padding,
                                             .output_padding = output_padding,
                                             .groups = groups,
                                             .bias = bias,
                                             .dilation = dilation,
                                             .padding_mode = std::move(padding_mode)}) {}

ConvTranspose1d::ConvTranspose1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size,
                                 ConvTranspose1dOptions options)
    : in_channels((check_arguments(in_channels, out_channels, kernel_size, options), in_channels)),
      out_channels(out_channels),
      kernel_size(kernel_size),
      options(std::move(options)),
      weight(add_parameter("weight", initial_weight({in_channels, out_channels / this->options.groups, kernel_size}))),
      bias(this->options.bias ? add_parameter("bias", initial_bias({out_channels}, weight.shape()))
                              : Parameter(Shape{out_channels}, DType::float32)) {}

Value ConvTranspose1d::convolved(Value x, int64_t output_padding) const {
  ConvTranspose2dOptions padded = of_pictures(options);
  padded.output_padding = {0, output_padding};
  std::optional<Parameter> own;
  if (options.bias) own = bias;
  const auto operation = transposed_convolution(layer_name, weight, own, padded);
  return of_rows(layer_name, x, [&](Value picture) { return picture.graph().apply(operation, {picture}); });
}

Value ConvTranspose1d::forward(Value x) const { return convolved(x, options.output_padding); }

Value ConvTranspose1d::operator()(Value x, const std::vector<int64_t>& output_size) const {
  Value y;
  scoped({&x, 1}, [&] { y = convolved(x, output_size); });
  return y;
}

Value ConvTranspose1d::convolved(Value x, const std::vector<int64_t>& output_size) const {
  const size_t rank = x.shape().size();
  if (rank != 2 && rank != 3) return convolved(x, 0);  // refused there, with the layer's own words
  if (output_size.size() != 1 && output_size.size() != rank)
    refuse(x, "ConvTranspose1d output_size must have 1 or {} elements, got {}", rank, output_size.size());
  const int64_t wanted = output_size.back();
  const int64_t least = least_output({1, 1, 1, x.shape().back()}, {1, kernel_size}, of_pictures(options)).w;
  const int64_t most = least + options.stride - 1;
  if (wanted < least || wanted > most)
    refuse(x, "ConvTranspose1d output_size {} is out of range: valid are {} to {} for an input of {}", wanted, least,
           most, upconv::str(x.shape()));
  return convolved(x, wanted - least);
}

Tensor ConvTranspose1d::operator()(const Tensor& x, const std::vector<int64_t>& output_size) const {
  return run({x}, [&](const Values& xs) { return Values{(*this)(xs[0], output_size)}; }).front();
}

Value conv_transpose1d(Value x, Value weight, std::optional<Value> bias, ConvTranspose1dOptions options) {
  const Shape& shape = weight.shape();
  if (shape.size() != 3)
    refuse(x, "conv_transpose1d expected a weight (in_channels, out_channels / groups, kL), got {}",
           upconv::str(shape));
  check_at(x, [&] { check_arguments(shape[0], channels_of_all(options.groups, shape[1]), shape[2], options); });
  const ConvTranspose2dOptions pictures = of_pictures(options);
  return of_rows("conv_transpose1d", x,
                 [&](Value picture) { return convolved(layer_name, picture, weight, bias, pictures); });
}

std::string ConvTranspose1d::extra_repr() const {
  std::string text =
      fmt::format("{}, {}, kernel_size=({},), stride=({},)", in_channels, out_channels, kernel_size, options.stride);
  if (options.padding != 0) text += fmt::format(", padding=({},)", options.padding);
  if (options.dilation != 1) text += fmt::format(", dilation=({},)", options.dilation);
  if (options.output_padding != 0) text += fmt::format(", output_padding=({},)", options.output_padding);
  if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
  if (!options.bias) text += ", bias=False";
  return text;
}

}  // namespace upconv
