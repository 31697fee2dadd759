#pragma once
// StyleGAN2 (Karras et al. 2020): latents in, pictures within about [-1, 1] out. Keys are those of G_ema in
// NVlabs/stylegan2-ada-pytorch without labels: synthesis.b4.const ... mapping.w_avg. Noise is that of the file, as with
// noise_mode="const".
#include <upconv/upconv.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace upconv::examples::stylegan2 {

/// The outer product of (1, 3, 3, 1) with itself, of sum 1.
inline Tensor setup_filter() {
  Tensor f({4, 4});
  for (int i = 0; i < 16; ++i) f.data()[i] = (i / 4 % 3 ? 3.f : 1.f) * (i % 4 % 3 ? 3.f : 1.f) / 64;
  return f;
}

/// A picture at `up` times the size, its channels filtered with f (4, 4).
inline Value upfirdn2d(Value x, Value f, int64_t up = 1) {
  const int64_t channels = x.size(1);
  const Value taps = expand(f, {channels, 1, 4, 4});
  if (up == 1) return conv2d(x, flip(taps, {2, 3}), {}, {.padding = 1, .groups = channels});
  return conv_transpose2d(x, taps, {}, {.stride = up, .padding = 1, .groups = channels});
}

/// A convolution of pictures whose channels are multiplied by `styles` (N, in_channels).
inline Value modulated_conv2d(Value x, Value weight, Value styles, int64_t up = 1, std::optional<Value> f = {},
                              bool demodulate = true) {
  const int64_t padding = weight.size(2) / 2;
  Value y = x * unsqueeze(unsqueeze(styles, 2), 3);
  if (up == 1)
    y = conv2d(y, weight, {}, {.padding = padding});
  else
    y = upfirdn2d(conv_transpose2d(y, transpose(weight, 0, 1), {}, {.stride = up}), *f * (up * up));
  if (!demodulate) return y;
  const Value squares = linear(styles * styles, sum(weight * weight, {2, 3}));
  return y * unsqueeze(unsqueeze(rsqrt(squares + 1e-8), 2), 3);
}

/// Linear, with weights that were divided by what they are multiplied by here.
struct FullyConnectedLayer : Module {
  bool lrelu;
  double lr_multiplier;
  Parameter weight, bias;
  FullyConnectedLayer(int64_t in_features, int64_t out_features, bool lrelu = false, double lr_multiplier = 1,
                      double bias_init = 0)
      : lrelu(lrelu),
        lr_multiplier(lr_multiplier),
        weight(add_parameter("weight", Parameter(Shape{out_features, in_features}))),
        bias(add_parameter("bias", Parameter(Shape{out_features}))) {
    init::normal_(weight, 0, 1 / lr_multiplier);
    init::constant_(bias, bias_init);
  }
  Value forward(Value x) const override {
    x = linear(x, weight * (lr_multiplier / std::sqrt(weight.shape()[1])), bias * lr_multiplier);
    return lrelu ? leaky_relu(x, 0.2) * std::sqrt(2) : x;
  }
};

/// Latents (N, z_dim) to styles (N, num_ws, w_dim).
struct MappingNetwork : ModuleOf<Value(Value, double)> {
  int64_t num_ws;
  std::vector<FullyConnectedLayer*> layers;  ///< fc0, fc1 ...
  Parameter w_avg;
  MappingNetwork(int64_t z_dim, int64_t w_dim, int64_t num_ws, int num_layers = 8)
      : num_ws(num_ws), w_avg(add_buffer("w_avg", Parameter(Tensor({w_dim})))) {
    for (int i = 0; i < num_layers; ++i)
      layers.push_back(&child("fc" + std::to_string(i), FullyConnectedLayer(i ? w_dim : z_dim, w_dim, true, 0.01)));
  }
  Value forward(Value z, double truncation_psi) const override {
    Value w = z * rsqrt(mean(z * z, 1, true) + 1e-8);
    for (const FullyConnectedLayer* layer : layers) w = (*layer)(w);
    return repeat(unsqueeze(w_avg + (w - w_avg) * truncation_psi, 1), {1, num_ws, 1});
  }
};

/// A modulated convolution, noise, bias and LeakyReLU.
struct SynthesisLayer : ModuleOf<Value(Value, Value)> {
  int64_t up;
  double conv_clamp;
  FullyConnectedLayer& affine;
  Parameter weight, noise_strength, bias, resample_filter, noise_const;
  SynthesisLayer(int64_t in_channels, int64_t out_channels, int64_t w_dim, int64_t resolution, double conv_clamp,
                 const Tensor& f, int64_t up = 1)
      : up(up),
        conv_clamp(conv_clamp),
        affine(child("affine", FullyConnectedLayer(w_dim, in_channels, false, 1, 1))),
        weight(add_parameter("weight", Parameter(Shape{out_channels, in_channels, 3, 3}))),
        noise_strength(add_parameter("noise_strength", Parameter(Tensor(Shape{})))),
        bias(add_parameter("bias", Parameter(Tensor({out_channels})))),
        resample_filter(add_buffer("resample_filter", Parameter(f))),
        noise_const(add_buffer("noise_const", Parameter(Shape{resolution, resolution}))) {
    init::normal_(weight);
    init::normal_(noise_const);
  }
  Value forward(Value x, Value w) const override {
    x = modulated_conv2d(x, weight, affine(w), up, resample_filter);
    x = x + noise_const * noise_strength + reshape(bias, {-1, 1, 1});
    return clamp(leaky_relu(x, 0.2) * std::sqrt(2), -conv_clamp, conv_clamp);
  }
};

