#pragma once
// The decoder of TAESD, the tiny autoencoder for Stable Diffusion's latents: 4 channels in, a colour picture of eight
// times the height and width out, within [0, 1] but for what the caller clamps. Keys are those of taesd_decoder.pth
// from madebyollin/taesd: 1.weight, 3.conv.0.weight ... 18.bias.
#include <upconv/upconv.h>

namespace upconv::examples {

/// Values softly within [-3, 3].
struct TaesdClamp : upconv::Module {
  upconv::Value forward(upconv::Value x) const override { return upconv::tanh(x / 3) * 3; }
};

/// relu(conv(x) + x).
struct TaesdBlock : upconv::Module {
  upconv::Sequential& conv;  ///< three convolutions
  upconv::Identity& skip;    ///< what is added to them
  upconv::ReLU& fuse;        ///< of the sum

  /// channels: of the picture.
  explicit TaesdBlock(int64_t channels)
      : conv(child("conv", upconv::sequential(upconv::Conv2d(channels, channels, 3, {.padding = 1}), upconv::ReLU(),
                                              upconv::Conv2d(channels, channels, 3, {.padding = 1}), upconv::ReLU(),
                                              upconv::Conv2d(channels, channels, 3, {.padding = 1})))),
        skip(child("skip", upconv::Identity())),
        fuse(child("fuse", upconv::ReLU())) {}

  upconv::Value forward(upconv::Value x) const override { return fuse(conv(x) + skip(x)); }
};

/// Latents (N, latent_channels, H, W) to pictures (N, 3, 8 H, 8 W); 16 latent_channels for Stable Diffusion 3 and Flux.
[[nodiscard]] inline upconv::Sequential taesd_decoder(int64_t latent_channels = 4, int64_t width = 64) {
  upconv::Sequential all =
      upconv::sequential(TaesdClamp(), upconv::Conv2d(latent_channels, width, 3, {.padding = 1}), upconv::ReLU());
  for (int doubling = 0; doubling < 3; ++doubling) {
    for (int block = 0; block < 3; ++block) all.append(TaesdBlock(width));
    all.append(upconv::Upsample({.scale_factor = 2}));
    all.append(upconv::Conv2d(width, width, 3, {.padding = 1, .bias = false}));
  }
  all.append(TaesdBlock(width));
  all.append(upconv::Conv2d(width, 3, 3, {.padding = 1}));
  return all;
}

}  // namespace upconv::examples
