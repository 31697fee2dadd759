#pragma once
// The generator of the cGAN with projection discriminator (Miyato, Koyama 2018) for 32 x 32: latents and classes in,
// pictures within [-1, 1] out. Keys are those of kwotsin/mimicry: l1.weight, block2.c1.weight ... c5.bias; its
// checkpoints have them under the key "model_state_dict".
#include <upconv/upconv.h>

namespace upconv::examples::cgan_pd {

/// Twice the height and width.
inline Value upsample(Value x) { return interpolate(x, {.scale_factor = 2, .mode = "bilinear"}); }

/// BatchNorm2d with factors and shifts of each class.
struct ConditionalBatchNorm2d : ModuleOf<Value(Value, Value)> {
  BatchNorm2d& bn;
  Embedding& embed;
  ConditionalBatchNorm2d(int64_t num_features, int64_t num_classes)
      : bn(child("bn", BatchNorm2d(num_features, {.affine = false}))),
        embed(child("embed", Embedding(num_classes, num_features * 2))) {}
  Value forward(Value x, Value y) const override {
    const Values factors = chunk(view(embed(y), {x.size(0), -1, 1, 1}), 2, 1);
    return factors[0] * bn(x) + factors[1];
  }
};

/// A residual block that doubles the height and width.
struct GBlock : ModuleOf<Value(Value, Value)> {
  Conv2d &c1, &c2;
  ConditionalBatchNorm2d &b1, &b2;
  Conv2d& c_sc;
  GBlock(int64_t in_channels, int64_t out_channels, int64_t num_classes)
      : c1(child("c1", Conv2d(in_channels, out_channels, 3, {.padding = 1}))),
        c2(child("c2", Conv2d(out_channels, out_channels, 3, {.padding = 1}))),
        b1(child("b1", ConditionalBatchNorm2d(in_channels, num_classes))),
        b2(child("b2", ConditionalBatchNorm2d(out_channels, num_classes))),
        c_sc(child("c_sc", Conv2d(in_channels, out_channels, 1))) {}
  Value forward(Value x, Value y) const override {
    const Value h = c1(upsample(relu(b1(x, y))));
    return c2(relu(b2(h, y))) + c_sc(upsample(x));
  }
};

/// The whole generator.
struct Generator : ModuleOf<Value(Value, Value)> {
  Linear& l1;
  GBlock &block2, &block3, &block4;
  BatchNorm2d& b5;
  Conv2d& c5;
  explicit Generator(int64_t num_classes = 10, int64_t nz = 128, int64_t ngf = 256)
      : l1(child("l1", Linear(nz, 16 * ngf))),
        block2(child("block2", GBlock(ngf, ngf, num_classes))),
        block3(child("block3", GBlock(ngf, ngf, num_classes))),
        block4(child("block4", GBlock(ngf, ngf, num_classes))),
        b5(child("b5", BatchNorm2d(ngf))),
        c5(child("c5", Conv2d(ngf, 3, 3, {.padding = 1}))) {}
  /// Latents (N, nz) and classes (N), int64, to pictures (N, 3, 32, 32).
  Value forward(Value x, Value y) const override {
    Value h = view(l1(x), {x.size(0), -1, 4, 4});
    h = block4(block3(block2(h, y), y), y);
    return tanh(c5(relu(b5(h))));
  }
};

}  // namespace upconv::examples::cgan_pd
