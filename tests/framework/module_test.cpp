#include "framework/module.h"

#include <sstream>
#include <type_traits>

#include "examples/dcgan.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

struct Block : Module {
  ConvTranspose2d up = child("up", ConvTranspose2d(2, 2, 2, {.stride = 2, .bias = false}));
  BatchNorm2d norm = child("norm", BatchNorm2d(2));
  Value forward(Value x) const override { return norm(up(x)); }
};

struct Two : ModuleOf<Values(Values)> {
  Block first = child("first", Block());
  Block second = child("second", Block());
  Values forward(Values xs) const override { return {first(xs[0]), second(xs[1])}; }
};

/// What forward() reads cannot be given another value.
template <class Member>
constexpr bool constant = !std::is_assignable_v<Member, std::remove_cvref_t<Member>>;
#define UPCONV_CONSTANT(Layer, member) static_assert(constant<decltype((std::declval<Layer&>().member))>)
UPCONV_CONSTANT(ReLU, inplace);
UPCONV_CONSTANT(LeakyReLU, negative_slope);
UPCONV_CONSTANT(LeakyReLU, inplace);
UPCONV_CONSTANT(PReLU, num_parameters);
UPCONV_CONSTANT(PReLU, weight);
UPCONV_CONSTANT(ELU, alpha);
UPCONV_CONSTANT(ELU, inplace);
UPCONV_CONSTANT(SiLU, inplace);
UPCONV_CONSTANT(GELU, approximate);
UPCONV_CONSTANT(Softplus, beta);
UPCONV_CONSTANT(Softplus, threshold);
UPCONV_CONSTANT(Hardtanh, min_val);
UPCONV_CONSTANT(Hardtanh, max_val);
UPCONV_CONSTANT(Hardtanh, inplace);
UPCONV_CONSTANT(ReLU6, inplace);
UPCONV_CONSTANT(Hardsigmoid, inplace);
UPCONV_CONSTANT(Hardswish, inplace);
UPCONV_CONSTANT(Mish, inplace);
UPCONV_CONSTANT(Conv2d, in_channels);
UPCONV_CONSTANT(Conv2d, out_channels);
UPCONV_CONSTANT(Conv2d, kernel_size);
UPCONV_CONSTANT(Conv2d, kernel_size.h);
UPCONV_CONSTANT(Conv2d, options);
UPCONV_CONSTANT(Conv2d, options.stride);
UPCONV_CONSTANT(Conv2d, weight);
UPCONV_CONSTANT(Conv2d, bias);
UPCONV_CONSTANT(ConvTranspose2d, in_channels);
UPCONV_CONSTANT(ConvTranspose2d, out_channels);
UPCONV_CONSTANT(ConvTranspose2d, kernel_size);
UPCONV_CONSTANT(ConvTranspose2d, options);
UPCONV_CONSTANT(ConvTranspose2d, options.stride);
UPCONV_CONSTANT(ConvTranspose2d, weight);
UPCONV_CONSTANT(ConvTranspose2d, bias);
UPCONV_CONSTANT(Linear, in_features);
UPCONV_CONSTANT(Linear, out_features);
UPCONV_CONSTANT(Linear, has_bias);
UPCONV_CONSTANT(Linear, weight);
UPCONV_CONSTANT(Linear, bias);
UPCONV_CONSTANT(Embedding, num_embeddings);
UPCONV_CONSTANT(Embedding, embedding_dim);
UPCONV_CONSTANT(Embedding, padding_idx);
UPCONV_CONSTANT(Embedding, weight);
UPCONV_CONSTANT(BatchNorm2d, num_features);
UPCONV_CONSTANT(BatchNorm2d, options);
UPCONV_CONSTANT(BatchNorm2d, weight);
UPCONV_CONSTANT(BatchNorm2d, bias);
UPCONV_CONSTANT(BatchNorm2d, running_mean);
UPCONV_CONSTANT(BatchNorm2d, running_var);
UPCONV_CONSTANT(BatchNorm2d, num_batches_tracked);
UPCONV_CONSTANT(InstanceNorm2d, options.eps);
UPCONV_CONSTANT(InstanceNorm2d, running_mean);
UPCONV_CONSTANT(GroupNorm, num_groups);
UPCONV_CONSTANT(GroupNorm, num_channels);
UPCONV_CONSTANT(GroupNorm, options);
UPCONV_CONSTANT(GroupNorm, weight);
UPCONV_CONSTANT(GroupNorm, bias);
UPCONV_CONSTANT(LayerNorm, normalized_shape);
UPCONV_CONSTANT(LayerNorm, options);
UPCONV_CONSTANT(LayerNorm, weight);
UPCONV_CONSTANT(LayerNorm, bias);
UPCONV_CONSTANT(ReflectionPad2d, padding);
UPCONV_CONSTANT(ReplicationPad2d, padding);
UPCONV_CONSTANT(ZeroPad2d, padding);
UPCONV_CONSTANT(ConstantPad2d, padding);
UPCONV_CONSTANT(ConstantPad2d, value);
UPCONV_CONSTANT(AvgPool2d, kernel_size);
UPCONV_CONSTANT(AvgPool2d, options);
UPCONV_CONSTANT(MaxPool2d, kernel_size);
UPCONV_CONSTANT(MaxPool2d, options);
UPCONV_CONSTANT(AdaptiveAvgPool2d, output_size);
UPCONV_CONSTANT(Upsample, options);
UPCONV_CONSTANT(PixelShuffle, upscale_factor);
UPCONV_CONSTANT(Softmax, dim);
UPCONV_CONSTANT(Dropout, p);
UPCONV_CONSTANT(Dropout, inplace);
UPCONV_CONSTANT(Flatten, start_dim);
UPCONV_CONSTANT(Flatten, end_dim);
UPCONV_CONSTANT(Unflatten, dim);
UPCONV_CONSTANT(Unflatten, unflattened_size);

}  // namespace