/// A modulated convolution that gives the picture.
struct ToRGBLayer : ModuleOf<Value(Value, Value)> {
  double conv_clamp;
  FullyConnectedLayer& affine;
  Parameter weight, bias;
  ToRGBLayer(int64_t in_channels, int64_t out_channels, int64_t w_dim, double conv_clamp)
      : conv_clamp(conv_clamp),
        affine(child("affine", FullyConnectedLayer(w_dim, in_channels, false, 1, 1))),
        weight(add_parameter("weight", Parameter(Shape{out_channels, in_channels, 1, 1}))),
        bias(add_parameter("bias", Parameter(Tensor({out_channels})))) {
    init::normal_(weight);
  }
  Value forward(Value x, Value w) const override {
    const Value styles = affine(w) / std::sqrt(x.size(1));
    x = modulated_conv2d(x, weight, styles, 1, {}, false) + reshape(bias, {-1, 1, 1});
    return clamp(x, -conv_clamp, conv_clamp);
  }
};

/// All of one resolution: what the block before gave, nothing for the first one, and the styles of its layers.
struct SynthesisBlock : ModuleOf<std::tuple<Value, Value>(std::optional<Value>, std::optional<Value>, Values)> {
  Parameter resample_filter;
  std::optional<Parameter> start;   ///< const
  SynthesisLayer* conv0 = nullptr;  ///< not in the first block
  SynthesisLayer* conv1;
  ToRGBLayer* torgb;
  SynthesisBlock(int64_t in_channels, int64_t out_channels, int64_t w_dim, int64_t resolution, int64_t img_channels,
                 double conv_clamp)
      : resample_filter(add_buffer("resample_filter", Parameter(setup_filter()))) {
    const Tensor f = setup_filter();
    if (in_channels == 0)
      init::normal_(start.emplace(add_parameter("const", Parameter(Shape{out_channels, resolution, resolution}))));
    else
      conv0 = &child("conv0", SynthesisLayer(in_channels, out_channels, w_dim, resolution, conv_clamp, f, 2));
    conv1 = &child("conv1", SynthesisLayer(out_channels, out_channels, w_dim, resolution, conv_clamp, f));
    torgb = &child("torgb", ToRGBLayer(out_channels, img_channels, w_dim, conv_clamp));
  }
  std::tuple<Value, Value> forward(std::optional<Value> x, std::optional<Value> img, Values ws) const override {
    x = conv0 ? (*conv0)(*x, ws[0]) : repeat(unsqueeze(*start, 0), {ws[0].size(0), 1, 1, 1});
    x = (*conv1)(*x, ws[ws.size() - 2]);
    const Value y = (*torgb)(*x, ws.back());
    return {*x, img ? upfirdn2d(*img, resample_filter * 4, 2) + y : y};
  }
};

/// Styles (N, num_ws, w_dim) to pictures.
struct SynthesisNetwork : Module {
  std::vector<SynthesisBlock*> blocks;  ///< b4, b8 ...
  SynthesisNetwork(int64_t w_dim, int64_t img_resolution, int64_t img_channels, int64_t channel_base,
                   int64_t channel_max, double conv_clamp) {
    int64_t in_channels = 0;
    for (int64_t resolution = 4; resolution <= img_resolution; resolution *= 2) {
      const int64_t channels = std::min(channel_base / resolution, channel_max);
      const SynthesisBlock block(in_channels, channels, w_dim, resolution, img_channels, conv_clamp);
      blocks.push_back(&child(std::string("b").append(std::to_string(resolution)), block));
      in_channels = channels;
    }
  }
  Value forward(Value ws) const override {
    std::optional<Value> x, img;
    for (int64_t i = 0; const SynthesisBlock* block : blocks) {
      Values own;
      for (int64_t j = std::max<int64_t>(0, 2 * i - 1), end = 2 * ++i; j < end; ++j) own.push_back(select(ws, 1, j));
      std::tie(x, img) = (*block)(x, img, own);
    }
    return *img;
  }
};

/// The whole generator; with channel_base = 16384 that of the published networks for 256 x 256.
struct Generator : Module {
  double truncation_psi = 1;  ///< below 1 styles are drawn towards their mean; members count as they are in each call
  SynthesisNetwork& synthesis;
  MappingNetwork& mapping;
  explicit Generator(int64_t z_dim = 512, int64_t w_dim = 512, int64_t img_resolution = 256, int64_t img_channels = 3,
                     int64_t channel_base = 16384, int64_t channel_max = 512)
      : synthesis(
            child("synthesis", SynthesisNetwork(w_dim, img_resolution, img_channels, channel_base, channel_max, 256))),
        mapping(child("mapping", MappingNetwork(z_dim, w_dim, 2 * std::ssize(synthesis.blocks)))) {}
  /// Latents (N, z_dim) to pictures (N, img_channels, img_resolution, img_resolution).
  Value forward(Value z) const override { return synthesis(mapping(z, truncation_psi)); }
};

}  // namespace upconv::examples::stylegan2
