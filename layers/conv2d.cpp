#include "layers/conv2d.h"

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

constexpr const char* layer_name = "Conv2d";
constexpr std::string_view padding_modes[] = {"zeros", "reflect", "replicate", "circular"};  // in the order of Border

/// Beyond this the phases of an enlarged picture, whose number is the square, are many and small.
constexpr int64_t most_repeats = 4;

void check_arguments(int64_t in_channels, int64_t out_channels, Pair kernel_size, const Conv2dOptions& o) {
  check_channel_arguments(layer_name, in_channels, out_channels, o.groups);
  check_argument(layer_name, "kernel_size", kernel_size, 1, "be positive");
  check_argument(layer_name, "stride", o.stride, 1, "be positive");
  check_argument(layer_name, "dilation", o.dilation, 1, "be positive");
  check_argument(layer_name, "padding", o.padding.size, 0, "not be negative");
  check_padding_word(layer_name, o.padding.word, o.stride != Pair(1), str(o.stride));
  border_of(layer_name, o.padding_mode);
}

/// An even kernel has one pixel more after the picture than before it where it is to stay the same.
Pad pad_of(Pair kernel_size, const Conv2dOptions& o) {
  Pair before = o.padding.size, after = before;
  if (o.padding.word == "same") {
    const Pair all(o.dilation.h * (kernel_size.h - 1), o.dilation.w * (kernel_size.w - 1));
    before = {all.h / 2, all.w / 2};
    after = {all.h - before.h, all.w - before.w};
  }
  return {before.h, after.h, before.w, after.w, border_of(layer_name, o.padding_mode)};
}

/// The kernel of a weight (out_channels, in_channels / groups, kH, kW), or of one row without kH.
Pair kernel_of(const Shape& weight) { return {weight.size() == 3 ? 1 : weight[2], weight.back()}; }

/// How such a weight lies, for kernels of `taps`.
WeightLayout layout_of(int64_t in_channels, int64_t out_channels, int64_t groups, int64_t taps) {
  const int64_t IC = in_channels / groups;
  return {.IC = in_channels,
          .OC = out_channels,
          .groups = groups,
          .taps = taps,
          .group_stride = out_channels / groups * IC * taps,
          .oc_stride = IC * taps,
          .ic_stride = taps};
}
WeightLayout layout_of(const Shape& weight, int64_t groups) {
  const Pair kernel = kernel_of(weight);
  return layout_of(weight[1] * groups, weight[0], groups, kernel.h * kernel.w);
}

class Conv2dOperation : public ConvolutionOperation {
 public:
  Conv2dOperation(std::string_view name, const Parameter& weight, std::optional<Parameter> bias,
                  const Conv2dOptions& options)
      : ConvolutionOperation({weight, std::move(bias), layout_of(weight.shape(), options.groups)}),
        name_(name),
        kernel_(kernel_of(weight.shape())),
        stride_(options.stride),
        dilation_(options.dilation),
        pad_(pad_of(kernel_, options)) {}

  std::string_view name() const override { return name_; }

  std::shared_ptr<const Operation> after_pad(const Pad& pad) const override {
    const bool own = pad_.top + pad_.bottom + pad_.left + pad_.right > 0;
    const bool adds_up = pad.border == Border::zeros || pad.border == Border::replicate;
    if (repeats() || (own && !(adds_up && pad.border == pad_.border))) return nullptr;
    auto merged = std::make_shared<Conv2dOperation>(*this);
    merged->pad_ = {pad_.top + pad.top, pad_.bottom + pad.bottom, pad_.left + pad.left, pad_.right + pad.right,
                    pad.border};
    return merged;
  }

  /// Pixels that are reflected before they reach the next input are copies of the outermost one.
  std::shared_ptr<const Operation> after_repeat(const Repeat& repeat) const override {
    if (repeats() || stride_ != Pair(1)) return nullptr;
    if (repeat.h * repeat.w == 1 || std::max(repeat.h, repeat.w) > most_repeats) return nullptr;
    auto merged = std::make_shared<Conv2dOperation>(*this);
    merged->repeat_ = {repeat.h, repeat.w};
    if (pad_.border == Border::reflect) {
      if (std::max(pad_.top, pad_.bottom) >= repeat.h || std::max(pad_.left, pad_.right) >= repeat.w) return nullptr;
      merged->pad_.border = Border::replicate;
    }
    const WeightLayout& l = weights_.layout;
    const int64_t taps =
        static_cast<int64_t>(merged->summed_rows(1, 1).sums.size() * merged->summed_cols(1, 1).sums.size());
    merged->weights_.derived = {
        fmt::format("{}{}{},{}", str(merged->repeat_), str(dilation_), merged->pad_.top, merged->pad_.left),
        [operation = *merged](const Stored& own) { return operation.summed(own); }};
    merged->weights_.layout = layout_of(l.IC, l.OC, l.groups, taps);
    return merged;
  }