TEST_CASE("Module: names, order and kinds are PyTorch's") {
  Two net;
  std::vector<std::string> parameters, buffers, modules;
  for (const auto& [name, p] : net.named_parameters()) parameters.push_back(name);
  for (const auto& [name, p] : net.named_buffers()) buffers.push_back(name);
  for (const auto& [name, m] : net.named_modules()) modules.push_back(name);
  CHECK(parameters == std::vector<std::string>{"first.up.weight", "first.norm.weight", "first.norm.bias",
                                               "second.up.weight", "second.norm.weight", "second.norm.bias"});
  CHECK(buffers[2] == "first.norm.num_batches_tracked");
  CHECK(modules ==
        std::vector<std::string>{"", "first", "first.up", "first.norm", "second", "second.up", "second.norm"});
  Random random(0);
  randomize(net, random);
  std::vector<std::string> keys;
  for (const auto& [name, stored] : net.state_dict()) keys.push_back(name);
  CHECK(std::vector(keys.begin(), keys.begin() + 6) ==
        std::vector<std::string>{"first.up.weight", "first.norm.weight", "first.norm.bias", "first.norm.running_mean",
                                 "first.norm.running_var", "first.norm.num_batches_tracked"});
}

TEST_CASE("Module: several values in and out; a wrong number is refused") {
  Two net;
  Random random(0);
  randomize(net, random);
  const Tensor a = random.randn({1, 2, 3, 3}), b = random.randn({1, 2, 2, 2});
  const std::vector<Tensor> ys = net(std::vector<Tensor>{a, b});
  REQUIRE(ys.size() == 2);
  CHECK(same_bits(ys[0], net.first(a)));
  CHECK(same_bits(ys[1], net.second(b)));
  CHECK(error_of([&] { net.first(std::vector<Tensor>{a, b}); }) == "Block: forward takes 1 value, got 2");
  CHECK(error_of([&] { AnyModule()(a); }) == "AnyModule has no forward() of values");
}

