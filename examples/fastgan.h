#pragma once
// FastGAN, the lightweight GAN (Liu et al. 2021): latents in, pictures of im_size and of 128 x 128 out. Keys are those
// of odegeasslbc/FastGAN-pytorch: init.init.0.weight_orig ... to_big.weight_v; its checkpoints have them under "g",
// with "module." before each name. Where Python draws noise at each call, each injection here keeps what it drew first.
#include <upconv/upconv.h>

#include <map>
#include <string>
#include <tuple>

namespace upconv::examples::fastgan {

/// A convolution without bias.
inline Conv2d conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t padding = 0) {
  return {in_channels, out_channels, kernel_size, {.padding = padding, .bias = false}};
}

/// One picture of noise for all channels.
struct NoiseInjection : Module {
  Parameter weight = add_parameter("weight", Parameter(Tensor({1})));
  Tensor noise;
  explicit NoiseInjection(int64_t size) : noise(randn({1, 1, size, size}, 0)) {}
  Value forward(Value feat) const override { return feat + weight * constant(noise); }
};

/// The first half of the channels by the sigmoid of the second.
struct Glu : Module {
  Value forward(Value feat) const override { return glu(feat, 1); }
};

/// Channels weighted by what is in a smaller picture.
struct SEBlock : ModuleOf<Value(Value, Value)> {
  Sequential& main;
  SEBlock(int64_t ch_in, int64_t ch_out)
      : main(child("main", sequential(AdaptiveAvgPool2d(4), conv2d(ch_in, ch_out, 4), SiLU(), conv2d(ch_out, ch_out, 1),
                                      Sigmoid()))) {}
  Value forward(Value feat_small, Value feat_big) const override { return feat_big * main(feat_small); }
};

/// Latents to 4 x 4.
struct InitLayer : Module {
  Sequential& init;
  InitLayer(int64_t nz, int64_t channel)
      : init(child("init",
                   sequential(ConvTranspose2d(nz, channel * 2, 4, {.bias = false}), BatchNorm2d(channel * 2), Glu()))) {
  }
  Value forward(Value noise) const override { return init(view(noise, {noise.size(0), -1, 1, 1})); }
};

/// Twice the height and width.
inline Sequential up_block(int64_t in_planes, int64_t out_planes) {
  return sequential(Upsample({.scale_factor = 2}), conv2d(in_planes, out_planes * 2, 3, 1), BatchNorm2d(out_planes * 2),
                    Glu());
}

/// The same with noise and one convolution more; size: the height and width of the result.
inline Sequential up_block_comp(int64_t in_planes, int64_t out_planes, int64_t size) {
  return sequential(Upsample({.scale_factor = 2}), conv2d(in_planes, out_planes * 2, 3, 1), NoiseInjection(size),
                    BatchNorm2d(out_planes * 2), Glu(), conv2d(out_planes, out_planes * 2, 3, 1), NoiseInjection(size),
                    BatchNorm2d(out_planes * 2), Glu());
}

/// The whole generator. im_size: 128, 256, 512 or 1024.
struct Generator : ModuleOf<std::tuple<Value, Value>(Value)> {
  int64_t im_size;
  InitLayer* init;
  std::map<int64_t, Sequential*> feat;  ///< by the height and width of their results
  std::map<int64_t, SEBlock*> se;
  Conv2d *to_128, *to_big;
  explicit Generator(int64_t ngf = 64, int64_t nz = 256, int64_t nc = 3, int64_t im_size = 256) : im_size(im_size) {
    std::map<int64_t, int64_t> nfc = {{4, ngf * 16}, {8, ngf * 8},   {16, ngf * 4},  {32, ngf * 2},  {64, ngf * 2},
                                      {128, ngf},    {256, ngf / 2}, {512, ngf / 4}, {1024, ngf / 8}};
    init = &child("init", InitLayer(nz, nfc[4]));
    for (int64_t size = 8; size <= im_size; size *= 2) {
      const std::string name = std::to_string(size);
      const bool comp = size == 8 || size == 32 || size == 128 || size == 512;
      feat[size] = &child("feat_" + name,
                          comp ? up_block_comp(nfc[size / 2], nfc[size], size) : up_block(nfc[size / 2], nfc[size]));
      if (size >= 64 && size <= 512) se[size] = &child("se_" + name, SEBlock(nfc[size / 16], nfc[size]));
    }
    to_128 = &child("to_128", conv2d(nfc[128], nc, 1));
    to_big = &child("to_big", conv2d(nfc[im_size], nc, 3, 1));
  }
  /// Latents (N, nz) to pictures (N, nc, im_size, im_size) and (N, nc, 128, 128), within [-1, 1] where im_size is 1024.
  std::tuple<Value, Value> forward(Value z) const override {
    std::map<int64_t, Value> feats = {{4, (*init)(z)}};
    for (int64_t size = 8; size <= im_size; size *= 2) {
      feats[size] = (*feat.at(size))(feats[size / 2]);
      if (se.contains(size)) feats[size] = (*se.at(size))(feats[size / 16], feats[size]);
    }
    const Value small = (*to_128)(feats[128]), big = (*to_big)(feats[im_size]);
    return im_size == 1024 ? std::tuple(tanh(big), tanh(small)) : std::tuple(big, small);
  }
};

}  // namespace upconv::examples::fastgan
