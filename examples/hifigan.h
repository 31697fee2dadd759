#pragma once
// HiFi-GAN's generator (Kong, Kim, Bae 2020): mel spectrograms in, sound within [-1, 1] out. Keys are those of
// jik876/hifi-gan: conv_pre.weight_v, ups.0.weight_g, resblocks.0.convs1.0.bias ... conv_post.bias; weight norm is
// folded as they are loaded, and is not there after remove_weight_norm(). Its files, g_02500000, have them under the
// key "generator".
#include <upconv/upconv.h>

#include <vector>

namespace upconv::examples {

/// The numbers of a configuration, config_v1.json and its like.
struct HifiganConfig {
  int resblock = 1;                                    ///< which kind of block: two convolutions in a row, or one
  std::vector<int64_t> upsample_rates = {8, 8, 2, 2};  ///< how many times longer each upsampling makes its input
  std::vector<int64_t> upsample_kernel_sizes = {16, 16, 4, 4};  ///< of the transposed convolutions
  int64_t upsample_initial_channel = 512;                       ///< before the first; each halves them
  std::vector<int64_t> resblock_kernel_sizes = {3, 7, 11};      ///< of the blocks behind each upsampling
  std::vector<std::vector<int64_t>> resblock_dilation_sizes = {{1, 3, 5}, {1, 3, 5}, {1, 3, 5}};  ///< within each block
  int64_t num_mels = 80;  ///< bins of a spectrogram

  /// config_v1.json: the best sound.
  static HifiganConfig v1() { return {}; }
  /// config_v2.json: the same with a quarter of the channels.
  static HifiganConfig v2() { return {.upsample_initial_channel = 128}; }
  /// config_v3.json: fewer and simpler blocks.
  static HifiganConfig v3() {
    return {.resblock = 2,
            .upsample_rates = {8, 8, 4},
            .upsample_kernel_sizes = {16, 16, 8},
            .upsample_initial_channel = 256,
            .resblock_kernel_sizes = {3, 5, 7},
            .resblock_dilation_sizes = {{1, 2}, {2, 6}, {3, 12}}};
  }
};

/// Convolutions whose outputs are as long as their inputs, one for each dilation.
[[nodiscard]] inline upconv::ModuleList<upconv::Conv1d> dilated(int64_t channels, int64_t kernel_size,
                                                                const std::vector<int64_t>& dilations) {
  upconv::ModuleList<upconv::Conv1d> convs;
  for (int64_t dilation : dilations)
    convs.append(upconv::Conv1d(channels, channels, kernel_size,
                                {.padding = dilation * (kernel_size - 1) / 2, .dilation = dilation}));
  return convs;
}

/// Residual pairs of convolutions: one that looks far, and one of neighbours.
struct HifiganResBlock1 : upconv::Module {
  upconv::ModuleList<upconv::Conv1d>& convs1;  ///< the dilated ones
  upconv::ModuleList<upconv::Conv1d>& convs2;  ///< those after them

  /// channels: of input and output; dilation: of each pair's first.
  HifiganResBlock1(int64_t channels, int64_t kernel_size, const std::vector<int64_t>& dilation)
      : convs1(child("convs1", dilated(channels, kernel_size, dilation))),
        convs2(child("convs2", dilated(channels, kernel_size, std::vector<int64_t>(dilation.size(), 1)))) {}

  upconv::Value forward(upconv::Value x) const override {
    for (size_t i = 0; i < convs1.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      x = convs2[at](upconv::leaky_relu(convs1[at](upconv::leaky_relu(x, 0.1)), 0.1)) + x;
    }
    return x;
  }
};

/// Residual convolutions.
struct HifiganResBlock2 : upconv::Module {
  upconv::ModuleList<upconv::Conv1d>& convs;  ///< dilated

  /// channels: of input and output; dilation: of each.
  HifiganResBlock2(int64_t channels, int64_t kernel_size, const std::vector<int64_t>& dilation)
      : convs(child("convs", dilated(channels, kernel_size, dilation))) {}

  upconv::Value forward(upconv::Value x) const override {
    for (const upconv::Conv1d& conv : convs) x = conv(upconv::leaky_relu(x, 0.1)) + x;
    return x;
  }
};

/// The whole generator.
struct Hifigan : upconv::Module {
  upconv::Conv1d& conv_pre;                          ///< from mel bins
  upconv::ModuleList<upconv::ConvTranspose1d>& ups;  ///< upsamplings
  upconv::ModuleList<upconv::Module>& resblocks;     ///< as many behind each as there are kernel sizes
  upconv::Conv1d& conv_post;                         ///< to sound

  /// HifiganConfig::v1(), v2(), v3(), or another one.
  explicit Hifigan(const HifiganConfig& h = HifiganConfig::v1())
      : conv_pre(child("conv_pre", upconv::Conv1d(h.num_mels, h.upsample_initial_channel, 7, {.padding = 3}))),
        ups(child("ups", upconv::ModuleList<upconv::ConvTranspose1d>())),
        resblocks(child("resblocks", upconv::ModuleList<upconv::Module>())),
        conv_post(child("conv_post",
                        upconv::Conv1d(h.upsample_initial_channel >> h.upsample_rates.size(), 1, 7, {.padding = 3}))) {
    int64_t channels = h.upsample_initial_channel;
    for (size_t i = 0; i < h.upsample_rates.size(); ++i, channels /= 2) {
      const int64_t rate = h.upsample_rates[i], kernel = h.upsample_kernel_sizes[i];
      ups.append(
          upconv::ConvTranspose1d(channels, channels / 2, kernel, {.stride = rate, .padding = (kernel - rate) / 2}));
      for (size_t j = 0; j < h.resblock_kernel_sizes.size(); ++j) {
        const int64_t size = h.resblock_kernel_sizes[j];
        if (h.resblock == 1)
          resblocks.append(HifiganResBlock1(channels / 2, size, h.resblock_dilation_sizes[j]));
        else
          resblocks.append(HifiganResBlock2(channels / 2, size, h.resblock_dilation_sizes[j]));
      }
    }
  }

  /// Spectrograms (N, num_mels, L) to sound (N, 1, L times the product of all rates).
  upconv::Value forward(upconv::Value x) const override {
    x = conv_pre(x);
    const auto kernels = static_cast<int64_t>(resblocks.size() / ups.size());
    for (int64_t i = 0; i < static_cast<int64_t>(ups.size()); ++i) {
      x = ups[i](upconv::leaky_relu(x, 0.1));
      upconv::Value sum = resblocks[i * kernels](x);
      for (int64_t j = 1; j < kernels; ++j) sum += resblocks[i * kernels + j](x);
      x = sum / static_cast<double>(kernels);
    }
    return upconv::tanh(conv_post(upconv::leaky_relu(x)));
  }
};

}  // namespace upconv::examples