TEST_CASE("Module: a handle, so copies share and nothing dangles") {
  auto make = [] {
    Block block;
    Random random(0);
    randomize(block, random);
    return block;
  };
  const Block block = make();
  Block copy = block;
  const Tensor x({1, 2, 2, 2}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor before = block(x);
  copy.parameter("up.weight").set(Tensor({2, 2, 2, 2}));
  CHECK_FALSE(same_bits(block(x), before));
  CHECK(same_bits(block(x), copy(x)));
}

TEST_CASE("Module: load_state_dict names everything that does not fit, and then changes nothing") {
  Block net;
  Random random(0);
  randomize(net, random);
  const Tensor x = random.randn({1, 2, 2, 2});
  const Tensor before = net(x);
  StateDict bad;
  for (const auto& [name, stored] : net.state_dict()) {
    if (name == "norm.bias") continue;
    if (name == "up.weight")
      bad.add(name, Stored::of(Tensor({2, 2, 3, 2})));
    else if (name == "norm.weight")
      bad.add(name, Stored::of(Tensor(Shape{2}, DType::int64)));
    else
      bad.add(name, Stored::of(Tensor(stored.shape, is_floating(stored.dtype) ? DType::float32 : DType::int64)));
  }
  bad.add("norm.extra", Stored::of(Tensor({1})));
  CHECK(error_of([&] { net.load_state_dict(bad); }) ==
        "the weights do not fit Block:\n"
        "  missing: norm.bias\n"
        "  unexpected: norm.extra\n"
        "  misshapen: up.weight (expected (2, 2, 2, 2), got (2, 2, 3, 2)), norm.weight (expected floating point, got "
        "int64)");
  CHECK(same_bits(net(x), before));
  CHECK(error_of([&] { net.load_state_dict(bad, false); }).find("missing") == std::string::npos);

  StateDict another;
  for (int i = 10; i < 30; ++i) another.add("body." + std::to_string(i), Stored::of(Tensor({1})));
  CHECK(error_of([&] { net.load_state_dict(another); }).find("body.20, body.21 and 8 more") != std::string::npos);

  StateDict part;
  part.add("up.weight", Stored::of(Tensor({2, 2, 2, 2})));
  net.load_state_dict(part, false);
  CHECK_FALSE(same_bits(net(x), before));
}

TEST_CASE("Module: a changed parameter is seen by the next call, an old program is a snapshot") {
  ConvTranspose2d layer(1, 1, 1, {.bias = false});
  layer.weight.set(Tensor({1, 1, 1, 1}, std::vector<float>{2}));
  const Tensor x({1, 1, 1, 1}, std::vector<float>{3});
  const Program program = compile(layer, x.shape());
  CHECK(layer(x).data()[0] == 6);
  layer.weight.set(Tensor({1, 1, 1, 1}, std::vector<float>{5}));
  CHECK(layer(x).data()[0] == 15);
  CHECK(program(x).data()[0] == 6);
}

TEST_CASE("Module: a child that is added after a call is seen by the next one") {
  Sequential net = sequential(Identity());
  const Tensor x({2}, std::vector<float>{-1, 1});
  CHECK(net(x).data()[0] == -1);
  net.append(ReLU());
  CHECK(net(x).data()[0] == 0);
  net.append(LeakyReLU());
  net.append(Softmax(0));
  CHECK(net(x).data()[0] == doctest::Approx(1 / (1 + std::exp(1.0))));
}

TEST_CASE("Module: layers move into containers and out of functions with their parameters") {
  const auto of = [](float value) { return Tensor({1, 1, 1, 1}, std::vector<float>{value}); };
  const auto make = [&] {
    std::vector<ConvTranspose2d> layers;
    for (size_t i = 0; i < 5; ++i) {
      layers.push_back(ConvTranspose2d(1, 1, 1, {.bias = false}));
      layers.back().weight.set(of(static_cast<float>(i)));
    }
    return layers;
  };
  const std::vector<ConvTranspose2d> layers = make(), copies = layers;
  for (size_t i = 0; i < copies.size(); ++i) {
    CHECK(copies[i](of(2)).data()[0] == 2 * static_cast<float>(i));
    CHECK(copies[i].weight.identity() == layers[i].weight.identity());
  }
}

TEST_CASE("Module: prints as PyTorch does") {
  std::ostringstream out;
  out << Two();
  CHECK(out.str() ==
        "Two(\n"
        "  (first): Block(\n"
        "    (up): ConvTranspose2d(2, 2, kernel_size=(2, 2), stride=(2, 2), bias=False)\n"
        "    (norm): BatchNorm2d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
        "  )\n"
        "  (second): Block(\n"
        "    (up): ConvTranspose2d(2, 2, kernel_size=(2, 2), stride=(2, 2), bias=False)\n"
        "    (norm): BatchNorm2d(2, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
        "  )\n"
        ")");
  CHECK(
      examples::Dcgan().str().starts_with("Dcgan(\n  (main): Sequential(\n    (0): ConvTranspose2d(100, 512, "
                                          "kernel_size=(4, 4), stride=(1, 1), bias=False)"));
}

TEST_CASE("Module: unknown parameters, bad and doubled names are refused") {
  Block net;
  CHECK(error_of([&] {
          return net.parameter("up.wait");
        }).starts_with("Block has no parameter \"up.wait\"; it has up.weight, norm.weight"));
  CHECK(error_of([] {
          return sequential({{"a.b", ReLU()}});
        }) == "Sequential: a child's name must not be empty or contain a dot, got \"a.b\"");
  CHECK(error_of([] { return sequential({{"a", ReLU()}, {"a", ReLU()}}); }) == "Sequential has a child \"a\" already");
}

TEST_CASE("Sequential: nests, appends and names") {
  Sequential net = sequential(sequential(ReLU()), ReLU());
  net.append(Tanh());
  CHECK(net.size() == 3);
  CHECK(net.named_modules()[2].first == "0.0");
  const Sequential named = sequential({{"conv", ConvTranspose2d(1, 1, 1)}, {"act", ReLU()}});
  CHECK(named.named_parameters().front().first == "conv.weight");
}

TEST_CASE("Module: options that are set count from the next call on") {
  Random random(31);
  ConvTranspose2d net(32, 32, 4, {.stride = 2, .padding = 1});
  randomize(net, random);
  const Tensor x = random.randn({1, 32, 24, 24});
  net.set_options({.algorithm = "winograd F(3,2)"});
  const Tensor before = net(x);
  net.set_options({.accuracy = Accuracy::exact});
  const Tensor after = net(x);
  CHECK(!same_bits(after, before));
  CHECK(same_bits(after, compile(net, x.shape(), {.accuracy = Accuracy::exact})(x)));
}
