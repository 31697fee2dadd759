#include "tests/reference/reference.h"

#include <cmath>

namespace upconv::reference {
namespace {

template <class F>
Tensor map(const Tensor& x, F f) {
  Tensor y(x.shape());
  for (int64_t i = 0; i < x.numel(); ++i) y.data()[i] = static_cast<float>(f(x.data()[i]));
  return y;
}

/// Normalises the elements that share group(i) < groups, then applies weight[channel(i)] and bias[channel(i)].
template <class Group, class Channel>
Tensor normalise(const Tensor& x, int64_t groups, Group group, Channel channel, const Tensor& weight,
                 const Tensor& bias, double eps) {
  std::vector<double> count(static_cast<size_t>(groups)), mean(count), var(count);
  const auto of = [&](std::vector<double>& values, int64_t i) -> double& {
    return values[static_cast<size_t>(group(i))];
  };
  for (int64_t i = 0; i < x.numel(); ++i) of(count, i) += 1;
  for (int64_t i = 0; i < x.numel(); ++i) of(mean, i) += x.data()[i] / of(count, i);
  for (int64_t i = 0; i < x.numel(); ++i) of(var, i) += std::pow(x.data()[i] - of(mean, i), 2) / of(count, i);
  Tensor y(x.shape());
  for (int64_t i = 0; i < x.numel(); ++i)
    y.data()[i] = static_cast<float>((x.data()[i] - of(mean, i)) / std::sqrt(of(var, i) + eps) *
                                         (weight.numel() ? weight.data()[channel(i)] : 1.0f) +
                                     (bias.numel() ? bias.data()[channel(i)] : 0.0f));
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

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  const int64_t N = x.size(0), C = x.size(1), pixels = x.numel() / (N * C), length = C / groups * pixels;
  return normalise(
      x, N * groups, [=](int64_t i) { return i / length; }, [=](int64_t i) { return i / pixels % C; }, weight, bias,
      eps);
}

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const int64_t N = x.size(0), C = x.size(1), pixels = x.numel() / (N * C);
  const auto channel = [=](int64_t i) { return i / pixels % C; };
  return normalise(x, C, channel, channel, weight, bias, eps);
}

Tensor layer_norm(const Tensor& x, int64_t length, const Tensor& weight, const Tensor& bias, double eps) {
  return normalise(
      x, x.numel() / length, [=](int64_t i) { return i / length; }, [=](int64_t i) { return i % length; }, weight, bias,
      eps);
}

Tensor softmax(const Tensor& x, int64_t dim) {
  int64_t inner = 1;
  for (int64_t d = dim + 1; d < x.dim(); ++d) inner *= x.shape()[static_cast<size_t>(d)];
  const int64_t count = x.shape()[static_cast<size_t>(dim)];
  Tensor y(x.shape());
  for (int64_t i = 0; i < x.numel(); ++i) {
    double sum = 0;
    const int64_t first = i / (count * inner) * count * inner + i % inner;
    for (int64_t k = 0; k < count; ++k) sum += std::exp(static_cast<double>(x.data()[first + k * inner]));
    y.data()[i] = static_cast<float>(std::exp(static_cast<double>(x.data()[i])) / sum);
  }
  return y;
}

Tensor prelu(const Tensor& x, const Tensor& weight) {
  const int64_t C = weight.numel(), pixels = C == 1 ? 1 : x.numel() / (x.size(0) * C);
  Tensor y(x.shape());
  for (int64_t i = 0; i < x.numel(); ++i)
    y.data()[i] = x.data()[i] * (x.data()[i] < 0 ? weight.data()[i / pixels % C] : 1.0f);
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

Tensor elu(const Tensor& x, double alpha) {
  return map(x, [=](double v) { return v > 0 ? v : alpha * std::expm1(v); });
}
Tensor silu(const Tensor& x) {
  return map(x, [](double v) { return v / (1 + std::exp(-v)); });
}
Tensor gelu(const Tensor& x) {
  return map(x, [](double v) { return v * std::erfc(-v / std::sqrt(2.0)) / 2; });
}
Tensor gelu_tanh(const Tensor& x) {
  return map(x, [](double v) { return v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))); });
}
Tensor softplus(const Tensor& x, double beta, double threshold) {
  return map(x, [=](double v) { return v * beta > threshold ? v : std::log1p(std::exp(v * beta)) / beta; });
}
Tensor hardtanh(const Tensor& x, double min_val, double max_val) {
  return map(x, [=](double v) { return v < min_val ? min_val : v > max_val ? max_val : v; });
}
Tensor hardsigmoid(const Tensor& x) {
  return map(x, [](double v) { return (v < -3 ? 0 : v > 3 ? 6 : v + 3) / 6; });
}
Tensor hardswish(const Tensor& x) {
  return map(x, [](double v) { return v * (v < -3 ? 0 : v > 3 ? 6 : v + 3) / 6; });
}
Tensor mish(const Tensor& x) {
  return map(x, [](double v) { return v * std::tanh(std::log1p(std::exp(v))); });
}

}  // namespace upconv::reference
