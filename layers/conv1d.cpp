#include "layers/conv1d.h"

#include "framework/fail.h"
#include "framework/initial.h"
#include "layers/convolution/operation.h"
#include "layers/functional.h"
#include "layers/picture_convolutions.h"
#include "layers/row.h"

namespace upconv {

using namespace internal;

namespace {

constexpr const char* layer_name = "Conv1d";

std::string word_of(const Conv1dOptions& o) {
  const auto* word = std::get_if<std::string>(&o.padding);
  return word ? *word : "";
}

void check_arguments(int64_t in_channels, int64_t out_channels, int64_t kernel_size, const Conv1dOptions& o) {
  check_channel_arguments(layer_name, in_channels, out_channels, o.groups);
  check_argument(layer_name, "kernel_size", kernel_size, 1, largest);
  check_argument(layer_name, "stride", o.stride, 1, largest);
  check_argument(layer_name, "dilation", o.dilation, 1, largest);
  if (const auto* padding = std::get_if<int64_t>(&o.padding))
    check_argument(layer_name, "padding", *padding, 0, largest);
  else if (word_of(o).empty())
    fail("Conv1d: padding must be 'same', 'valid' or a size, got ''");
  check_padding_word(layer_name, word_of(o), o.stride != 1, std::to_string(o.stride));
  border_of(layer_name, o.padding_mode);
}

/// The same of pictures of one row.
Conv2dOptions of_pictures(const Conv1dOptions& o) {
  const auto* padding = std::get_if<int64_t>(&o.padding);
  return {.stride = {1, o.stride},
          .padding = padding ? Padding(0, *padding) : Padding(word_of(o)),
          .dilation = {1, o.dilation},
          .groups = o.groups,
          .bias = o.bias,
          .padding_mode = o.padding_mode};
}

}  // namespace

Conv1d::Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size)
    : Conv1d(in_channels, out_channels, kernel_size, Conv1dOptions{}) {}

Conv1d::Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride,
               std::variant<int64_t, std::string> padding, int64_t dilation, int64_t groups, bool bias,
               std::string padding_mode)
    : Conv1d(in_channels, out_channels, kernel_size,
             Conv1dOptions{.stride = stride,
                           .padding = std::move(padding),
                           .dilation = dilation,
                           .groups = groups,
                           .bias = bias,
                           .padding_mode = std::move(padding_mode)}) {}

Conv1d::Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, Conv1dOptions options)
    : in_channels((check_arguments(in_channels, out_channels, kernel_size, options), in_channels)),
      out_channels(out_channels),
      kernel_size(kernel_size),
      options(std::move(options)),
      weight(add_parameter("weight", initial_weight({out_channels, in_channels / this->options.groups, kernel_size}))),
      bias(this->options.bias ? add_parameter("bias", initial_bias({out_channels}, weight.shape()))
                              : Parameter(Shape{out_channels}, DType::float32)) {}

Value Conv1d::forward(Value x) const {
  std::optional<Parameter> own;
  if (options.bias) own = bias;
  const auto operation = convolution(layer_name, weight, own, of_pictures(options));
  return of_rows(layer_name, x, [&](Value picture) { return picture.graph().apply(operation, {picture}); });
}

Value conv1d(Value x, Value weight, std::optional<Value> bias, Conv1dOptions options) {
  const Shape& shape = weight.shape();
  if (shape.size() != 3)
    refuse(x, "conv1d expected a weight (out_channels, in_channels / groups, kL), got {}", upconv::str(shape));
  check_at(x, [&] { check_arguments(channels_of_all(options.groups, shape[1]), shape[0], shape[2], options); });
  const Conv2dOptions pictures = of_pictures(options);
  return of_rows("conv1d", x, [&](Value picture) { return convolved(layer_name, picture, weight, bias, pictures); });
}

std::string Conv1d::extra_repr() const {
  std::string text =
      fmt::format("{}, {}, kernel_size=({},), stride=({},)", in_channels, out_channels, kernel_size, options.stride);
  if (const auto* padding = std::get_if<int64_t>(&options.padding)) {
    if (*padding != 0) text += fmt::format(", padding=({},)", *padding);
  } else {
    text += fmt::format(", padding={}", word_of(options));
  }
  if (options.dilation != 1) text += fmt::format(", dilation=({},)", options.dilation);
  if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
  if (!options.bias) text += ", bias=False";
  if (options.padding_mode != "zeros") text += fmt::format(", padding_mode={}", options.padding_mode);
  return text;
}

}  // namespace upconv
