#include "layers/reference.h"

#include <cmath>

namespace upconv::reference {
namespace {

template <class F>
Tensor map(const Tensor& x, F f) {
  Tensor y(x.shape());
  for (int64_t i = 0; i < x.numel(); ++i) y.data()[i] = static_cast<float>(f(x.data()[i]));
  return y;
}

/// The pixel of an axis that is seen at `at`, or -1 for zeros.
int64_t seen(const std::string& padding_mode, int64_t at, int64_t size) {
  if (at >= 0 && at < size) return at;
  if (padding_mode == "reflect") return at < 0 ? -at : 2 * size - 2 - at;
  if (padding_mode == "replicate") return at < 0 ? 0 : size - 1;
  if (padding_mode == "circular") return (at + size) % size;
  return -1;
}

/// How many pixels lie before an axis.
int64_t before(const Padding& padding, int64_t size, int64_t dilation, int64_t kernel) {
  return padding.word == "same" ? dilation * (kernel - 1) / 2 : size;
}

/// (N, C, H, W) rounded from sums, with a bias unless that is empty.
Tensor with_bias(const std::vector<double>& sums, const Shape& shape, const Tensor& bias) {
  Tensor y(shape);
  const int64_t C = shape[1], pixels = shape[2] * shape[3];
  for (int64_t i = 0; i < y.numel(); ++i)
    y.data()[i] =
        static_cast<float>(sums[static_cast<size_t>(i)] + (bias.numel() ? bias.data()[i / pixels % C] : 0.0f));
  return y;
}

}  // namespace

std::vector<double> conv2d_sums(const Tensor& x, const Tensor& weight, const Conv2dOptions& options, Pair output) {
  const int64_t N = x.size(0), IC = x.size(1), H = x.size(2), W = x.size(3);
  const int64_t OC = weight.size(0), ICg = weight.size(1), KH = weight.size(2), KW = weight.size(3);
  const int64_t top = before(options.padding, options.padding.size.h, options.dilation.h, KH);
  const int64_t left = before(options.padding, options.padding.size.w, options.dilation.w, KW);
  std::vector<double> y;
  for (int64_t n = 0; n < N; ++n)
    for (int64_t oc = 0; oc < OC; ++oc)
      for (int64_t oh = 0; oh < output.h; ++oh)
        for (int64_t ow = 0; ow < output.w; ++ow) {
          double sum = 0;
          for (int64_t i = 0; i < ICg; ++i)
            for (int64_t kh = 0; kh < KH; ++kh)
              for (int64_t kw = 0; kw < KW; ++kw) {
                const int64_t h = seen(options.padding_mode, oh * options.stride.h - top + kh * options.dilation.h, H);
                const int64_t w = seen(options.padding_mode, ow * options.stride.w - left + kw * options.dilation.w, W);
                if (h < 0 || w < 0) continue;
                const int64_t ic = oc / (OC / options.groups) * ICg + i;
                sum += static_cast<double>(x.data()[((n * IC + ic) * H + h) * W + w]) *
                       weight.data()[((oc * ICg + i) * KH + kh) * KW + kw];
              }
          y.push_back(sum);
        }
  return y;
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options, Pair output) {
  return with_bias(conv2d_sums(x, weight, options, output), {x.size(0), weight.size(0), output.h, output.w}, bias);
}

std::vector<double> conv_transpose2d_sums(const Tensor& x, const Tensor& weight, const ConvTranspose2dOptions& options,
                                          Pair output) {
  const int64_t N = x.size(0), IC = x.size(1), H = x.size(2), W = x.size(3);
  const int64_t OCg = weight.size(1), KH = weight.size(2), KW = weight.size(3), OC = OCg * options.groups;
  std::vector<double> z(static_cast<size_t>(N * OC * output.h * output.w));
  auto at = [&](int64_t n, int64_t oc, int64_t h, int64_t w) -> double& {
    return z[static_cast<size_t>(((n * OC + oc) * output.h + h) * output.w + w)];
  };
  for (int64_t n = 0; n < N; ++n)
    for (int64_t ic = 0; ic < IC; ++ic)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t w = 0; w < W; ++w)
          for (int64_t o = 0; o < OCg; ++o)
            for (int64_t kh = 0; kh < KH; ++kh)
              for (int64_t kw = 0; kw < KW; ++kw) {
                const int64_t oh = h * options.stride.h - options.padding.h + kh * options.dilation.h;
                const int64_t ow = w * options.stride.w - options.padding.w + kw * options.dilation.w;
                if (oh < 0 || oh >= output.h || ow < 0 || ow >= output.w) continue;
                at(n, ic / (IC / options.groups) * OCg + o, oh, ow) +=
                    static_cast<double>(x.data()[((n * IC + ic) * H + h) * W + w]) *
                    weight.data()[((ic * OCg + o) * KH + kh) * KW + kw];
              }
  return z;
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvTranspose2dOptions& options, Pair output) {
  return with_bias(conv_transpose2d_sums(x, weight, options, output),
                   {x.size(0), weight.size(1) * options.groups, output.h, output.w}, bias);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const int64_t O = weight.size(0), I = weight.size(1), rows = x.numel() / I;
  Shape shape = x.shape();
  shape.back() = O;
  Tensor y(shape);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t o = 0; o < O; ++o) {
      double sum = bias.numel() ? bias.data()[o] : 0.0;
      for (int64_t i = 0; i < I; ++i) sum += static_cast<double>(x.data()[r * I + i]) * weight.data()[o * I + i];
      y.data()[r * O + o] = static_cast<float>(sum);
    }
  return y;
}

Tensor embedding(const Tensor& indices, const Tensor& weight) {
  const int64_t D = weight.size(1);
  Shape shape = indices.shape();
  shape.push_back(D);
  Tensor y(shape);
  for (int64_t i = 0; i < y.numel(); ++i) y.data()[i] = weight.data()[indices.indices()[i / D] * D + i % D];
  return y;
}

Tensor batch_norm2d(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight, const Tensor& bias,
                    double eps) {
  const int64_t C = x.size(1), pixels = x.size(2) * x.size(3);
  Tensor y(x.shape());
  for (int64_t i = 0; i < x.numel(); ++i) {
    const int64_t c = i / pixels % C;
    const double normal = (x.data()[i] - static_cast<double>(mean.data()[c])) / std::sqrt(var.data()[c] + eps);
    y.data()[i] = static_cast<float>(normal * (weight.numel() ? weight.data()[c] : 1.0f) +
                                     (bias.numel() ? bias.data()[c] : 0.0f));
  }
  return y;
}

Tensor relu(const Tensor& x) {
  return map(x, [](double v) { return v < 0 ? 0 : v; });
}
Tensor leaky_relu(const Tensor& x, float negative_slope) {
  return map(x, [=](double v) { return v < 0 ? v * negative_slope : v; });
}
Tensor tanh(const Tensor& x) {
  return map(x, [](double v) { return std::tanh(v); });
}
Tensor sigmoid(const Tensor& x) {
  return map(x, [](double v) { return 1 / (1 + std::exp(-v)); });
}

}  // namespace upconv::reference
