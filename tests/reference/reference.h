#pragma once
// The shortest correct loops: the oracle of every test. Contiguous (N, C, H, W), sums in float64, never optimised.
#include <vector>

#include "../../framework/tensor.h"
#include "../../layers/conv2d.h"
#include "../../layers/conv_transpose2d.h"

namespace upconv::reference {

/// z[n, oc, h*s - p + d*kh, w*s - p + d*kw] += x[n, ic, h, w] * weight[ic, oc in group, kh, kw], starting from bias.
/// x is (N, C, H, W); `output` gives H_out and W_out; bias may be empty.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTranspose2dOptions& options, Pair output);

/// The same without bias and before it is rounded to float32.
std::vector<double> conv_transpose2d_sums(const Tensor& x, const Tensor& weight, const ConvTranspose2dOptions& options,
                                          Pair output);

/// y[n, oc, h, w] = bias[oc] + sum_{ic, kh, kw} x[n, ic, h*s - p + d*kh, w*s - p + d*kw] * weight[oc, ic in group, kh,
/// kw]. x is (N, C, H, W), beside which lies what padding_mode says; `output` gives H_out and W_out; bias may be empty.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options, Pair output);

/// The same without bias and before it is rounded to float32.
std::vector<double> conv2d_sums(const Tensor& x, const Tensor& weight, const Conv2dOptions& options, Pair output);

/// y[..., o] = bias[o] + sum_i x[..., i] * weight[o, i]; bias may be empty.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// y[..., :] = weight[indices[...], :].
Tensor embedding(const Tensor& indices, const Tensor& weight);

/// (x - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c] for x (N, C, H, W); weight and bias may be empty.
Tensor batch_norm2d(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight, const Tensor& bias,
                    double eps);

/// (x - mean) / sqrt(var + eps) * weight[c] + bias[c] with the mean and the biased variance of the elements of x (N, C,
/// ...) that share a group of channels; weight and bias may be empty. batch_norm shares them over the batch too.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps);
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);
/// The same over rows of `length` elements, with a weight and a bias for each of them.
Tensor layer_norm(const Tensor& x, int64_t length, const Tensor& weight, const Tensor& bias, double eps);

/// exp(x) / sum exp(x) along dimension dim, 0 <= dim.
Tensor softmax(const Tensor& x, int64_t dim);

/// x * weight[c] where x < 0, for x (N, C, ...); one weight stands for all channels.
Tensor prelu(const Tensor& x, const Tensor& weight);

Tensor relu(const Tensor& x);
Tensor leaky_relu(const Tensor& x, float negative_slope);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);

Tensor elu(const Tensor& x, double alpha);
Tensor silu(const Tensor& x);
Tensor gelu(const Tensor& x);
Tensor gelu_tanh(const Tensor& x);
Tensor softplus(const Tensor& x, double beta, double threshold);
Tensor hardtanh(const Tensor& x, double min_val, double max_val);
Tensor hardsigmoid(const Tensor& x);
Tensor hardswish(const Tensor& x);
Tensor mish(const Tensor& x);

}  // namespace upconv::reference
