#pragma once
// SAGAN (Zhang et al. 2019): latents and classes in, pictures (N, 3, 128, 128) within [-1, 1] out. Keys are those of
// voletiv/self-attention-GAN-pytorch: snlinear0.weight_orig ... snconv2d1.bias; load() folds the spectral norm.
#include <upconv/upconv.h>

namespace upconv::examples::sagan {

/// A convolution whose output is as large as its input.
inline Conv2d snconv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size) {
  return {in_channels, out_channels, kernel_size, {.padding = kernel_size / 2}};
}

/// Every pixel sees a quarter of the others.
struct SelfAttn : Module {
  Conv2d &theta, &phi, &g, &attn;
  Parameter sigma = add_parameter("sigma", Parameter(Tensor({1})));
  explicit SelfAttn(int64_t ch)
      : theta(child("snconv1x1_theta", snconv2d(ch, ch / 8, 1))),
        phi(child("snconv1x1_phi", snconv2d(ch, ch / 8, 1))),
        g(child("snconv1x1_g", snconv2d(ch, ch / 2, 1))),
        attn(child("snconv1x1_attn", snconv2d(ch / 2, ch, 1))) {}
  Value forward(Value x) const override {
    const int64_t n = x.size(0), ch = x.size(1), h = x.size(2), w = x.size(3);
    const Value queries = view(theta(x), {n, ch / 8, h * w});
    const Value keys = view(max_pool2d(phi(x), 2), {n, ch / 8, h * w / 4});
    const Value values = view(max_pool2d(g(x), 2), {n, ch / 2, h * w / 4});
    const Value seen = softmax(matmul(transpose(queries, 1, 2), keys), -1);
    return x + sigma * attn(view(matmul(values, transpose(seen, 1, 2)), {n, ch / 2, h, w}));
  }
};

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
struct GenBlock : ModuleOf<Value(Value, Value)> {
  ConditionalBatchNorm2d& cond_bn1;
  Conv2d& snconv2d1;
  ConditionalBatchNorm2d& cond_bn2;
  Conv2d &snconv2d2, &snconv2d0;
  GenBlock(int64_t in_channels, int64_t out_channels, int64_t num_classes)
      : cond_bn1(child("cond_bn1", ConditionalBatchNorm2d(in_channels, num_classes))),
        snconv2d1(child("snconv2d1", snconv2d(in_channels, out_channels, 3))),
        cond_bn2(child("cond_bn2", ConditionalBatchNorm2d(out_channels, num_classes))),
        snconv2d2(child("snconv2d2", snconv2d(out_channels, out_channels, 3))),
        snconv2d0(child("snconv2d0", snconv2d(in_channels, out_channels, 1))) {}
  Value forward(Value x, Value labels) const override {
    Value h = interpolate(relu(cond_bn1(x, labels)), {.scale_factor = 2});
    h = snconv2d2(relu(cond_bn2(snconv2d1(h), labels)));
    return h + snconv2d0(interpolate(x, {.scale_factor = 2}));
  }
};

/// The whole generator.
struct Generator : ModuleOf<Value(Value, Value)> {
  Linear& snlinear0;
  GenBlock &block1, &block2, &block3;
  SelfAttn& self_attn;
  GenBlock &block4, &block5;
  BatchNorm2d& bn;
  Conv2d& snconv2d1;
  explicit Generator(int64_t z_dim = 128, int64_t dim = 64, int64_t num_classes = 1000)
      : snlinear0(child("snlinear0", Linear(z_dim, dim * 16 * 4 * 4))),
        block1(child("block1", GenBlock(dim * 16, dim * 16, num_classes))),
        block2(child("block2", GenBlock(dim * 16, dim * 8, num_classes))),
        block3(child("block3", GenBlock(dim * 8, dim * 4, num_classes))),
        self_attn(child("self_attn", SelfAttn(dim * 4))),
        block4(child("block4", GenBlock(dim * 4, dim * 2, num_classes))),
        block5(child("block5", GenBlock(dim * 2, dim, num_classes))),
        bn(child("bn", BatchNorm2d(dim))),
        snconv2d1(child("snconv2d1", snconv2d(dim, 3, 3))) {}
  /// Latents (N, z_dim) and classes (N), int64, to pictures (N, 3, 128, 128).
  Value forward(Value z, Value labels) const override {
    Value h = view(snlinear0(z), {z.size(0), -1, 4, 4});
    h = block3(block2(block1(h, labels), labels), labels);
    h = block5(block4(self_attn(h), labels), labels);
    return tanh(snconv2d1(relu(bn(h))));
  }
};

}  // namespace upconv::examples::sagan
