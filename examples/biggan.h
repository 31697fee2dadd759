#pragma once
// BigGAN (Brock, Donahue, Simonyan 2019): latents and classes in, pictures within [-1, 1] out. Keys are those of
// ajbrock/BigGAN-PyTorch with hier and G_shared, as its networks for 128 x 128 were published: shared.weight ...
// output_layer.2.sv0.
#include <upconv/upconv.h>

#include <optional>
#include <vector>

namespace upconv::examples::biggan {

/// A weight over its largest singular value, as one step of the power method finds it from u (1, out). All of it is
/// made of parameters, so it is done when a program is compiled.
inline Value spectral(Value weight, Value u) {
  const Value w = flatten(weight, 1);
  const Value v = normalize(matmul(u, w));
  const Value wv = matmul(v, transpose(w, 0, 1));
  return weight / squeeze(matmul(wv, transpose(normalize(wv), 0, 1)));
}

/// Conv2d whose output is as large as its input, with a weight that is divided at the call.
struct SNConv2d : Conv2d {
  Parameter u0 = add_buffer("u0", Parameter(Shape{1, out_channels}));
  Parameter sv0 = add_buffer("sv0", Parameter(Tensor({1}, {1.f})));
  SNConv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size = 3, bool bias = true)
      : Conv2d(in_channels, out_channels, kernel_size, {.padding = kernel_size / 2, .bias = bias}) {
    init::normal_(u0);
  }
  Value forward(Value x) const override {
    return conv2d(x, spectral(weight, u0), options.bias ? std::optional<Value>(bias) : std::nullopt, options);
  }
};

/// Linear of the same kind.
struct SNLinear : Linear {
  Parameter u0 = add_buffer("u0", Parameter(Shape{1, out_features}));
  Parameter sv0 = add_buffer("sv0", Parameter(Tensor({1}, {1.f})));
  SNLinear(int64_t in_features, int64_t out_features, bool bias = true) : Linear(in_features, out_features, bias) {
    init::normal_(u0);
  }
  Value forward(Value x) const override {
    return linear(x, spectral(weight, u0), has_bias ? std::optional<Value>(bias) : std::nullopt);
  }
};

/// Every pixel sees a quarter of the others.
struct Attention : Module {
  SNConv2d &theta, &phi, &g, &o;
  Parameter gamma = add_parameter("gamma", Parameter(Tensor(Shape{})));
  explicit Attention(int64_t ch)
      : theta(child("theta", SNConv2d(ch, ch / 8, 1, false))),
        phi(child("phi", SNConv2d(ch, ch / 8, 1, false))),
        g(child("g", SNConv2d(ch, ch / 2, 1, false))),
        o(child("o", SNConv2d(ch / 2, ch, 1, false))) {}
  Value forward(Value x) const override {
    const int64_t n = x.size(0), ch = x.size(1), h = x.size(2), w = x.size(3);
    const Value queries = view(theta(x), {n, ch / 8, h * w});
    const Value keys = view(max_pool2d(phi(x), 2), {n, ch / 8, h * w / 4});
    const Value values = view(max_pool2d(g(x), 2), {n, ch / 2, h * w / 4});
    const Value beta = softmax(matmul(transpose(queries, 1, 2), keys), -1);
    return gamma * o(view(matmul(values, transpose(beta, 1, 2)), {n, ch / 2, h, w})) + x;
  }
};

/// BatchNorm2d whose factors and shifts are linear in a condition (N, cond_size).
struct ConditionalBatchNorm : ModuleOf<Value(Value, Value)> {
  SNLinear &gain, &bias;
  Parameter stored_mean = add_buffer("stored_mean", Parameter(Tensor({gain.out_features})));
  Parameter stored_var = add_buffer("stored_var", Parameter(Shape{gain.out_features}));
  ConditionalBatchNorm(int64_t num_features, int64_t cond_size)
      : gain(child("gain", SNLinear(cond_size, num_features, false))),
        bias(child("bias", SNLinear(cond_size, num_features, false))) {
    init::ones_(stored_var);
  }
  Value forward(Value x, Value y) const override {
    const Shape channels = {x.size(0), x.size(1), 1, 1};
    return batch_norm(x, stored_mean, stored_var) * view(1 + gain(y), channels) + view(bias(y), channels);
  }
};

