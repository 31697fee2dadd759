#include "layers/conv_transpose2d.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "framework/parallel.h"
#include "tests/layers/conv_transpose2d_cases.h"
#include "tests/reference/reference.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

struct Net : Module {
  ConvTranspose2d main = child("main", ConvTranspose2d(1, 3, 4, 1, 0, 0, 1, /*bias=*/false));
  Value forward(Value x) const override { return main(x); }
};

Tensor counted(Shape shape, float step) {
  Tensor t(std::move(shape));
  for (int64_t i = 0; i < t.numel(); ++i) t.data()[i] = step * static_cast<float>(i + 1);
  return t;
}

}  // namespace

TEST_CASE("ConvTranspose2d: the worked example") {
  Net net;
  CHECK(net.parameter("main.weight").is_initial());
  REQUIRE(net.named_parameters().size() == 1);
  net.parameter("main.weight").set(counted({1, 3, 4, 4}, 0.1f));
  const StateDict state = net.state_dict();
  REQUIRE(state.size() == 1);
  for (const auto& [name, stored] : state) {
    CHECK(name == "main.weight");
    CHECK(stored.shape == Shape{1, 3, 4, 4});
  }
  const std::vector<float> expected = {
      0.1f,  0.4f,  1.0f,  1.6f,  1.7f,  1.2f,  0.9f,  2.9f,  6.2f,  8.3f,  7.5f,  4.8f,  2.9f,  7.7f,  14.6f,
      16.7f, 13.9f, 8.4f,  4.9f,  12.5f, 23.0f, 25.1f, 20.3f, 12.0f, 5.2f,  12.1f, 20.8f, 22.3f, 17.0f, 9.6f,
      1.7f,  5.2f,  10.6f, 11.2f, 9.7f,  6.0f,  8.9f,  22.1f, 39.8f, 41.9f, 33.1f, 19.2f, 10.9f, 26.9f, 48.2f,
      50.3f, 39.5f, 22.8f, 12.9f, 31.7f, 56.6f, 58.7f, 45.9f, 26.4f, 11.6f, 26.5f, 44.8f, 46.3f, 34.6f, 19.2f,
      3.3f,  10.0f, 20.2f, 20.8f, 17.7f, 10.8f, 16.9f, 41.3f, 73.4f, 75.5f, 58.7f, 33.6f, 18.9f, 46.1f, 81.8f,
      83.9f, 65.1f, 37.2f, 20.9f, 50.9f, 90.2f, 92.3f, 71.5f, 40.8f, 18.0f, 40.9f, 68.8f, 70.3f, 52.2f, 28.8f};
  const Tensor y = net(counted({1, 1, 2, 3}, 1.0f));
  // Positive products of six inputs, one more rounding for the weights as they are written here.
  check_close(y, Tensor({1, 3, 5, 6}, expected),
              [&](int64_t i) { return tolerance(7, expected[static_cast<size_t>(i)]); });

  Tensor doubled = counted({1, 3, 4, 4}, 0.2f);
  net.parameter("main.weight").set(doubled);
  const Tensor twice = net(counted({1, 1, 2, 3}, 1.0f));
  check_close(twice,
              Tensor({1, 3, 5, 6},
                     [&] {
                       std::vector<float> values = expected;
                       for (float& v : values) v *= 2;
                       return values;
                     }()),
              [&](int64_t i) { return tolerance(7, 2 * expected[static_cast<size_t>(i)]); });
}

TEST_CASE("ConvTranspose2d: a fresh layer runs with the values that it begins with") {
  const ConvTranspose2d layer(2, 3, 3, {.bias = false});
  CHECK(layer.weight.is_initial());
  CHECK(largest(layer(Random(0).randn({1, 2, 4, 4}))) > 0);
}

TEST_CASE("ConvTranspose2d: arguments out of range are refused in words of their own") {
  auto error = [](auto... arguments) { return error_of([&] { ConvTranspose2d(arguments...); }); };
  using O = ConvTranspose2dOptions;
  CHECK(error(4, 4, Pair(3), O{.groups = 0}) == "ConvTranspose2d: groups must be positive, got 0");
  CHECK(error(4, 4, Pair(3), O{.groups = -2}) == "ConvTranspose2d: groups must be positive, got -2");
  CHECK(error(3, 4, Pair(3), O{.groups = 2}) ==
        "ConvTranspose2d: in_channels must be divisible by groups, got 3 and 2");
  CHECK(error(4, 3, Pair(3), O{.groups = 2}) ==
        "ConvTranspose2d: out_channels must be divisible by groups, got 3 and 2");
  CHECK(error(0, 3, Pair(3)) == "ConvTranspose2d: in_channels must be positive, got (0, 0)");
  CHECK(error(3, -1, Pair(3)) == "ConvTranspose2d: out_channels must be positive, got (-1, -1)");
  CHECK(error(4, 4, Pair(3, 0)) == "ConvTranspose2d: kernel_size must be positive, got (3, 0)");
  CHECK(error(4, 4, Pair(3), O{.stride = {0, 1}}) == "ConvTranspose2d: stride must be positive, got (0, 1)");
  CHECK(error(4, 4, Pair(3), O{.dilation = -1}) == "ConvTranspose2d: dilation must be positive, got (-1, -1)");
  CHECK(error(4, 4, Pair(3), O{.padding = {0, -1}}) == "ConvTranspose2d: padding must not be negative, got (0, -1)");
  CHECK(error(4, 4, Pair(3), O{.output_padding = -1}) ==
        "ConvTranspose2d: output_padding must not be negative, got (-1, -1)");
  CHECK(error(4, 4, Pair(3), O{.padding_mode = "reflect"}) ==
        "ConvTranspose2d: padding_mode must be 'zeros', the only one there is, got 'reflect'");
}

