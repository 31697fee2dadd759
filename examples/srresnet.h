#pragma once
// SRResNet, the generator of SRGAN (Ledig et al. 2017): a picture within [0, 1] in, a larger one within [0, 1] out.
// Keys are those of leftthomas/SRGAN: block1.0.weight ... block8.2.bias.
#include <upconv/upconv.h>

#include <string>
#include <vector>

namespace upconv::examples::srresnet {

/// x + two convolutions of it.
struct ResidualBlock : Module {
  Conv2d& conv1;
  BatchNorm2d& bn1;
  PReLU& prelu;
  Conv2d& conv2;
  BatchNorm2d& bn2;
  explicit ResidualBlock(int64_t channels)
      : conv1(child("conv1", Conv2d(channels, channels, 3, {.padding = 1}))),
        bn1(child("bn1", BatchNorm2d(channels))),
        prelu(child("prelu", PReLU())),
        conv2(child("conv2", Conv2d(channels, channels, 3, {.padding = 1}))),
        bn2(child("bn2", BatchNorm2d(channels))) {}
  Value forward(Value x) const override { return x + bn2(conv2(prelu(bn1(conv1(x))))); }
};

/// Twice the height and width.
struct UpsampleBlock : Module {
  Conv2d& conv;
  PReLU& prelu;
  explicit UpsampleBlock(int64_t channels)
      : conv(child("conv", Conv2d(channels, channels * 4, 3, {.padding = 1}))), prelu(child("prelu", PReLU())) {}
  Value forward(Value x) const override { return prelu(pixel_shuffle(conv(x), 2)); }
};

/// The whole generator; the picture becomes 2^doublings times as large.
struct Generator : Module {
  Sequential *block1, *block7, *block8;
  std::vector<ResidualBlock*> blocks;  ///< block2 to block6
  explicit Generator(int doublings = 2, int64_t channels = 64) {
    block1 = &child("block1", sequential(Conv2d(3, channels, 9, {.padding = 4}), PReLU()));
    for (int i = 2; i < 7; ++i) blocks.push_back(&child("block" + std::to_string(i), ResidualBlock(channels)));
    block7 = &child("block7", sequential(Conv2d(channels, channels, 3, {.padding = 1}), BatchNorm2d(channels)));
    block8 = &child("block8", Sequential());
    for (int i = 0; i < doublings; ++i) block8->append(UpsampleBlock(channels));
    block8->append(Conv2d(channels, 3, 9, {.padding = 4}));
  }
  /// Pictures (N, 3, H, W) to (N, 3, H * 2^doublings, W * 2^doublings).
  Value forward(Value x) const override {
    const Value first = (*block1)(x);
    x = first;
    for (const ResidualBlock* block : blocks) x = (*block)(x);
    return (tanh((*block8)(first + (*block7)(x))) + 1) / 2;
  }
};

}  // namespace upconv::examples::srresnet
