#include "layers/conv_transpose2d.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/initial.h"
#include "layers/check.h"
#include "layers/convolution/operation.h"
#include "layers/elementwise.h"
#include "layers/functional.h"
#include "layers/permute.h"
#include "layers/picture_convolutions.h"
#include "layers/weighted.h"

namespace upconv {

using namespace internal;

namespace {

constexpr const char* layer_name = "ConvTranspose2d";

/// Of one layer: a stride of 1024 in both directions. The largest strides of known networks are 32 x 32.
constexpr int64_t most_phases = int64_t{1} << 20;

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

/// The kernel of a weight (in_channels, out_channels / groups, kH, kW), or of one row without kH.
Pair kernel_of(const Shape& weight) { return {weight.size() == 3 ? 1 : weight[2], weight.back()}; }

/// How such a weight lies.
WeightLayout layout_of(const Shape& weight, int64_t groups) {
  const int64_t OC = weight[1], taps = kernel_of(weight).h * weight.back();
  return {.IC = weight[0],
          .OC = OC * groups,
          .groups = groups,
          .taps = taps,
          .group_stride = weight[0] / groups * OC * taps,
          .oc_stride = taps,
          .ic_stride = OC * taps};
}

class ConvTranspose2dOperation : public ConvolutionOperation {
 public:
  ConvTranspose2dOperation(std::string_view name, const Parameter& weight, std::optional<Parameter> bias,
                           const ConvTranspose2dOptions& options)
      : ConvolutionOperation({weight, std::move(bias), layout_of(weight.shape(), options.groups)}),
        name_(name),
        kernel_(kernel_of(weight.shape())),
        options_(options) {}

  std::string_view name() const override { return name_; }

 protected:
  std::shared_ptr<ConvolutionOperation> clone() const override {
    return std::make_shared<ConvTranspose2dOperation>(*this);
  }

  std::string arguments() const override {
    const ConvTranspose2dOptions& o = options_;
    return sizes_text({{"k", kernel_, 0},
                       {"s", o.stride, 1},
                       {"p", o.padding, 0},
                       {"op", o.output_padding, 0},
                       {"d", o.dilation, 1}});
  }

  void identify_arguments(Fingerprint& print) const override {
    const ConvTranspose2dOptions& o = options_;
    for (const Pair& pair : {kernel_, o.stride, o.padding, o.output_padding, o.dilation}) print(pair.h, pair.w);
  }

  Size output(const ImageShape& in) const override {
    const ConvTranspose2dOptions& o = options_;
    check_output_padding(" in height", o.output_padding.h, o.stride.h, o.dilation.h);
    check_output_padding(of_rows() ? "" : " in width", o.output_padding.w, o.stride.w, o.dilation.w);
    const Size out{axis_output(in.H, kernel_.h, o.stride.h, o.padding.h, o.dilation.h, o.output_padding.h),
                   axis_output(in.W, kernel_.w, o.stride.w, o.padding.w, o.dilation.w, o.output_padding.w)};
    check_phases(out);
    return out;
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
  /// Each phase of the rows with each of the columns is computed by itself, and compiled by itself.
  void check_phases(const Size& out) const {
    if (out.h > largest || out.w > largest) return;  // refused as such
    const auto phases = [](__int128 size, int64_t stride) { return std::clamp<__int128>(size, 0, stride); };
    if (phases(out.h, options_.stride.h) * phases(out.w, options_.stride.w) > most_phases)
      fail("expected strides of at most {} phases (height times width), got {}", most_phases, str(options_.stride));
  }

  static __int128 axis_output(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                              int64_t output_padding) {
    return static_cast<__int128>(in - 1) * stride - 2 * static_cast<__int128>(padding) +
           static_cast<__int128>(dilation) * (kernel - 1) + output_padding + 1;
  }

  static void check_output_padding(const char* axis, int64_t output_padding, int64_t stride, int64_t dilation) {
    if (output_padding >= stride && output_padding >= dilation)
      fail("output_padding must be smaller than stride or dilation, got {} with stride {} and dilation {}{}",
           output_padding, stride, dilation, axis);
  }

  std::string_view name_;
  Pair kernel_;
  ConvTranspose2dOptions options_;
};

}  // namespace

namespace internal {

Pair least_output(const ImageShape& in, Pair kernel, const ConvTranspose2dOptions& o) {
  return {(in.H - 1) * o.stride.h - 2 * o.padding.h + o.dilation.h * (kernel.h - 1) + 1,
          (in.W - 1) * o.stride.w - 2 * o.padding.w + o.dilation.w * (kernel.w - 1) + 1};
}

std::shared_ptr<const Operation> transposed_convolution(std::string_view layer, const Parameter& weight,
                                                        std::optional<Parameter> bias,
                                                        const ConvTranspose2dOptions& options) {
  return std::make_shared<ConvTranspose2dOperation>(layer, weight, std::move(bias), options);
}

Value convolved(std::string_view layer, Value x, Value weight, std::optional<Value> bias,
                const ConvTranspose2dOptions& options) {
  const Shape& shape = weight.shape();
  const OwnParameter own_weight(weight, shape), own_bias(bias, {shape[1] * options.groups});
  if (own_weight.is_known && own_bias.is_known)
    return x.graph().apply(transposed_convolution(layer, *own_weight.parameter, own_bias.parameter, options), {x});
  std::vector<int64_t> arguments{options.groups};
  for (const Pair& pair : {options.stride, options.padding, options.output_padding, options.dilation})
    arguments.insert(arguments.end(), {pair.h, pair.w});
  const Value y = weighted(x, weight, arguments, [layer, options](const Parameter& parameter) {
    return transposed_convolution(layer, parameter, std::nullopt, options);
  });
  return bias ? y + reshape(*bias, {-1, 1, 1}) : y;
}

}  // namespace internal

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
          "weight", initial_weight({in_channels, out_channels / this->options.groups, kernel_size.h, kernel_size.w}))),
      bias(this->options.bias ? add_parameter("bias", initial_bias({out_channels}, weight.shape()))
                              : Parameter(Shape{out_channels}, DType::float32)) {}