 protected:
  std::shared_ptr<ConvolutionOperation> clone() const override { return std::make_shared<Conv2dOperation>(*this); }

  std::string arguments() const override {
    std::string text =
        sizes_text({{"k", kernel_, 0}, {"s", stride_, 1}, {"d", dilation_, 1}, {"repeated ", repeat_, 1}});
    if (pad_.top + pad_.bottom + pad_.left + pad_.right != 0)
      text += fmt::format(" p{},{},{},{}", pad_.top, pad_.bottom, pad_.left, pad_.right);
    if (pad_.border != Border::zeros) text += fmt::format(" border {}", static_cast<int>(pad_.border));
    return text;
  }

  void identify_arguments(Fingerprint& print) const override {
    for (const Pair& pair : {kernel_, stride_, dilation_}) print(pair.h, pair.w);
    print(pad_.top, pad_.bottom, pad_.left, pad_.right, pad_.border);
  }

  Size output(const ImageShape& in) const override {
    const Pair picture(in.H * repeat_.h, in.W * repeat_.w);
    if (pad_.border == Border::reflect || pad_.border == Border::circular) {
      const int64_t less = pad_.border == Border::reflect ? 1 : 0;
      const Pair most(picture.h - less, picture.w - less);
      const Pair got(std::max(pad_.top, pad_.bottom), std::max(pad_.left, pad_.right));
      if (got.h > most.h || got.w > most.w)
        fail("expected a padding of at most {} with padding_mode '{}', got {} for {} of {}", shown(most),
             padding_modes[static_cast<size_t>(pad_.border)], shown(got), of_rows() ? "a length" : "a picture",
             shown(picture));
    }
    const Size padded{picture.h + pad_.top + pad_.bottom, picture.w + pad_.left + pad_.right};
    const Size reach{reach_of(kernel_.h, dilation_.h), reach_of(kernel_.w, dilation_.w)};
    if (of_rows() && padded.w < reach.w)
      fail("the kernel reaches over {} elements, more than the padded input's {}", reach.w, padded.w);
    if (padded.h < reach.h || padded.w < reach.w)
      fail("the kernel reaches over ({}, {}) pixels, more than the padded input's ({}, {})", reach.h, reach.w, padded.h,
           padded.w);
    return {(padded.h - reach.h) / stride_.h + 1, (padded.w - reach.w) / stride_.w + 1};
  }

  ConvGeometry geometry(const ImageShape& in, const ImageShape& out) const override {
    ConvGeometry geometry{.in = in,
                          .out = out,
                          .groups = weights_.layout.groups,
                          .KW = kernel_.w,
                          .rows = {},
                          .cols = {},
                          .border = pad_.border};
    if (repeats()) {
      SummedAxis cols = summed_cols(in.W, out.W);
      geometry.rows = summed_rows(in.H, out.H).phases;
      geometry.cols = std::move(cols.phases);
      geometry.KW = static_cast<int64_t>(cols.sums.size());
    } else {
      geometry.rows = convolution_axis(rows_of(in.H, out.H), pad_.border);
      geometry.cols = convolution_axis(cols_of(in.W, out.W), pad_.border);
    }
    return geometry;
  }

  double products(const ImageShape&, const ImageShape& out) const override {
    return static_cast<double>(out.N * out.H * out.W) * static_cast<double>(numel(weight_shape()));
  }

 private:
  std::string shown(const Pair& pair) const { return of_rows() ? std::to_string(pair.w) : str(pair); }

  bool repeats() const { return repeat_ != Pair(1); }

  static __int128 reach_of(int64_t kernel, int64_t dilation) { return __int128{dilation} * (kernel - 1) + 1; }

  AxisArguments rows_of(int64_t in, int64_t out) const {
    return {
        .in = in, .out = out, .kernel = kernel_.h, .stride = stride_.h, .padding = pad_.top, .dilation = dilation_.h};
  }
  AxisArguments cols_of(int64_t in, int64_t out) const {
    return {
        .in = in, .out = out, .kernel = kernel_.w, .stride = stride_.w, .padding = pad_.left, .dilation = dilation_.w};
  }
  SummedAxis summed_rows(int64_t in, int64_t out) const {
    return upsampled_axis(rows_of(in, out), repeat_.h, pad_.border);
  }
  SummedAxis summed_cols(int64_t in, int64_t out) const {
    return upsampled_axis(cols_of(in, out), repeat_.w, pad_.border);
  }

  /// The kernels whose taps are sums of these.
  Tensor summed(const Stored& own) const {
    const Tensor tensor = own.to_tensor();
    const auto rows = summed_rows(1, 1).sums, cols = summed_cols(1, 1).sums;
    const int64_t taps = kernel_.h * kernel_.w;
    std::vector<float> all;
    for (const float* values = tensor.data(); values < tensor.data() + tensor.numel(); values += taps)
      for (const auto& row : rows)
        for (const auto& col : cols) {
          double sum = 0;
          for (int64_t kh : row)
            for (int64_t kw : col) sum += values[kh * kernel_.w + kw];
          all.push_back(static_cast<float>(sum));
        }
    return Tensor({static_cast<int64_t>(all.size())}, all);
  }