/// BatchNorm2d under other names.
struct BatchNorm : Module {
  Parameter gain, bias, stored_mean, stored_var;
  explicit BatchNorm(int64_t num_features)
      : gain(add_parameter("gain", Parameter(Shape{num_features}))),
        bias(add_parameter("bias", Parameter(Tensor({num_features})))),
        stored_mean(add_buffer("stored_mean", Parameter(Tensor({num_features})))),
        stored_var(add_buffer("stored_var", Parameter(Shape{num_features}))) {
    init::ones_(gain);
    init::ones_(stored_var);
  }
  Value forward(Value x) const override { return batch_norm(x, stored_mean, stored_var, gain, bias); }
};

/// A residual block that doubles the height and width.
struct GBlock : ModuleOf<Value(Value, Value)> {
  SNConv2d &conv1, &conv2, &conv_sc;
  ConditionalBatchNorm &bn1, &bn2;
  GBlock(int64_t in_channels, int64_t out_channels, int64_t cond_size)
      : conv1(child("conv1", SNConv2d(in_channels, out_channels))),
        conv2(child("conv2", SNConv2d(out_channels, out_channels))),
        conv_sc(child("conv_sc", SNConv2d(in_channels, out_channels, 1))),
        bn1(child("bn1", ConditionalBatchNorm(in_channels, cond_size))),
        bn2(child("bn2", ConditionalBatchNorm(out_channels, cond_size))) {}
  Value forward(Value x, Value y) const override {
    Value h = interpolate(relu(bn1(x, y)), {.scale_factor = 2});
    h = conv2(relu(bn2(conv1(h), y)));
    return h + conv_sc(interpolate(x, {.scale_factor = 2}));
  }
};

/// The whole generator. widths: channels of each resolution from 4 x 4 on, in units of ch; attention_after: the block
/// that Attention follows.
struct Generator : ModuleOf<Value(Value, Value)> {
  int64_t chunk;
  Embedding& shared;
  SNLinear& linear;
  ModuleList<ModuleList<AnyModule>>& blocks;
  Sequential& output_layer;
  explicit Generator(int64_t ch = 96, int64_t dim_z = 120, int64_t shared_dim = 128, int64_t n_classes = 1000,
                     std::vector<int64_t> widths = {16, 16, 8, 4, 2, 1}, size_t attention_after = 3)
      : chunk(dim_z / std::ssize(widths)),
        shared(child("shared", Embedding(n_classes, shared_dim))),
        linear(child("linear", SNLinear(chunk, 16 * ch * widths[0]))),
        blocks(child("blocks", ModuleList<ModuleList<AnyModule>>())),
        output_layer(
            child("output_layer", sequential(BatchNorm(ch * widths.back()), ReLU(), SNConv2d(ch * widths.back(), 3)))) {
    for (size_t i = 0; i + 1 < widths.size(); ++i) {
      ModuleList<AnyModule>& block = blocks.append(ModuleList<AnyModule>());
      block.append(GBlock(ch * widths[i], ch * widths[i + 1], shared_dim + chunk));
      if (i == attention_after) block.append(Attention(ch * widths[i + 1]));
    }
  }
  /// Latents (N, dim_z) and classes (N), int64, to pictures (N, 3, H, H), H = 2 * 2^widths.size().
  Value forward(Value z, Value y) const override {
    const Values zs = split(z, chunk, 1);
    y = shared(y);
    Value h = view(linear(zs[0]), {z.size(0), -1, 4, 4});
    for (size_t i = 1; const ModuleList<AnyModule>& block : blocks) {
      h = block[0](Values{h, cat({y, zs[i++]}, 1)})[0];
      if (block.size() > 1) h = block[1](h);
    }
    return tanh(output_layer(h));
  }
};

}  // namespace upconv::examples::biggan
