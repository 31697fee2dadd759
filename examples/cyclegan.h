#pragma once
// The generator of CycleGAN (Zhu, Park, Isola, Efros 2017) as in pytorch-CycleGAN-and-pix2pix, resnet_9blocks: a
// picture in, another one out, both within [-1, 1]. Keys of its state_dict: model.1.weight ...
// model.10.conv_block.1.weight ... model.26.bias. The authors' old checkpoints also have running statistics, which
// nothing reads: load those with {.ignore = {"*.running_mean", "*.running_var"}}.
#include <upconv/upconv.h>

namespace upconv::examples {

/// Two convolutions of reflected pictures, and the input added to what they say.
struct ResnetBlock : upconv::Module {
  upconv::Sequential& conv_block;  ///< both of them

  /// dim: channels of the picture.
  explicit ResnetBlock(int64_t dim)
      : conv_block(child("conv_block",
                         upconv::sequential(upconv::ReflectionPad2d(1), upconv::Conv2d(dim, dim, 3),
                                            upconv::InstanceNorm2d(dim), upconv::ReLU(true), upconv::ReflectionPad2d(1),
                                            upconv::Conv2d(dim, dim, 3), upconv::InstanceNorm2d(dim)))) {}

  upconv::Value forward(upconv::Value x) const override { return x + conv_block(x); }
};

/// A translator of pictures.
struct Cyclegan : upconv::Module {
  upconv::Sequential model;  ///< all layers

  /// input_nc, output_nc: channels of the pictures; ngf: channels of the first layer; n_blocks: of ResnetBlocks, which
  /// see a quarter of the height and width.
  explicit Cyclegan(int64_t input_nc = 3, int64_t output_nc = 3, int64_t ngf = 64, int64_t n_blocks = 9) {
    upconv::Sequential layers = upconv::sequential(upconv::ReflectionPad2d(3), upconv::Conv2d(input_nc, ngf, 7));
    normalized(layers, ngf);
    for (const int64_t nc : {ngf, ngf * 2}) {
      layers.append(upconv::Conv2d(nc, nc * 2, 3, {.stride = 2, .padding = 1}));
      normalized(layers, nc * 2);
    }
    for (int64_t i = 0; i < n_blocks; ++i) layers.append(ResnetBlock(ngf * 4));
    for (const int64_t nc : {ngf * 2, ngf}) {
      layers.append(upconv::ConvTranspose2d(nc * 2, nc, 3, {.stride = 2, .padding = 1, .output_padding = 1}));
      normalized(layers, nc);
    }
    layers.append(upconv::ReflectionPad2d(3)).append(upconv::Conv2d(ngf, output_nc, 7)).append(upconv::Tanh());
    model = child("model", layers);
  }

  /// Pictures (N, input_nc, H, W) to (N, output_nc, H, W); H and W are multiples of 4, and at least 8.
  upconv::Value forward(upconv::Value x) const override { return model(x); }

 private:
  static void normalized(upconv::Sequential& layers, int64_t nc) {
    layers.append(upconv::InstanceNorm2d(nc)).append(upconv::ReLU(true));
  }
};

}  // namespace upconv::examples
