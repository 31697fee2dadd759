#pragma once
// The generator of pix2pix (Isola, Zhu, Zhou, Efros 2016) as in pytorch-CycleGAN-and-pix2pix, unet_256: a picture in,
// another one out, both within [-1, 1]. Keys of its state_dict: model.model.0.weight, model.model.1.model.1.weight ...
// BatchNorm and Dropout are those of PyTorch's eval(). The authors' test.py leaves the network in training mode unless
// it is given --eval: then BatchNorm takes the statistics of the picture, and Dropout adds noise.
#include <upconv/upconv.h>

namespace upconv::examples {

/// One level of the U: a convolution that halves the picture, what lies below, a transposed one that doubles it again.
/// Below the outermost level the input comes with it, after the LeakyReLU, which overwrites it.
struct UnetSkipConnectionBlock : upconv::Module {
  bool outermost;            ///< whether it is the largest level
  upconv::Sequential model;  ///< its layers, with the level below among them

  /// A level of `layers`.
  UnetSkipConnectionBlock(bool outermost, upconv::Sequential layers)
      : outermost(outermost), model(child("model", std::move(layers))) {}

  upconv::Value forward(upconv::Value x) const override { return outermost ? model(x) : upconv::cat({x, model(x)}, 1); }
};

/// The whole U.
struct Pix2pix : upconv::Module {
  UnetSkipConnectionBlock model;  ///< the outermost level

  /// input_nc, output_nc: channels of the pictures; num_downs: how often they are halved, at least 5; ngf: channels
  /// after the first halving.
  explicit Pix2pix(int64_t input_nc = 3, int64_t output_nc = 3, int64_t num_downs = 8, int64_t ngf = 64,
                   bool use_dropout = false)
      : model(child("model", unet(input_nc, output_nc, num_downs, ngf, use_dropout))) {}

  /// Pictures (N, input_nc, H, W) to (N, output_nc, H, W); H and W are multiples of 2^num_downs.
  upconv::Value forward(upconv::Value x) const override { return model(x); }

 private:
  static upconv::Conv2d down(int64_t in, int64_t out) {
    return {in, out, 4, {.stride = 2, .padding = 1, .bias = false}};
  }
  static upconv::ConvTranspose2d up(int64_t in, int64_t out, bool bias = false) {
    return {in, out, 4, {.stride = 2, .padding = 1, .bias = bias}};
  }

  static UnetSkipConnectionBlock innermost(int64_t outer, int64_t inner) {
    return {false, upconv::sequential(upconv::LeakyReLU(0.2, true), down(outer, inner), upconv::ReLU(true),
                                      up(inner, outer), upconv::BatchNorm2d(outer))};
  }
  static UnetSkipConnectionBlock around(UnetSkipConnectionBlock below, int64_t outer, int64_t inner, bool dropout) {
    upconv::Sequential layers =
        upconv::sequential(upconv::LeakyReLU(0.2, true), down(outer, inner), upconv::BatchNorm2d(inner), below,
                           upconv::ReLU(true), up(inner * 2, outer), upconv::BatchNorm2d(outer));
    if (dropout) layers.append(upconv::Dropout(0.5));
    return {false, layers};
  }

  static UnetSkipConnectionBlock unet(int64_t input_nc, int64_t output_nc, int64_t num_downs, int64_t ngf,
                                      bool use_dropout) {
    UnetSkipConnectionBlock block = innermost(ngf * 8, ngf * 8);
    for (int64_t i = 5; i < num_downs; ++i) block = around(block, ngf * 8, ngf * 8, use_dropout);
    for (const int64_t outer : {ngf * 4, ngf * 2, ngf}) block = around(block, outer, outer * 2, false);
    return {true, upconv::sequential(down(input_nc, ngf), block, upconv::ReLU(true), up(ngf * 2, output_nc, true),
                                     upconv::Tanh())};
  }
};

}  // namespace upconv::examples
