#pragma once
// The decoder of a convolutional VAE (Kingma, Welling 2013): 128 normal numbers in, a 64 x 64 colour picture within
// [-1, 1] out. Keys are those of VanillaVAE in AntixK/PyTorch-VAE: decoder_input.weight, decoder.0.0.weight ...
// final_layer.3.bias. A checkpoint of the whole model has the encoder too: ignore encoder.*, fc_mu.* and fc_var.*.
#include <upconv/upconv.h>

#include <vector>

namespace upconv::examples {

/// A decoder of latents.
struct VaeDecoder : upconv::Module {
  upconv::Linear& decoder_input;    ///< from a latent to the smallest picture
  upconv::Sequential& decoder;      ///< doublings
  upconv::Sequential& final_layer;  ///< the last doubling, and the picture

  /// latent_dim: length of a latent; hidden_dims: channels from the smallest picture to the largest.
  explicit VaeDecoder(int64_t latent_dim = 128, std::vector<int64_t> hidden_dims = {512, 256, 128, 64, 32})
      : decoder_input(child("decoder_input", upconv::Linear(latent_dim, hidden_dims.front() * 4))),
        decoder(child("decoder", blocks(hidden_dims))),
        final_layer(child("final_layer", up(hidden_dims.back(), hidden_dims.back()))) {
    final_layer.append(upconv::Conv2d(hidden_dims.back(), 3, 3, {.padding = 1})).append(upconv::Tanh());
  }

  /// Latents (N, latent_dim) to pictures (N, 3, 64, 64).
  upconv::Value forward(upconv::Value z) const override {
    const upconv::Value x = decoder_input(z);
    return final_layer(decoder(upconv::view(x, {x.size(0), -1, 2, 2})));
  }

 private:
  static upconv::Sequential up(int64_t in_channels, int64_t out_channels) {
    return upconv::sequential(
        upconv::ConvTranspose2d(in_channels, out_channels, 3, {.stride = 2, .padding = 1, .output_padding = 1}),
        upconv::BatchNorm2d(out_channels), upconv::LeakyReLU());
  }

  static upconv::Sequential blocks(const std::vector<int64_t>& dims) {
    upconv::Sequential all;
    for (size_t i = 1; i < dims.size(); ++i) all.append(up(dims[i - 1], dims[i]));
    return all;
  }
};

}  // namespace upconv::examples
