#pragma once
// torch's and torch.nn.functional's functions of values, for use in forward(): those that are layers, without the
// layer, and with weights that are values. Arithmetic is in elementwise.h, sums and means are in reduce.h, cat and
// slices in concat.h, permute and reshape in permute.h, interpolate in resample.h, matmul in matmul.h,
// scaled_dot_product_attention in attention.h.
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "activation.h"
#include "attention.h"
#include "conv1d.h"
#include "conv2d.h"
#include "conv_transpose1d.h"
#include "conv_transpose2d.h"
#include "fold.h"
#include "pad.h"
#include "pool.h"
#include "structure.h"

namespace upconv {

/// ReLU.
inline Value relu(Value x, bool inplace = false) { return ReLU(inplace).forward(x); }
/// LeakyReLU.
inline Value leaky_relu(Value x, double negative_slope = 0.01, bool inplace = false) {
  return LeakyReLU(negative_slope, inplace).forward(x);
}
/// ELU.
inline Value elu(Value x, double alpha = 1, bool inplace = false) { return ELU(alpha, inplace).forward(x); }
/// SiLU.
inline Value silu(Value x, bool inplace = false) { return SiLU(inplace).forward(x); }
/// GELU.
[[nodiscard]] inline Value gelu(Value x, std::string approximate = "none") {
  return GELU(std::move(approximate)).forward(x);
}
/// Softplus.
[[nodiscard]] inline Value softplus(Value x, double beta = 1, double threshold = 20) {
  return Softplus(beta, threshold).forward(x);
}
/// Tanh.
[[nodiscard]] inline Value tanh(Value x) { return Tanh().forward(x); }
/// Sigmoid.
[[nodiscard]] inline Value sigmoid(Value x) { return Sigmoid().forward(x); }
/// PReLU: `weight` has one slope, or one for each channel (dimension 1).
[[nodiscard]] Value prelu(Value x, Value weight);
/// The first half of dimension `dim`, times the sigmoid of the second. Throws Error where its size is odd.
[[nodiscard]] Value glu(Value x, int64_t dim = -1);
/// SELU.
inline Value selu(Value x, bool inplace = false) { return SELU(inplace).forward(x); }
/// CELU.
inline Value celu(Value x, double alpha = 1, bool inplace = false) { return CELU(alpha, inplace).forward(x); }
/// RReLU at inference.
inline Value rrelu(Value x, double lower = 0.125, double upper = 1.0 / 3, bool inplace = false) {
  return RReLU(lower, upper, inplace).forward(x);
}
/// Softsign.
[[nodiscard]] inline Value softsign(Value x) { return Softsign().forward(x); }
/// Tanhshrink.
[[nodiscard]] inline Value tanhshrink(Value x) { return Tanhshrink().forward(x); }
/// Hardshrink.
[[nodiscard]] inline Value hardshrink(Value x, double lambd = 0.5) { return Hardshrink(lambd).forward(x); }
/// Softshrink.
[[nodiscard]] inline Value softshrink(Value x, double lambd = 0.5) { return Softshrink(lambd).forward(x); }
/// LogSigmoid.
[[nodiscard]] inline Value logsigmoid(Value x) { return LogSigmoid().forward(x); }
/// Threshold.
inline Value threshold(Value x, double threshold, double value, bool inplace = false) {
  return Threshold(threshold, value, inplace).forward(x);
}
/// Softmax.
[[nodiscard]] Value softmax(Value x, int64_t dim);
/// Softmin.
[[nodiscard]] Value softmin(Value x, int64_t dim);
/// LogSoftmax.
[[nodiscard]] Value log_softmax(Value x, int64_t dim);
/// Dropout at inference: x.
[[nodiscard]] inline Value dropout(Value x, double p = 0.5) { return Dropout(p).forward(x); }
/// The same of channels.
[[nodiscard]] inline Value dropout2d(Value x, double p = 0.5) { return Dropout2d(p).forward(x); }

/// Dimensions start_dim to end_dim become one.
[[nodiscard]] inline Value flatten(Value x, int64_t start_dim = 0, int64_t end_dim = -1) {
  return Flatten(start_dim, end_dim).forward(x);
}
/// Without a dimension of size 1; as it is where that has another size.
[[nodiscard]] Value squeeze(Value x, int64_t dim);
/// Without all dimensions of size 1.
[[nodiscard]] Value squeeze(Value x);
/// With a dimension of size 1 before dimension `dim`; -1 puts it last.
[[nodiscard]] Value unsqueeze(Value x, int64_t dim);
/// Dimensions of size 1, and new ones before the first, become as large as `sizes` says; -1 leaves one as it is.
[[nodiscard]] Value expand(Value x, const Shape& sizes);
/// x `sizes[d]` times after itself in each dimension d, those counted from the last.
[[nodiscard]] Value repeat(Value x, const std::vector<int64_t>& sizes);
/// Values of one shape side by side in a new dimension.
[[nodiscard]] Value stack(const Values& values, int64_t dim = 0);
/// Parts of `split_size` in dimension `dim`; the last may be smaller.
[[nodiscard]] Values split(Value x, int64_t split_size, int64_t dim = 0);
/// Parts of these sizes, whose sum is the dimension's.
[[nodiscard]] Values split(Value x, const std::vector<int64_t>& split_sizes, int64_t dim = 0);
/// One index of a dimension, which is gone then.
[[nodiscard]] Value select(Value x, int64_t dim, int64_t index);
/// Each of these dimensions from its end to its beginning.
[[nodiscard]] Value flip(Value x, const std::vector<int64_t>& dims);
/// Pictures extended, or cropped where negative: `mode` is "constant", with `value`, "reflect", "replicate" or
/// "circular".
[[nodiscard]] Value pad(Value x, Sides pad, const std::string& mode = "constant", double value = 0);
/// The same of rows, {left, right}.
[[nodiscard]] Value pad(Value x, std::pair<int64_t, int64_t> pad, const std::string& mode = "constant",
                        double value = 0);
/// Values of any dimensions extended in the last three by `value`, or cropped: what puts zeros between pixels that are
/// dimensions of their own.
[[nodiscard]] Value pad(Value x, Faces pad, const std::string& mode = "constant", double value = 0);
/// PixelShuffle.
[[nodiscard]] Value pixel_shuffle(Value x, int64_t upscale_factor);
/// PixelUnshuffle, its inverse.
[[nodiscard]] Value pixel_unshuffle(Value x, int64_t downscale_factor);
/// ChannelShuffle.
[[nodiscard]] Value channel_shuffle(Value x, int64_t groups);
/// Unfold.
[[nodiscard]] inline Value unfold(Value x, OneOrTwo<int64_t> kernel_size, UnfoldOptions options = {}) {
  return Unfold(kernel_size, options).forward(x);
}
/// Fold.
[[nodiscard]] inline Value fold(Value x, OneOrTwo<int64_t> output_size, OneOrTwo<int64_t> kernel_size,
                                UnfoldOptions options = {}) {
  return Fold(output_size, kernel_size, options).forward(x);
}

/// MaxPool1d.
[[nodiscard]] Value max_pool1d(Value x, int64_t kernel_size, MaxPool1dOptions options = {});
/// AvgPool1d.
[[nodiscard]] Value avg_pool1d(Value x, int64_t kernel_size, AvgPool1dOptions options = {});
/// AdaptiveAvgPool1d.
[[nodiscard]] Value adaptive_avg_pool1d(Value x, int64_t output_size);
/// AdaptiveMaxPool1d.
[[nodiscard]] Value adaptive_max_pool1d(Value x, int64_t output_size);
/// MaxPool2d.
[[nodiscard]] Value max_pool2d(Value x, OneOrTwo<int64_t> kernel_size, MaxPool2dOptions options = {});
/// AvgPool2d.
[[nodiscard]] Value avg_pool2d(Value x, OneOrTwo<int64_t> kernel_size, AvgPool2dOptions options = {});
/// AdaptiveAvgPool2d.
[[nodiscard]] Value adaptive_avg_pool2d(Value x, OneOrTwo<AdaptiveAvgPool2d::Size> output_size);
/// AdaptiveMaxPool2d.
[[nodiscard]] Value adaptive_max_pool2d(Value x, OneOrTwo<AdaptiveMaxPool2d::Size> output_size);
/// LPPool2d.
[[nodiscard]] Value lp_pool2d(Value x, double norm_type, OneOrTwo<int64_t> kernel_size,
                              MaybeOneOrTwo<int64_t> stride = {}, bool ceil_mode = false);

/// Conv2d with a weight (out_channels, in_channels / groups, kH, kW) and a bias (out_channels) that are values; of
/// `options` all but bias count. A weight of parameters and constants alone is packed once, as the layer's is; one that
/// depends on the inputs is packed in each run, by the one thread that computes the layer then.
[[nodiscard]] Value conv2d(Value x, Value weight, std::optional<Value> bias = {}, Conv2dOptions options = {});
/// ConvTranspose2d with a weight (in_channels, out_channels / groups, kH, kW); the same is true of it.
[[nodiscard]] Value conv_transpose2d(Value x, Value weight, std::optional<Value> bias = {},
                                     ConvTranspose2dOptions options = {});
/// Conv1d with a weight (out_channels, in_channels / groups, kernel_size); the same is true of it.
[[nodiscard]] Value conv1d(Value x, Value weight, std::optional<Value> bias = {}, Conv1dOptions options = {});
/// ConvTranspose1d with a weight (in_channels, out_channels / groups, kernel_size); the same is true of it.
[[nodiscard]] Value conv_transpose1d(Value x, Value weight, std::optional<Value> bias = {},
                                     ConvTranspose1dOptions options = {});
/// Linear with a weight (out_features, in_features); the same is true of it.
[[nodiscard]] Value linear(Value x, Value weight, std::optional<Value> bias = {});
/// Embedding with a table (num_embeddings, embedding_dim).
[[nodiscard]] Value embedding(Value indices, Value weight);

/// At inference: each channel less its running_mean and divided by the root of its running_var + eps, then times
/// `weight` and plus `bias`; all of them (C).
[[nodiscard]] Value batch_norm(Value x, Value running_mean, Value running_var, std::optional<Value> weight = {},
                               std::optional<Value> bias = {}, double eps = 1e-5);
/// Each image's channel less its mean and divided by its deviation, then times `weight` and plus `bias`, (C); of
/// (N, C, H, W) or (N, C, L).
[[nodiscard]] Value instance_norm(Value x, std::optional<Value> weight = {}, std::optional<Value> bias = {},
                                  double eps = 1e-5);
/// GroupNorm, weight and bias (C).
[[nodiscard]] Value group_norm(Value x, int64_t num_groups, std::optional<Value> weight = {},
                               std::optional<Value> bias = {}, double eps = 1e-5);
/// LayerNorm, weight and bias of normalized_shape.
[[nodiscard]] Value layer_norm(Value x, const Shape& normalized_shape, std::optional<Value> weight = {},
                               std::optional<Value> bias = {}, double eps = 1e-5);
/// RMSNorm, weight of normalized_shape.
[[nodiscard]] Value rms_norm(Value x, const Shape& normalized_shape, std::optional<Value> weight = {},
                             std::optional<double> eps = {});

}  // namespace upconv