TEST_CASE("ConvTranspose2d: shapes that do not fit are refused with the layer's path") {
  auto error = [](ConvTranspose2d layer, Shape input) {
    const Sequential net = sequential({{"main", sequential(Identity(), layer)}});
    return error_of([&] { return compile(net, input); });
  };
  using O = ConvTranspose2dOptions;
  CHECK(error(ConvTranspose2d(512, 8, 3), {1, 256, 4, 4}) ==
        "main.1: ConvTranspose2d expected 512 channels, got 256 in (1, 256, 4, 4)");
  CHECK(error(ConvTranspose2d(3, 8, 3), {3, 4}) ==
        "main.1: ConvTranspose2d expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got (3, 4)");
  CHECK(error(ConvTranspose2d(3, 8, 3), {1, 1, 3, 4, 4}) ==
        "main.1: ConvTranspose2d expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got (1, 1, 3, 4, 4)");
  CHECK(error(ConvTranspose2d(3, 8, 3), {1, 3, 0, 4}) ==
        "main.1: ConvTranspose2d expected a height and width of at least 1, got (1, 3, 0, 4)");
  CHECK(error(ConvTranspose2d(3, 8, 3, O{.stride = 2, .output_padding = {1, 2}}), {1, 3, 4, 4}) ==
        "main.1: ConvTranspose2d output_padding must be smaller than stride or dilation, got 2 with stride 2 and "
        "dilation 1 in width");
  CHECK(error(ConvTranspose2d(3, 8, 3, O{.output_padding = {1, 0}}), {1, 3, 4, 4}) ==
        "main.1: ConvTranspose2d output_padding must be smaller than stride or dilation, got 1 with stride 1 and "
        "dilation 1 in height");
  CHECK(error(ConvTranspose2d(3, 8, 2, O{.padding = {0, 2}}), {1, 3, 1, 3}) ==
        "main.1: ConvTranspose2d the output would be empty: (2, 0) for an input of (1, 3, 1, 3)");
  CHECK(error(ConvTranspose2d(3, 8, 2, O{.stride = int64_t{1} << 40}), {1, 3, int64_t{1} << 30, 1}) ==
        "main.1: ConvTranspose2d the output's size overflows for an input of (1, 3, 1073741824, 1)");
}

TEST_CASE("ConvTranspose2d: output_size") {
  ConvTranspose2d layer(3, 4, 3, {.stride = 3, .output_padding = 2});
  Random random(7);
  randomize(layer, random);
  const Tensor x = random.randn({1, 3, 6, 6});
  for (int64_t size : {18, 19, 20}) CHECK(layer(x, {size, size}).shape() == Shape{1, 4, size, size});
  CHECK(layer(x, {1, 4, 18, 20}).shape() == Shape{1, 4, 18, 20});
  CHECK(layer(x).shape() == Shape{1, 4, 20, 20});
  for (int64_t size : {17, 21})
    CHECK(
        error_of([&] {
          layer(x, {18, size});
        }) ==
        fmt::format("ConvTranspose2d output_size (18, {}) is out of range: valid are (18, 18) to (20, 20) for an input "
                    "of (1, 3, 6, 6)",
                    size));
  CHECK(error_of([&] { layer(x, {18}); }) == "ConvTranspose2d output_size must have 2 or 4 elements, got 1");
  CHECK(error_of([&] { layer(x, {4, 18, 18}); }) == "ConvTranspose2d output_size must have 2 or 4 elements, got 3");

  struct Path : Module {
    ConvTranspose2d up = child("up", ConvTranspose2d(3, 4, 3));
    Value forward(Value x) const override { return up(x, {1, 1}); }
  };
  CHECK(error_of([&] { Path()(x); }).starts_with("up: ConvTranspose2d output_size (1, 1) is out of range"));
}

TEST_CASE("ConvTranspose2d: an empty batch gives an empty batch") {
  ConvTranspose2d layer(3, 4, 3);
  Random random(1);
  randomize(layer, random);
  CHECK(layer(Tensor({0, 3, 5, 5})).shape() == Shape{0, 4, 7, 7});
}