  std::string_view name_;
  Pair kernel_, stride_, dilation_, repeat_ = 1;
  Pad pad_;
};

}  // namespace

namespace internal {

std::shared_ptr<const Operation> convolution(std::string_view layer, const Parameter& weight,
                                             std::optional<Parameter> bias, const Conv2dOptions& options) {
  return std::make_shared<Conv2dOperation>(layer, weight, std::move(bias), options);
}

Value convolved(std::string_view layer, Value x, Value weight, std::optional<Value> bias,
                const Conv2dOptions& options) {
  const Shape& shape = weight.shape();
  const OwnParameter own_weight(weight, shape), own_bias(bias, {shape[0]});
  if (own_weight.is_known && own_bias.is_known)
    return x.graph().apply(convolution(layer, *own_weight.parameter, own_bias.parameter, options), {x});
  const Pad pad = pad_of(kernel_of(weight.shape()), options);
  const std::vector<int64_t> arguments{options.stride.h,
                                       options.stride.w,
                                       pad.top,
                                       pad.bottom,
                                       pad.left,
                                       pad.right,
                                       static_cast<int64_t>(pad.border),
                                       options.dilation.h,
                                       options.dilation.w,
                                       options.groups};
  const Value y = weighted(x, weight, arguments, [layer, options](const Parameter& parameter) {
    return convolution(layer, parameter, std::nullopt, options);
  });
  return bias ? y + reshape(*bias, {-1, 1, 1}) : y;
}

Border border_of(std::string_view layer, const std::string& padding_mode) {
  const auto* found = std::find(std::begin(padding_modes), std::end(padding_modes), padding_mode);
  if (found == std::end(padding_modes))
    fail("{}: padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', got '{}'", layer, padding_mode);
  return static_cast<Border>(found - padding_modes);
}

void check_padding_word(std::string_view layer, const std::string& word, bool strides, const std::string& stride) {
  if (!word.empty() && word != "same" && word != "valid")
    fail("{}: padding must be 'same', 'valid' or a size, got '{}'", layer, word);
  if (word == "same" && strides) fail("{}: padding='same' needs a stride of 1, got {}", layer, stride);
}

}  // namespace internal

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, Pair kernel_size)
    : Conv2d(in_channels, out_channels, kernel_size, Conv2dOptions{}) {}

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, Pair kernel_size, Pair stride, Padding padding, Pair dilation,
               int64_t groups, bool bias, std::string padding_mode)
    : Conv2d(in_channels, out_channels, kernel_size,
             Conv2dOptions{.stride = stride,
                           .padding = std::move(padding),
                           .dilation = dilation,
                           .groups = groups,
                           .bias = bias,
                           .padding_mode = std::move(padding_mode)}) {}

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, Pair kernel_size, Conv2dOptions options)
    : in_channels((check_arguments(in_channels, out_channels, kernel_size, options), in_channels)),
      out_channels(out_channels),
      kernel_size(kernel_size),
      options(std::move(options)),
      weight(add_parameter(
          "weight", initial_weight({out_channels, in_channels / this->options.groups, kernel_size.h, kernel_size.w}))),
      bias(this->options.bias ? add_parameter("bias", initial_bias({out_channels}, weight.shape()))
                              : Parameter(Shape{out_channels}, DType::float32)) {}

Value Conv2d::forward(Value x) const {
  std::optional<Parameter> own;
  if (options.bias) own = bias;
  return x.graph().apply(convolution(layer_name, weight, own, options), {x});
}

Value conv2d(Value x, Value weight, std::optional<Value> bias, Conv2dOptions options) {
  const Shape& shape = weight.shape();
  if (shape.size() != 4)
    refuse(x, "conv2d expected a weight (out_channels, in_channels / groups, kH, kW), got {}", upconv::str(shape));
  check_at(x, [&] {
    check_arguments(channels_of_all(options.groups, shape[1]), shape[0], {shape[2], shape[3]}, options);
  });
  return convolved(layer_name, x, weight, bias, options);
}

std::string Conv2d::extra_repr() const {
  std::string text = fmt::format("{}, {}, kernel_size={}, stride={}", in_channels, out_channels,
                                 upconv::str(kernel_size), upconv::str(options.stride));
  if (options.padding != Padding(0))
    text += fmt::format(", padding={}",
                        options.padding.word.empty() ? upconv::str(options.padding.size) : options.padding.word);
  if (options.dilation != Pair(1)) text += fmt::format(", dilation={}", upconv::str(options.dilation));
  if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
  if (!options.bias) text += ", bias=False";
  if (options.padding_mode != "zeros") text += fmt::format(", padding_mode={}", options.padding_mode);
  return text;
}

}  // namespace upconv
