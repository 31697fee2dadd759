#include "layers/conv_transpose2d.h"

#include "framework/fail.h"
#include "layers/convolution/operation.h"

namespace upconv {

using namespace internal;

namespace {

constexpr const char* layer_name = "ConvTranspose2d";

void check_arguments(int64_t in_channels, int64_t out_channels, Pair kernel_size, const ConvTranspose2dOptions& o) {
  check_channel_arguments(layer_name, in_channels, out_channels, o.groups);
  check_argument(layer_name, "kernel_size", kernel_size, 1, "be positive");
  check_argument(layer_name, "stride", o.stride, 1, "be positive");
  check_argument(layer_name, "dilation", o.dilation, 1, "be positive");
  check_argument(layer_name, "padding", o.padding, 0, "not be negative");
  check_argument(layer_name, "output_padding", o.output_padding, 0, "not be negative");
  if (o.padding_mode != "zeros")
    fail("ConvTranspose2d: padding_mode must be 'zeros', the only one there is, got '{}'", o.padding_mode);
}

/// (H - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1: the output of one axis without output_padding.
Pair least_output(const ImageShape& in, Pair kernel, const ConvTranspose2dOptions& o) {
  return {(in.H - 1) * o.stride.h - 2 * o.padding.h + o.dilation.h * (kernel.h - 1) + 1,
          (in.W - 1) * o.stride.w - 2 * o.padding.w + o.dilation.w * (kernel.w - 1) + 1};
}

/// How PyTorch's weight (in_channels, out_channels / groups, kH, kW) lies.
WeightLayout layout_of(const ConvTranspose2d& layer) {
  const int64_t groups = layer.options.groups, OC = layer.out_channels / groups;
  const int64_t taps = layer.kernel_size.h * layer.kernel_size.w;
  return {.IC = layer.in_channels,
          .OC = layer.out_channels,
          .groups = groups,
          .taps = taps,
          .group_stride = layer.in_channels / groups * OC * taps,
          .oc_stride = taps,
          .ic_stride = OC * taps};
}

class ConvTranspose2dOperation : public ConvolutionOperation {
 public:
  ConvTranspose2dOperation(const ConvTranspose2d& layer, Pair output_padding)
      : ConvolutionOperation(
            {layer.weight, layer.options.bias ? std::optional(layer.bias) : std::nullopt, layout_of(layer)}),
        kernel_(layer.kernel_size),
        options_(layer.options) {
    options_.output_padding = output_padding;
  }

  std::string_view name() const override { return layer_name; }

 protected:
  std::shared_ptr<ConvolutionOperation> clone() const override {
    return std::make_shared<ConvTranspose2dOperation>(*this);
  }

  Size output(const ImageShape& in) const override {
    const ConvTranspose2dOptions& o = options_;
    check_output_padding("height", o.output_padding.h, o.stride.h, o.dilation.h);
    check_output_padding("width", o.output_padding.w, o.stride.w, o.dilation.w);
    return {axis_output(in.H, kernel_.h, o.stride.h, o.padding.h, o.dilation.h, o.output_padding.h),
            axis_output(in.W, kernel_.w, o.stride.w, o.padding.w, o.dilation.w, o.output_padding.w)};
  }

  ConvGeometry geometry(const ImageShape& in, const ImageShape& out) const override {
    const ConvTranspose2dOptions& o = options_;
    return {.in = in,
            .out = out,
            .groups = o.groups,
            .KW = kernel_.w,
            .rows = transposed_axis({.in = in.H,
                                     .out = out.H,
                                     .kernel = kernel_.h,
                                     .stride = o.stride.h,
                                     .padding = o.padding.h,
                                     .dilation = o.dilation.h}),
            .cols = transposed_axis({.in = in.W,
                                     .out = out.W,
                                     .kernel = kernel_.w,
                                     .stride = o.stride.w,
                                     .padding = o.padding.w,
                                     .dilation = o.dilation.w})};
  }

  double products(const ImageShape& in, const ImageShape&) const override {
    return static_cast<double>(in.N * in.H * in.W) * static_cast<double>(numel(weight_shape()));
  }

 private:
  static __int128 axis_output(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                              int64_t output_padding) {
    return static_cast<__int128>(in - 1) * stride - 2 * static_cast<__int128>(padding) +
           static_cast<__int128>(dilation) * (kernel - 1) + output_padding + 1;
  }