Value ConvTranspose2d::convolved(Value x, Pair output_padding) const {
  ConvTranspose2dOptions padded = options;
  padded.output_padding = output_padding;
  std::optional<Parameter> own;
  if (options.bias) own = bias;
  return x.graph().apply(transposed_convolution(layer_name, weight, own, padded), {x});
}

Value ConvTranspose2d::forward(Value x) const { return convolved(x, options.output_padding); }

Value ConvTranspose2d::operator()(Value x, const std::vector<int64_t>& output_size) const {
  Value y;
  scoped({&x, 1}, [&] { y = convolved(x, output_size); });
  return y;
}

Value ConvTranspose2d::convolved(Value x, const std::vector<int64_t>& output_size) const {
  const size_t rank = x.shape().size();
  if (rank != 3 && rank != 4) return convolved(x, 0);  // refused there, with the layer's own words
  const std::string at = beginning(x.graph().path());
  if (output_size.size() != 2 && output_size.size() != rank)
    fail("{}ConvTranspose2d output_size must have 2 or {} elements, got {}", at, rank, output_size.size());
  const Pair wanted(output_size[output_size.size() - 2], output_size.back());
  const Pair least = least_output(image_shape(x.shape()), kernel_size, options);
  const Pair most(least.h + options.stride.h - 1, least.w + options.stride.w - 1);
  if (wanted.h < least.h || wanted.h > most.h || wanted.w < least.w || wanted.w > most.w)
    fail("{}ConvTranspose2d output_size {} is out of range: valid are {} to {} for an input of {}", at,
         upconv::str(wanted), upconv::str(least), upconv::str(most), upconv::str(x.shape()));
  return convolved(x, Pair(wanted.h - least.h, wanted.w - least.w));
}

Tensor ConvTranspose2d::operator()(const Tensor& x, const std::vector<int64_t>& output_size) const {
  return run({x}, [&](const Values& xs) { return Values{(*this)(xs[0], output_size)}; }).front();
}

Value conv_transpose2d(Value x, Value weight, std::optional<Value> bias, ConvTranspose2dOptions options) {
  const Shape& shape = weight.shape();
  if (shape.size() != 4)
    refuse(x, "conv_transpose2d expected a weight (in_channels, out_channels / groups, kH, kW), got {}",
           upconv::str(shape));
  check_at(x, [&] {
    check_arguments(shape[0], channels_of_all(options.groups, shape[1]), {shape[2], shape[3]}, options);
  });
  return convolved(layer_name, x, weight, bias, options);
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
