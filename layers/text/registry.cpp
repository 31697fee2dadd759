#include "layers/text/registry.h"

#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "layers/activation.h"
#include "layers/conv1d.h"
#include "layers/conv2d.h"
#include "layers/conv_transpose1d.h"
#include "layers/conv_transpose2d.h"
#include "layers/fold.h"
#include "layers/linear.h"
#include "layers/norm.h"
#include "layers/pad.h"
#include "layers/pool.h"
#include "layers/resample.h"
#include "layers/rms_norm.h"
#include "layers/shuffle.h"
#include "layers/softmax.h"
#include "layers/structure.h"

namespace upconv::internal {
namespace {

/// `make` returns the layer by value; its type need not be named twice.
template <class Make>
LayerRow row(std::string_view name, std::string_view signature, std::string_view summary, Make make) {
  return {name, signature, summary, [make](const Arguments& a) -> std::shared_ptr<Module> {
            return std::make_shared<decltype(make(a))>(make(a));
          }};
}

/// Norms and PReLU hold their values from the start, unlike other weights, which wait for a file: without a limit one
/// line of text could ask for all memory. The widest networks have some thousands.
constexpr int64_t most_features = 1 << 16;

int64_t features(const Arguments& a, std::string_view name) {
  const int64_t count = a.integer(name);
  if (count > most_features) a.refuse(name, fmt::format("at most {}", most_features));
  return count;
}

/// BatchNorm2d, InstanceNorm2d and their like.
template <class Layer, class Options>
Layer feature_norm(const Arguments& a) {
  return Layer(features(a, "num_features"), Options{.eps = a.number("eps"),
                                                    .momentum = a.optional_number("momentum"),
                                                    .affine = a.boolean("affine"),
                                                    .track_running_stats = a.boolean("track_running_stats"),
                                                    .bias = a.boolean("bias")});
}

GroupNorm group_norm(const Arguments& a) {
  return GroupNorm(a.integer("num_groups"), features(a, "num_channels"),
                   {.eps = a.number("eps"), .affine = a.boolean("affine"), .bias = a.boolean("bias")});
}

Shape normalized_shape(const Arguments& a) {
  Shape shape = a.sizes("normalized_shape");
  if (std::none_of(shape.begin(), shape.end(), [](int64_t size) { return size < 1; }) && numel(shape) > most_features)
    a.refuse("normalized_shape", fmt::format("at most {} elements", most_features));
  return shape;
}

LayerNorm layer_norm(const Arguments& a) {
  return LayerNorm(
      normalized_shape(a),
      {.eps = a.number("eps"), .elementwise_affine = a.boolean("elementwise_affine"), .bias = a.boolean("bias")});
}

/// PyTorch prints the mode of layers that have only one.
void check_mode(const Arguments& a, const char* mode) {
  if (a.text("mode") != mode) a.refuse("mode", fmt::format("'{}', the only one there is", mode));
}

/// Dropout and its like.
template <class Layer>
Layer dropout(const Arguments& a) {
  return Layer(a.integer_or_number("p"), a.boolean("inplace"));
}

template <class Layer>
Layer along_dim(const Arguments& a) {
  return Layer(a.optional_integer("dim"));
}

UnfoldOptions unfold_options(const Arguments& a) {
  return {a.one_or_two("dilation"), a.one_or_two("padding"), a.one_or_two("stride")};
}

/// The padding of a layer that has four sides.
Sides sides(const Arguments& a) {
  const Shape given = a.one_or_more("padding", 4, "an integer or four, as in (1, 1, 2, 2)");
  if (given.size() == 1) return given[0];
  return {given[0], given[1], given[2], given[3]};
}

/// The padding of one that has two ends.
Ends ends(const Arguments& a) {
  const Shape given = a.one_or_more("padding", 2, "an integer or two, as in (1, 2)");
  return {given.front(), given.back()};
}

}  // namespace

const std::vector<LayerRow>& layer_rows() {
  static const std::vector<LayerRow> rows = {
      row("ConvTranspose2d",
          "in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, "
          "dilation=1, padding_mode='zeros'",
          "(N, in_channels, H, W) to (N, out_channels, H', W'), H' = (H - 1) stride - 2 padding + dilation "
          "(kernel_size - 1) + output_padding + 1.",
          [](const Arguments& a) {
            return ConvTranspose2d(a.integer("in_channels"), a.integer("out_channels"), a.pair("kernel_size"),
                                   a.pair("stride"), a.pair("padding"), a.pair("output_padding"), a.integer("groups"),
                                   a.boolean("bias"), a.pair("dilation"), a.text("padding_mode"));
          }),
      row("Conv2d",
          "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, "
          "padding_mode='zeros'",
          "(N, in_channels, H, W) to (N, out_channels, H', W'), H' = floor((H + 2 padding - dilation "
          "(kernel_size - 1) - 1) / stride) + 1; padding may be 'same' or 'valid'.",
          [](const Arguments& a) {
            const Padding padding = a.is_text("padding") ? Padding(a.text("padding")) : Padding(a.pair("padding"));
            return Conv2d(a.integer("in_channels"), a.integer("out_channels"), a.pair("kernel_size"), a.pair("stride"),
                          padding, a.pair("dilation"), a.integer("groups"), a.boolean("bias"), a.text("padding_mode"));
          }),
      row("ConvTranspose1d",
          "in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, "
          "dilation=1, padding_mode='zeros'",
          "(N, in_channels, L) to (N, out_channels, L'), L' = (L - 1) stride - 2 padding + dilation "
          "(kernel_size - 1) + output_padding + 1.",
          [](const Arguments& a) {
            return ConvTranspose1d(a.integer("in_channels"), a.integer("out_channels"), a.single("kernel_size"),
                                   a.single("stride"), a.single("padding"), a.single("output_padding"),
                                   a.integer("groups"), a.boolean("bias"), a.single("dilation"),
                                   a.text("padding_mode"));
          }),
      row("Conv1d",
          "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, "
          "padding_mode='zeros'",
          "(N, in_channels, L) to (N, out_channels, L'), L' = floor((L + 2 padding - dilation (kernel_size "
          "- 1) - 1) / stride) + 1; padding may be 'same' or 'valid'.",
          [](const Arguments& a) {
            Conv1dOptions options{.stride = a.single("stride"),
                                  .dilation = a.single("dilation"),
                                  .groups = a.integer("groups"),
                                  .bias = a.boolean("bias"),
                                  .padding_mode = a.text("padding_mode")};
            if (a.is_text("padding"))
              options.padding = a.text("padding");
            else
              options.padding = a.single("padding");
            return Conv1d(a.integer("in_channels"), a.integer("out_channels"), a.single("kernel_size"), options);
          }),
      row("Linear", "in_features, out_features, bias=True",
          "(..., in_features) to (..., out_features): x times the transposed weight, plus bias.",
          [](const Arguments& a) {
            return Linear(a.integer("in_features"), a.integer("out_features"), a.boolean("bias"));
          }),
      row("Embedding", "num_embeddings, embedding_dim, padding_idx=None",
          "The row of the weight, (num_embeddings, embedding_dim), for each int64 index.",
          [](const Arguments& a) {
            return Embedding(a.integer("num_embeddings"), a.integer("embedding_dim"),
                             a.optional_integer("padding_idx"));
          }),
      row("BatchNorm2d", "num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, *, bias=True",
          "Each channel of (N, C, H, W) by its running statistics, as after eval(); by those of the batch "
          "without them.",
          feature_norm<BatchNorm2d, BatchNorm2dOptions>),
      row("BatchNorm1d", "num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, *, bias=True",
          "Each feature of (N, C) or (N, C, L) by its running statistics, as after eval(); by those of the "
          "batch without them.",
          feature_norm<BatchNorm1d, BatchNorm2dOptions>),
      row("SyncBatchNorm", "num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, *, bias=True",
          "Each channel of (N, C, ...) by its running statistics, as after eval(); by those of the batch "
          "without them.",
          feature_norm<SyncBatchNorm, BatchNorm2dOptions>),
      row("InstanceNorm2d",
          "num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, *, bias=True",
          "Each channel of each picture, (N, C, H, W), less its mean and divided by its deviation.",
          feature_norm<InstanceNorm2d, InstanceNorm2dOptions>),
      row("InstanceNorm1d",
          "num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, *, bias=True",
          "Each channel of each row, (N, C, L), less its mean and divided by its deviation.",
          feature_norm<InstanceNorm1d, InstanceNorm2dOptions>),
      row("GroupNorm", "num_groups, num_channels, eps=1e-05, affine=True, *, bias=True",
          "Each group of channels of each sample, (N, C, ...), less its mean and divided by its deviation.",
          group_norm),
      row("LayerNorm", "normalized_shape, eps=1e-05, elementwise_affine=True, bias=True",
          "The last dimensions, of normalized_shape, less their mean and divided by their deviation.", layer_norm),
      row("RMSNorm", "normalized_shape, eps=None, elementwise_affine=True",
          "The last dimensions, of normalized_shape, divided by their root mean square.",
          [](const Arguments& a) {
            return RMSNorm(normalized_shape(a), a.optional_integer_or_number("eps"), a.boolean("elementwise_affine"));
          }),
      row("ReLU", "inplace=False", "max(0, x).", [](const Arguments& a) { return ReLU(a.boolean("inplace")); }),
      row("LeakyReLU", "negative_slope=0.01, inplace=False", "x where it is positive, negative_slope * x elsewhere.",
          [](const Arguments& a) { return LeakyReLU(a.integer_or_number("negative_slope"), a.boolean("inplace")); }),
      row("PReLU", "num_parameters=1, init=0.25",
          "x where it is positive, weight * x elsewhere; one weight, or one for each channel.",
          [](const Arguments& a) { return PReLU(features(a, "num_parameters"), a.number("init")); }),
      row("ELU", "alpha=1.0, inplace=False", "x where it is positive, alpha * (exp(x) - 1) elsewhere.",
          [](const Arguments& a) { return ELU(a.integer_or_number("alpha"), a.boolean("inplace")); }),
      row("SiLU", "inplace=False", "x * sigmoid(x).", [](const Arguments& a) { return SiLU(a.boolean("inplace")); }),
      row("GELU", "approximate='none'",
          "x * Phi(x), Phi the normal distribution; approximate='tanh' takes its approximation by tanh.",
          [](const Arguments& a) { return GELU(a.text("approximate")); }),
      row("Softplus", "beta=1.0, threshold=20.0", "log(1 + exp(beta * x)) / beta; x where beta * x is above threshold.",
          [](const Arguments& a) { return Softplus(a.integer_or_number("beta"), a.integer_or_number("threshold")); }),
      row("Hardtanh", "min_val=-1.0, max_val=1.0, inplace=False", "x, but at least min_val and at most max_val.",
          [](const Arguments& a) {
            return Hardtanh(a.integer_or_number("min_val"), a.integer_or_number("max_val"), a.boolean("inplace"));
          }),
      row("ReLU6", "inplace=False", "x, but at least 0 and at most 6.",
          [](const Arguments& a) { return ReLU6(a.boolean("inplace")); }),
      row("Hardsigmoid", "inplace=False", "x / 6 + 1 / 2, but at least 0 and at most 1.",
          [](const Arguments& a) { return Hardsigmoid(a.boolean("inplace")); }),
      row("Hardswish", "inplace=False", "x * hardsigmoid(x).",
          [](const Arguments& a) { return Hardswish(a.boolean("inplace")); }),
      row("Mish", "inplace=False", "x * tanh(softplus(x)).",
          [](const Arguments& a) { return Mish(a.boolean("inplace")); }),
      row("SELU", "inplace=False",
          "scale * (max(0, x) + min(0, alpha * (exp(x) - 1))), with the two constants of the paper.",
          [](const Arguments& a) { return SELU(a.boolean("inplace")); }),
      row("CELU", "alpha=1.0, inplace=False", "max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).",
          [](const Arguments& a) { return CELU(a.integer_or_number("alpha"), a.boolean("inplace")); }),
      row("RReLU", "lower=0.125, upper=0.3333333333333333, inplace=False",
          "x where it is positive, the mean of lower and upper times x elsewhere, as after eval().",
          [](const Arguments& a) {
            return RReLU(a.integer_or_number("lower"), a.integer_or_number("upper"), a.boolean("inplace"));
          }),
      row("Softsign", "", "x / (1 + |x|).", [](const Arguments&) { return Softsign(); }),
      row("Tanhshrink", "", "x - tanh(x).", [](const Arguments&) { return Tanhshrink(); }),
      row("Hardshrink", "lambd=0.5", "x where |x| > lambd, 0 elsewhere.",
          [](const Arguments& a) { return Hardshrink(a.integer_or_number("lambd")); }),
      row("Softshrink", "lambd=0.5", "x moved towards 0 by lambd, 0 where |x| <= lambd.",
          [](const Arguments& a) { return Softshrink(a.integer_or_number("lambd")); }),
      row("LogSigmoid", "", "log(sigmoid(x)).", [](const Arguments&) { return LogSigmoid(); }),
      row("Threshold", "threshold, value, inplace=False", "x where it is above threshold, value elsewhere.",
          [](const Arguments& a) {
            return Threshold(a.integer_or_number("threshold"), a.integer_or_number("value"), a.boolean("inplace"));
          }),
      row("GLU", "dim=-1", "The first half of dimension dim, times the sigmoid of the second.",
          [](const Arguments& a) { return GLU(a.integer("dim")); }),
      row("Softmax", "dim=None", "exp(x) divided by its sum along dim.", along_dim<Softmax>),
      row("Softmin", "dim=None", "softmax(-x).", along_dim<Softmin>),
      row("LogSoftmax", "dim=None", "log(softmax(x)).", along_dim<LogSoftmax>),
      row("Softmax2d", "", "softmax over the channels of (N, C, H, W).", [](const Arguments&) { return Softmax2d(); }),
      row("Tanh", "", "tanh(x).", [](const Arguments&) { return Tanh(); }),
      row("Sigmoid", "", "1 / (1 + exp(-x)).", [](const Arguments&) { return Sigmoid(); }),
      row("Upsample", "size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None",
          "Pictures (N, C, H, W) or rows (N, C, L) of another size, by mode 'nearest', 'nearest-exact', "
          "'linear', 'bilinear' or 'bicubic'.",
          [](const Arguments& a) {
            return Upsample({a.optional_one_or_two("size"), a.optional_numbers("scale_factor"), a.text("mode"),
                             a.optional_boolean("align_corners"), a.optional_boolean("recompute_scale_factor")});
          }),
      row("UpsamplingNearest2d", "size=None, scale_factor=None, *, mode='nearest'", "Upsample with mode='nearest'.",
          [](const Arguments& a) {
            check_mode(a, "nearest");
            return UpsamplingNearest2d(a.optional_one_or_two("size"), a.optional_numbers("scale_factor"));
          }),
      row("UpsamplingBilinear2d", "size=None, scale_factor=None, *, mode='bilinear'",
          "Upsample with mode='bilinear' and align_corners=True.",
          [](const Arguments& a) {
            check_mode(a, "bilinear");
            return UpsamplingBilinear2d(a.optional_one_or_two("size"), a.optional_numbers("scale_factor"));
          }),
      row("PixelShuffle", "upscale_factor", "(N, C r^2, H, W) to (N, C, H r, W r), r the upscale_factor.",
          [](const Arguments& a) { return PixelShuffle(a.integer("upscale_factor")); }),
      row("PixelUnshuffle", "downscale_factor", "(N, C, H r, W r) to (N, C r^2, H, W), r the downscale_factor.",
          [](const Arguments& a) { return PixelUnshuffle(a.integer("downscale_factor")); }),
      row("ChannelShuffle", "groups", "Channels (g, C / g) become (C / g, g), g the groups.",
          [](const Arguments& a) { return ChannelShuffle(a.integer("groups")); }),
      row("Unfold", "kernel_size, dilation=1, padding=0, stride=1",
          "(N, C, H, W) to (N, C kH kW, L): the window of each of L positions as a column.",
          [](const Arguments& a) { return Unfold(a.one_or_two("kernel_size"), unfold_options(a)); }),
      row("Fold", "output_size, kernel_size, dilation=1, padding=0, stride=1",
          "(N, C kH kW, L) to (N, C, *output_size): the sum of the windows that Unfold takes apart.",
          [](const Arguments& a) {
            return Fold(a.one_or_two("output_size"), a.one_or_two("kernel_size"), unfold_options(a));
          }),
      row("ReflectionPad2d", "padding",
          "(N, C, H, W) extended by its reflection; padding is one number, or (left, right, top, bottom).",
          [](const Arguments& a) { return ReflectionPad2d(sides(a)); }),
      row("ReplicationPad2d", "padding",
          "(N, C, H, W) extended by its border; padding is one number, or (left, right, top, bottom).",
          [](const Arguments& a) { return ReplicationPad2d(sides(a)); }),
      row("CircularPad2d", "padding",
          "(N, C, H, W) extended by its other end; padding is one number, or (left, right, top, bottom).",
          [](const Arguments& a) { return CircularPad2d(sides(a)); }),
      row("ZeroPad2d", "padding",
          "(N, C, H, W) extended by zeros; padding is one number, or (left, right, top, bottom).",
          [](const Arguments& a) { return ZeroPad2d(sides(a)); }),
      row("ConstantPad2d", "padding, value",
          "(N, C, H, W) extended by value; padding is one number, or (left, right, top, bottom).",
          [](const Arguments& a) { return ConstantPad2d(sides(a), a.integer_or_number("value")); }),
      row("ReflectionPad1d", "padding",
          "(N, C, L) extended by its reflection; padding is one number, or (left, right).",
          [](const Arguments& a) { return ReflectionPad1d(ends(a)); }),
      row("ReplicationPad1d", "padding", "(N, C, L) extended by its border; padding is one number, or (left, right).",
          [](const Arguments& a) { return ReplicationPad1d(ends(a)); }),
      row("CircularPad1d", "padding", "(N, C, L) extended by its other end; padding is one number, or (left, right).",
          [](const Arguments& a) { return CircularPad1d(ends(a)); }),
      row("ZeroPad1d", "padding", "(N, C, L) extended by zeros; padding is one number, or (left, right).",
          [](const Arguments& a) { return ZeroPad1d(ends(a)); }),
      row("ConstantPad1d", "padding, value", "(N, C, L) extended by value; padding is one number, or (left, right).",
          [](const Arguments& a) { return ConstantPad1d(ends(a), a.integer_or_number("value")); }),
      row("AvgPool2d",
          "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None",
          "The mean of each window of (N, C, H, W).",
          [](const Arguments& a) {
            return AvgPool2d(
                a.one_or_two("kernel_size"),
                AvgPool2dOptions{a.optional_one_or_two("stride"), a.one_or_two("padding"), a.boolean("ceil_mode"),
                                 a.boolean("count_include_pad"), a.optional_integer("divisor_override")});
          }),
      row("MaxPool2d", "kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False",
          "The largest of each window of (N, C, H, W).",
          [](const Arguments& a) {
            return MaxPool2d(
                a.one_or_two("kernel_size"),
                MaxPool2dOptions{a.optional_one_or_two("stride"), a.one_or_two("padding"), a.one_or_two("dilation"),
                                 a.boolean("return_indices"), a.boolean("ceil_mode")});
          }),
      row("AdaptiveAvgPool2d", "output_size", "Means of (N, C, H, W), as many as output_size says; None keeps a size.",
          [](const Arguments& a) { return AdaptiveAvgPool2d(a.optional_sizes("output_size")); }),
      row("AdaptiveMaxPool2d", "output_size, return_indices=False",
          "Largest elements of (N, C, H, W), as many as output_size says; None keeps a size.",
          [](const Arguments& a) {
            return AdaptiveMaxPool2d(a.optional_sizes("output_size"), a.boolean("return_indices"));
          }),
      row("LPPool2d", "norm_type, kernel_size, stride=None, ceil_mode=False",
          "The norm_type-th root of the sum of each window's powers of norm_type.",
          [](const Arguments& a) {
            return LPPool2d(a.integer_or_number("norm_type"), a.one_or_two("kernel_size"),
                            a.optional_one_or_two("stride"), a.boolean("ceil_mode"));
          }),
      row("AvgPool1d", "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True",
          "The mean of each window of (N, C, L).",
          [](const Arguments& a) {
            return AvgPool1d(a.single("kernel_size"),
                             AvgPool1dOptions{a.optional_single("stride"), a.single("padding"), a.boolean("ceil_mode"),
                                              a.boolean("count_include_pad")});
          }),
      row("MaxPool1d", "kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False",
          "The largest of each window of (N, C, L).",
          [](const Arguments& a) {
            return MaxPool1d(a.single("kernel_size"),
                             MaxPool1dOptions{a.optional_single("stride"), a.single("padding"), a.single("dilation"),
                                              a.boolean("return_indices"), a.boolean("ceil_mode")});
          }),
      row("AdaptiveAvgPool1d", "output_size", "Means of (N, C, L), output_size of them.",
          [](const Arguments& a) { return AdaptiveAvgPool1d(a.single("output_size")); }),
      row("AdaptiveMaxPool1d", "output_size, return_indices=False",
          "Largest elements of (N, C, L), output_size of them.",
          [](const Arguments& a) { return AdaptiveMaxPool1d(a.single("output_size"), a.boolean("return_indices")); }),
      row("Identity", "", "x.", [](const Arguments&) { return Identity(); }),
      row("Dropout", "p=0.5, inplace=False", "x, as after eval().", dropout<Dropout>),
      row("Dropout1d", "p=0.5, inplace=False", "x, as after eval().", dropout<Dropout1d>),
      row("Dropout2d", "p=0.5, inplace=False", "x, as after eval().", dropout<Dropout2d>),
      row("Dropout3d", "p=0.5, inplace=False", "x, as after eval().", dropout<Dropout3d>),
      row("AlphaDropout", "p=0.5, inplace=False", "x, as after eval().", dropout<AlphaDropout>),
      row("FeatureAlphaDropout", "p=0.5, inplace=False", "x, as after eval().", dropout<FeatureAlphaDropout>),
      row("Flatten", "start_dim=1, end_dim=-1", "Dimensions start_dim to end_dim become one.",
          [](const Arguments& a) { return Flatten(a.integer("start_dim"), a.integer("end_dim")); }),
      row("Unflatten", "dim, unflattened_size", "Dimension dim becomes those of unflattened_size.",
          [](const Arguments& a) { return Unflatten(a.integer("dim"), a.shape("unflattened_size")); }),
  };
  return rows;
}

void Arguments::refuse(std::string_view name, std::string_view expected) const {
  const Literal& got = values_.at(name);
  throw ArgumentError(fmt::format("{}: {} must be {}, got {}", layer_, name, expected, got.text), got.offset);
}

int64_t Arguments::integer(std::string_view name) const {
  if (const auto* value = std::get_if<int64_t>(&values_.at(name).value)) return *value;
  refuse(name, "an integer");
}

std::optional<int64_t> Arguments::optional_integer(std::string_view name) const {
  const PythonValue& value = values_.at(name).value;
  if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
  if (!std::holds_alternative<std::monostate>(value)) refuse(name, "an integer or None");
  return {};
}

double Arguments::number(std::string_view name) const {
  const PythonValue& value = values_.at(name).value;
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  refuse(name, "a finite number");
}

std::optional<double> Arguments::optional_number(std::string_view name) const {
  if (std::holds_alternative<std::monostate>(values_.at(name).value)) return {};
  return number(name);
}

bool Arguments::boolean(std::string_view name) const {
  if (const auto* value = std::get_if<bool>(&values_.at(name).value)) return *value;
  refuse(name, "True or False");
}

Pair Arguments::pair(std::string_view name) const {
  const PythonValue& value = values_.at(name).value;
  if (const auto* both = std::get_if<int64_t>(&value)) return *both;
  if (const auto* sizes = std::get_if<Shape>(&value); sizes && sizes->size() == 2) return {(*sizes)[0], (*sizes)[1]};
  refuse(name, "an integer or two, as in (4, 4)");
}

Shape Arguments::sizes(std::string_view name) const {
  if (const auto* size = std::get_if<int64_t>(&values_.at(name).value)) return {*size};
  return shape(name);
}

std::optional<bool> Arguments::optional_boolean(std::string_view name) const {
  if (std::holds_alternative<std::monostate>(values_.at(name).value)) return {};
  return boolean(name);
}

IntegerOrNumber Arguments::integer_or_number(std::string_view name) const {
  if (const auto* integer = std::get_if<int64_t>(&values_.at(name).value)) return *integer;
  return number(name);
}

std::optional<IntegerOrNumber> Arguments::optional_integer_or_number(std::string_view name) const {
  if (std::holds_alternative<std::monostate>(values_.at(name).value)) return {};
  return integer_or_number(name);
}

Shape Arguments::one_or_more(std::string_view name, size_t more, std::string_view expected) const {
  const PythonValue& value = values_.at(name).value;
  if (const auto* one = std::get_if<int64_t>(&value)) return {*one};
  if (const auto* sizes = std::get_if<Shape>(&value); sizes && sizes->size() == more) return *sizes;
  refuse(name, expected);
}

int64_t Arguments::single(std::string_view name) const {
  return one_or_more(name, 1, "an integer or one, as in (4,)")[0];
}

std::optional<int64_t> Arguments::optional_single(std::string_view name) const {
  if (std::holds_alternative<std::monostate>(values_.at(name).value)) return {};
  return single(name);
}

OneOrTwo<int64_t> Arguments::one_or_two(std::string_view name) const {
  const Shape given = one_or_more(name, 2, "an integer or two, as in (4, 4)");
  if (given.size() == 1) return given[0];
  return {given[0], given[1]};
}

std::optional<OneOrTwo<int64_t>> Arguments::optional_one_or_two(std::string_view name) const {
  if (std::holds_alternative<std::monostate>(values_.at(name).value)) return {};
  return one_or_two(name);
}

std::optional<OneOrTwo<double>> Arguments::optional_numbers(std::string_view name) const {
  const PythonValue& value = values_.at(name).value;
  if (std::holds_alternative<std::monostate>(value)) return {};
  if (std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value)) return number(name);
  if (const auto* two = std::get_if<Shape>(&value); two && two->size() == 2)
    return OneOrTwo<double>(static_cast<double>((*two)[0]), static_cast<double>((*two)[1]));
  if (const auto* two = std::get_if<Numbers>(&value); two && two->size() == 2 && (*two)[0] && (*two)[1])
    return OneOrTwo<double>(*(*two)[0], *(*two)[1]);
  refuse(name, "a finite number or two, as in (2.0, 1.5)");
}

