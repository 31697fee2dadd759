#pragma once
// The generator of DCGAN (Radford, Metz, Chintala 2015) as in pytorch/examples: 100 normal numbers in, a 64 x 64 colour
// picture within [-1, 1] out. Keys of its state_dict: main.0.weight ... main.10.num_batches_tracked.
#include <upconv/upconv.h>

/// Networks as their authors trained them: their parameters have the names that stand in the files of those.
namespace upconv::examples {

/// A generator of pictures.
struct Dcgan : upconv::Module {
  upconv::Sequential& main;  ///< all layers

  /// nz: length of a latent; ngf: channels before the last layer; nc: channels of the picture.
  explicit Dcgan(int64_t nz = 100, int64_t ngf = 64, int64_t nc = 3)
      : main(child(
            "main",
            upconv::sequential(
                upconv::ConvTranspose2d(nz, ngf * 8, 4, {.bias = false}),  // 4 x 4
                upconv::BatchNorm2d(ngf * 8), upconv::ReLU(true),
                upconv::ConvTranspose2d(ngf * 8, ngf * 4, 4, {.stride = 2, .padding = 1, .bias = false}),  // 8 x 8
                upconv::BatchNorm2d(ngf * 4), upconv::ReLU(true),
                upconv::ConvTranspose2d(ngf * 4, ngf * 2, 4, {.stride = 2, .padding = 1, .bias = false}),  // 16 x 16
                upconv::BatchNorm2d(ngf * 2), upconv::ReLU(true),
                upconv::ConvTranspose2d(ngf * 2, ngf, 4, {.stride = 2, .padding = 1, .bias = false}),  // 32 x 32
                upconv::BatchNorm2d(ngf), upconv::ReLU(true),
                upconv::ConvTranspose2d(ngf, nc, 4, {.stride = 2, .padding = 1, .bias = false}),  // 64 x 64
                upconv::Tanh()))) {}

  /// Latents (N, nz, 1, 1) to pictures (N, nc, 64, 64).
  upconv::Value forward(upconv::Value z) const override { return main(z); }
};

}  // namespace upconv::examples
