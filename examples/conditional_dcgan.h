#pragma once
// A conditional DCGAN: normal numbers and a class in, a picture of that class within [-1, 1] out. Keys are those of the
// generator of ACGAN in eriklindernoren/PyTorch-GAN, its DCGAN with classes: label_emb.weight, l1.0.weight,
// conv_blocks.0.weight ... conv_blocks.9.bias.
#include <upconv/upconv.h>

namespace upconv::examples {

/// A generator of pictures of a class.
struct ConditionalDcgan : upconv::ModuleOf<upconv::Value(upconv::Value, upconv::Value)> {
  int64_t init_size;                ///< height and width of the smallest picture
  upconv::Embedding& label_emb;     ///< what multiplies a latent for each class
  upconv::Sequential& l1;           ///< from a latent to the smallest picture
  upconv::Sequential& conv_blocks;  ///< from there to the result

  /// latent_dim: length of a latent; img_size: height and width of the picture, a multiple of 4; width: channels of the
  /// smallest picture.
  explicit ConditionalDcgan(int64_t latent_dim = 100, int64_t n_classes = 10, int64_t img_size = 32,
                            int64_t channels = 1, int64_t width = 128)
      : init_size(img_size / 4),
        label_emb(child("label_emb", upconv::Embedding(n_classes, latent_dim))),
        l1(child("l1", upconv::sequential(upconv::Linear(latent_dim, width * init_size * init_size)))),
        conv_blocks(child("conv_blocks",
                          upconv::sequential(
                              upconv::BatchNorm2d(width), upconv::Upsample({.scale_factor = 2}),  // 16 x 16
                              upconv::Conv2d(width, width, 3, {.padding = 1}), upconv::BatchNorm2d(width, {.eps = 0.8}),
                              upconv::LeakyReLU(0.2, true), upconv::Upsample({.scale_factor = 2}),  // 32 x 32
                              upconv::Conv2d(width, width / 2, 3, {.padding = 1}),
                              upconv::BatchNorm2d(width / 2, {.eps = 0.8}), upconv::LeakyReLU(0.2, true),
                              upconv::Conv2d(width / 2, channels, 3, {.padding = 1}), upconv::Tanh()))) {}

  /// Latents (N, latent_dim) and classes (N), int64, to pictures (N, channels, img_size, img_size).
  upconv::Value forward(upconv::Value noise, upconv::Value labels) const override {
    const upconv::Value x = l1(label_emb(labels) * noise);
    return conv_blocks(upconv::view(x, {x.size(0), -1, init_size, init_size}));
  }
};

}  // namespace upconv::examples