OneOrTwo<std::optional<int64_t>> Arguments::optional_sizes(std::string_view name) const {
  using Size = std::optional<int64_t>;
  const PythonValue& value = values_.at(name).value;
  if (std::holds_alternative<std::monostate>(value)) return Size();
  if (const auto* one = std::get_if<int64_t>(&value)) return Size(*one);
  if (const auto* two = std::get_if<Shape>(&value); two && two->size() == 2) return {(*two)[0], (*two)[1]};
  const auto size = [](const std::optional<double>& number) {
    return number ? Size(static_cast<int64_t>(*number)) : Size();
  };
  const auto whole = [](const std::optional<double>& number) {
    return !number || (std::abs(*number) < 1e15 && *number == std::floor(*number));
  };
  if (const auto* two = std::get_if<Numbers>(&value); two && two->size() == 2 && whole((*two)[0]) && whole((*two)[1]))
    return {size((*two)[0]), size((*two)[1])};
  refuse(name, "an integer or None, or two of them, as in (4, None)");
}

Shape Arguments::shape(std::string_view name) const {
  if (const auto* value = std::get_if<Shape>(&values_.at(name).value)) return *value;
  refuse(name, "a tuple of integers, as in (4, 4) or (4,)");
}

bool Arguments::is_text(std::string_view name) const {
  return std::holds_alternative<std::string>(values_.at(name).value);
}

std::string Arguments::text(std::string_view name) const {
  if (const auto* value = std::get_if<std::string>(&values_.at(name).value)) return *value;
  refuse(name, "a string");
}

const LayerRow* find_row(std::string_view name) {
  const std::vector<LayerRow>& rows = layer_rows();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const LayerRow& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace upconv::internal