  static void check_output_padding(const char* axis, int64_t output_padding, int64_t stride, int64_t dilation) {
    if (output_padding >= stride && output_padding >= dilation)
      fail("output_padding must be smaller than stride or dilation, got {} with stride {} and dilation {} in {}",
           output_padding, stride, dilation, axis);
  }

  Pair kernel_;
  ConvTranspose2dOptions options_;
};

}  // namespace

ConvTranspose2d::ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size)
    : ConvTranspose2d(in_channels, out_channels, kernel_size, ConvTranspose2dOptions{}) {}

ConvTranspose2d::ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size, Pair stride, Pair padding,
                                 Pair output_padding, int64_t groups, bool bias, Pair dilation,
                                 std::string padding_mode)
    : ConvTranspose2d(in_channels, out_channels, kernel_size,
                      ConvTranspose2dOptions{.stride = stride,
                                             .padding = padding,
                                             .output_padding = output_padding,
                                             .groups = groups,
                                             .bias = bias,
                                             .dilation = dilation,
                                             .padding_mode = std::move(padding_mode)}) {}

ConvTranspose2d::ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size,
                                 ConvTranspose2dOptions options)
    : in_channels((check_arguments(in_channels, out_channels, kernel_size, options), in_channels)),
      out_channels(out_channels),
      kernel_size(kernel_size),
      options(std::move(options)),
      weight(add_parameter(
          "weight", Parameter(Shape{in_channels, out_channels / this->options.groups, kernel_size.h, kernel_size.w},
                              DType::float32))),
      bias(this->options.bias ? add_parameter("bias", Parameter(Shape{out_channels}, DType::float32))
                              : Parameter(Shape{out_channels}, DType::float32)) {}

Value ConvTranspose2d::apply(Value x, Pair output_padding) const {
  return x.graph().apply(std::make_shared<ConvTranspose2dOperation>(*this, output_padding), {x});
}

Value ConvTranspose2d::forward(Value x) const { return apply(x, options.output_padding); }

Value ConvTranspose2d::operator()(Value x, const std::vector<int64_t>& output_size) const {
  return scoped(x.graph(), [&] { return apply(x, output_size); });
}

Value ConvTranspose2d::apply(Value x, const std::vector<int64_t>& output_size) const {
  const size_t rank = x.shape().size();
  if (rank != 3 && rank != 4) return apply(x, 0);  // refused there, with the layer's own words
  const std::string at = x.graph().path().empty() ? "" : x.graph().path() + ": ";
  if (output_size.size() != 2 && output_size.size() != rank)
    fail("{}ConvTranspose2d output_size must have 2 or {} elements, got {}", at, rank, output_size.size());
  const Pair wanted(output_size[output_size.size() - 2], output_size.back());
  const Pair least = least_output(image_shape(x.shape()), kernel_size, options);
  const Pair most(least.h + options.stride.h - 1, least.w + options.stride.w - 1);
  if (wanted.h < least.h || wanted.h > most.h || wanted.w < least.w || wanted.w > most.w)
    fail("{}ConvTranspose2d output_size {} is out of range: valid are {} to {} for an input of {}", at,
         upconv::str(wanted), upconv::str(least), upconv::str(most), upconv::str(x.shape()));
  return apply(x, Pair(wanted.h - least.h, wanted.w - least.w));
}

Tensor ConvTranspose2d::operator()(const Tensor& x, const std::vector<int64_t>& output_size) const {
  std::string key = "output_size";
  for (int64_t size : output_size) key.append(",").append(std::to_string(size));
  return run({x}, key, [&](const Values& xs) { return Values{(*this)(xs[0], output_size)}; }).front();
}

std::string ConvTranspose2d::extra_repr() const {
  std::string text = fmt::format("{}, {}, kernel_size={}, stride={}", in_channels, out_channels,
                                 upconv::str(kernel_size), upconv::str(options.stride));
  if (options.padding != Pair(0)) text += fmt::format(", padding={}", upconv::str(options.padding));
  if (options.dilation != Pair(1)) text += fmt::format(", dilation={}", upconv::str(options.dilation));
  if (options.output_padding != Pair(0))
    text += fmt::format(", output_padding={}", upconv::str(options.output_padding));
  if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
  if (!options.bias) text += ", bias=False";
  return text;
}

}  // namespace upconv