TEST_CASE("ConvTranspose2d: unbatched input gives unbatched output of the same bits") {
  ConvTranspose2d layer(3, 5, 3, {.stride = 2});
  Random random(1);
  randomize(layer, random);
  const Tensor x = random.randn({3, 4, 5});
  const Tensor y = layer(x), batched = layer(x.reshape({1, 3, 4, 5}));
  CHECK(y.shape() == Shape{5, 9, 11});
  CHECK(same_bits(y, batched.reshape({5, 9, 11})));
}

namespace {

Tensor absolute(const Tensor& x) {
  Tensor y = x.clone();
  for (int64_t i = 0; i < y.numel(); ++i) y.data()[i] = std::abs(y.data()[i]);
  return y;
}

}  // namespace

TEST_CASE("ConvTranspose2d: a sweep of random configurations against the reference, on every instruction set") {
  std::mt19937 engine(2026);
  int run = 0, others = 0;  // algorithms of `exact` beside the chosen one
  while (run < 2000) {
    const TransposedConfiguration c = draw_transposed(engine);
    const Pair out = output_of(c);
    const int64_t products = c.N * c.IC * c.OC / c.options.groups * c.H * c.W * c.kernel.h * c.kernel.w;
    if (out.h < 1 || out.w < 1 || products > 400'000) continue;
    ConvTranspose2d layer(c.IC, c.OC, c.kernel, c.options);
    Random random(static_cast<uint64_t>(run));
    randomize(layer, random);
    const Tensor x = random.randn({c.N, c.IC, c.H, c.W});
    const Tensor weight = layer.weight.value(), bias = c.options.bias ? layer.bias.value() : Tensor();
    const Tensor expected = reference::conv_transpose2d(x, weight, bias, c.options, out);
    const Tensor magnitude = reference::conv_transpose2d(absolute(x), absolute(weight), absolute(bias), c.options, out);
    const double terms = static_cast<double>(c.IC / c.options.groups * c.kernel.h * c.kernel.w);
    for (Isa isa : available_isas()) {
      CAPTURE(run);
      CAPTURE(layer.str());
      CAPTURE(str(x.shape()));
      CAPTURE(name(isa));
      const auto check = [&](const Options& options) {
        const Program program = compile(layer, x.shape(), options);
        CAPTURE(program.steps().back().algorithm);
        check_close(program(x), expected, [&](int64_t i) { return tolerance(terms, magnitude.data()[i]); });
        return program.steps().back();
      };
      const StepInfo chosen = check({.threads = 1 + run % 2, .isa = isa});
      Options exact{.accuracy = Accuracy::exact, .threads = 1 + run % 2, .isa = isa};
      const StepInfo step = compile(layer, x.shape(), exact).steps().back();
      for (const Candidate& candidate : step.candidates) {
        if (candidate.algorithm == chosen.algorithm) continue;
        exact.algorithm = candidate.algorithm;
        CHECK(check(exact).algorithm == candidate.algorithm);
        ++others;
      }
    }
    ++run;
  }
  CHECK(others > 100);
  MESSAGE(run << " configurations on " << available_isas().size() << " instruction sets");
}

TEST_CASE("ConvTranspose2d: an image's bits depend neither on its batch, nor on its place, nor on the threads") {
  std::mt19937 engine(5);
  int shared = 0;
  for (int run = 0; run < 60; ++run) {
    TransposedConfiguration c = draw_transposed(engine);
    const Pair out = output_of(c);
    if (out.h < 1 || out.w < 1) continue;
    ConvTranspose2d layer(c.IC, c.OC, c.kernel, c.options);
    Random random(static_cast<uint64_t>(run));
    randomize(layer, random);
    const Tensor x = random.randn({19, c.IC, c.H, c.W});
    const int64_t image = c.IC * c.H * c.W, result = c.OC * out.h * out.w;
    for (Isa isa : available_isas()) {
      CAPTURE(layer.str());
      CAPTURE(name(isa));
      const Program of_all = compile(layer, x.shape(), {.threads = 2, .isa = isa});
      shared += of_all.threads() == std::min(2, hardware_threads());
      const Tensor all = of_all(x);
      CHECK(same_bits(all, compile(layer, x.shape(), {.threads = 1, .isa = isa})(x)));
      for (int64_t n : {0, 7, 18}) {
        Tensor one({1, c.IC, c.H, c.W});
        std::copy_n(x.data() + n * image, image, one.data());
        const Tensor alone = compile(layer, one.shape(), {.threads = 1, .isa = isa})(one);
        CHECK(std::equal(alone.bytes(), alone.bytes() + result * 4, all.bytes() + n * result * 4));
      }
    }
  }
  CHECK(shared >= 10 * static_cast<int>(available_isas().size()));  // the others are too small
}
