#pragma once
// SNGAN (Miyato et al. 2018) for 32 x 32: latents in, pictures within [-1, 1] out. Keys are those of the ResNet
// generator in kwotsin/mimicry: l1.weight, block2.c1.weight ... c5.bias; its checkpoints have them under the key
// "model_state_dict".
#include <upconv/upconv.h>

namespace upconv::examples::sngan {

/// Twice the height and width.
inline Value upsample(Value x) { return interpolate(x, {.scale_factor = 2, .mode = "bilinear"}); }

/// A residual block that doubles the height and width.
struct GBlock : Module {
  Conv2d &c1, &c2;
  BatchNorm2d &b1, &b2;
  Conv2d& c_sc;
  GBlock(int64_t in_channels, int64_t out_channels)
      : c1(child("c1", Conv2d(in_channels, out_channels, 3, {.padding = 1}))),
        c2(child("c2", Conv2d(out_channels, out_channels, 3, {.padding = 1}))),
        b1(child("b1", BatchNorm2d(in_channels))),
        b2(child("b2", BatchNorm2d(out_channels))),
        c_sc(child("c_sc", Conv2d(in_channels, out_channels, 1))) {}
  Value forward(Value x) const override {
    const Value h = c1(upsample(relu(b1(x))));
    return c2(relu(b2(h))) + c_sc(upsample(x));
  }
};

/// The whole generator.
struct Generator : Module {
  Linear& l1;
  GBlock &block2, &block3, &block4;
  BatchNorm2d& b5;
  Conv2d& c5;
  explicit Generator(int64_t nz = 128, int64_t ngf = 256)
      : l1(child("l1", Linear(nz, 16 * ngf))),
        block2(child("block2", GBlock(ngf, ngf))),
        block3(child("block3", GBlock(ngf, ngf))),
        block4(child("block4", GBlock(ngf, ngf))),
        b5(child("b5", BatchNorm2d(ngf))),
        c5(child("c5", Conv2d(ngf, 3, 3, {.padding = 1}))) {}
  /// Latents (N, nz) to pictures (N, 3, 32, 32).
  Value forward(Value x) const override {
    Value h = view(l1(x), {x.size(0), -1, 4, 4});
    h = block4(block3(block2(h)));
    return tanh(c5(relu(b5(h))));
  }
};

}  // namespace upconv::examples::sngan
