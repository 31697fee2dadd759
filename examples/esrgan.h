#pragma once
// RRDBNet, the generator of ESRGAN and Real-ESRGAN (Wang et al. 2018, 2021): a colour picture in, the same at four
// times the height and width out. Keys are those of XPixelGroup/BasicSR: conv_first.weight, body.0.rdb1.conv1.weight
// ... conv_last.bias; RealESRGAN_x4plus.pth has them under the key "params_ema".
#include <upconv/upconv.h>

#include <string>
#include <vector>

namespace upconv::examples {

/// A convolution whose output is as large as its input.
[[nodiscard]] inline upconv::Conv2d conv3x3(int64_t in_channels, int64_t out_channels) {
  return upconv::Conv2d(in_channels, out_channels, 3, {.padding = 1});
}

/// Five convolutions, each of which reads its input and what those before it made of it.
struct ResidualDenseBlock : upconv::Module {
  std::vector<upconv::Conv2d> convs;  ///< conv1 to conv5
  upconv::LeakyReLU lrelu;            ///< after all of them but the last

  /// num_feat: channels of input and output; num_grow_ch: what each convolution but the last adds.
  ResidualDenseBlock(int64_t num_feat, int64_t num_grow_ch) : lrelu(0.2, true) {
    for (int64_t i = 0; i < 5; ++i)
      convs.push_back(
          child("conv" + std::to_string(i + 1), conv3x3(num_feat + i * num_grow_ch, i < 4 ? num_grow_ch : num_feat)));
    child("lrelu", lrelu);
  }

  upconv::Value forward(upconv::Value x) const override {
    upconv::Values parts = {x, lrelu(convs[0](x))};
    for (size_t i = 1; i < 4; ++i) parts.push_back(lrelu(convs[i](upconv::cat(parts, 1))));
    return convs[4](upconv::cat(parts, 1)) * 0.2 + x;
  }
};

/// A residual block of residual blocks.
struct RRDB : upconv::Module {
  ResidualDenseBlock& rdb1;  ///< the first block
  ResidualDenseBlock& rdb2;  ///< the second
  ResidualDenseBlock& rdb3;  ///< the third

  /// The arguments of each of them.
  RRDB(int64_t num_feat, int64_t num_grow_ch)
      : rdb1(child("rdb1", ResidualDenseBlock(num_feat, num_grow_ch))),
        rdb2(child("rdb2", ResidualDenseBlock(num_feat, num_grow_ch))),
        rdb3(child("rdb3", ResidualDenseBlock(num_feat, num_grow_ch))) {}

  upconv::Value forward(upconv::Value x) const override { return rdb3(rdb2(rdb1(x))) * 0.2 + x; }
};

/// The whole network.
struct RRDBNet : upconv::Module {
  upconv::Conv2d& conv_first;  ///< from a picture to num_feat channels
  upconv::Sequential& body;    ///< the blocks
  upconv::Conv2d& conv_body;   ///< after them
  upconv::Conv2d& conv_up1;    ///< at twice the size
  upconv::Conv2d& conv_up2;    ///< at four times the size
  upconv::Conv2d& conv_hr;     ///< after it
  upconv::Conv2d& conv_last;   ///< from num_feat channels to a picture
  upconv::LeakyReLU& lrelu;    ///< after the three before the last

  /// num_feat: channels between blocks; num_grow_ch: what each convolution within one adds.
  explicit RRDBNet(int64_t num_in_ch = 3, int64_t num_out_ch = 3, int64_t num_feat = 64, int64_t num_block = 23,
                   int64_t num_grow_ch = 32)
      : conv_first(child("conv_first", conv3x3(num_in_ch, num_feat))),
        body(child("body", blocks(num_feat, num_block, num_grow_ch))),
        conv_body(child("conv_body", conv3x3(num_feat, num_feat))),
        conv_up1(child("conv_up1", conv3x3(num_feat, num_feat))),
        conv_up2(child("conv_up2", conv3x3(num_feat, num_feat))),
        conv_hr(child("conv_hr", conv3x3(num_feat, num_feat))),
        conv_last(child("conv_last", conv3x3(num_feat, num_out_ch))),
        lrelu(child("lrelu", upconv::LeakyReLU(0.2, true))) {}

  /// Pictures (N, num_in_ch, H, W) to pictures (N, num_out_ch, 4 H, 4 W).
  upconv::Value forward(upconv::Value x) const override {
    upconv::Value y = conv_first(x);
    y = y + conv_body(body(y));
    y = lrelu(conv_up1(upconv::interpolate(y, {.scale_factor = 2})));
    y = lrelu(conv_up2(upconv::interpolate(y, {.scale_factor = 2})));
    return conv_last(lrelu(conv_hr(y)));
  }

 private:
  static upconv::Sequential blocks(int64_t num_feat, int64_t num_block, int64_t num_grow_ch) {
    upconv::Sequential all;
    for (int64_t i = 0; i < num_block; ++i) all.append(RRDB(num_feat, num_grow_ch));
    return all;
  }
};

}  // namespace upconv::examples
