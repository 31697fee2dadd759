#include <fmt/format.h>

#include <random>

#include "layers/conv2d.h"
#include "layers/reference.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

using O = Conv2dOptions;

Tensor absolute(const Tensor& x) {
  Tensor y = x.clone();
  for (int64_t i = 0; i < y.numel(); ++i) y.data()[i] = std::abs(y.data()[i]);
  return y;
}

/// Runs `net`, a layer or what fuses into one, with every instruction set and every algorithm; all must be what the
/// reference makes of x, whose layer has `terms` products in an output.
void check_algorithms(const Module& net, const Conv2d& layer, const Shape& input, const Tensor& x, const Tensor& seen,
                      const Conv2dOptions& options, int threads) {
  const Tensor weight = layer.weight.value(), bias = layer.options.bias ? layer.bias.value() : Tensor();
  const Shape out = compile(net, input).outputs().front().shape;
  const Pair output(out[2], out[3]);
  const Tensor expected = reference::conv2d(seen, weight, bias, options, output);
  const Tensor magnitude = reference::conv2d(absolute(seen), absolute(weight), absolute(bias), options, output);
  const Shape& s = weight.shape();
  const double terms = static_cast<double>(s[1] * s[2] * s[3]);
  for (Isa isa : available_isas()) {
    Options chosen{.accuracy = Accuracy::fast, .threads = threads, .isa = isa};
    const std::vector<StepInfo> steps = compile(net, input, chosen).steps();
    for (const Candidate& candidate : steps.back().candidates) {
      CAPTURE(layer.str());
      CAPTURE(str(input));
      CAPTURE(name(isa));
      CAPTURE(candidate.algorithm);
      chosen.algorithm = candidate.algorithm;
      // Winograd's sums pass through numbers that are larger than their terms.
      const double c = candidate.algorithm.starts_with("winograd") ? 16 * growth(candidate.algorithm) : 2;
      check_close(compile(net, input, chosen)(x), expected,
                  [&](int64_t i) { return tolerance(terms, magnitude.data()[i], c); });
    }
  }
}

/// A random configuration, mostly small and odd, with the sizes at which kernels change their ways.
struct Configuration {
  int64_t N, IC, OC, H, W;
  Pair kernel = 1;
  Conv2dOptions options;
};

Configuration draw(std::mt19937& engine) {
  auto pick = [&](std::initializer_list<int64_t> from) { return std::data(from)[engine() % from.size()]; };
  auto both = [&](std::initializer_list<int64_t> from) { return Pair(pick(from), pick(from)); };
  Configuration c{};
  Conv2dOptions& o = c.options;
  c.N = pick({1, 1, 2, 3, 17});
  if (engine() % 4 == 0) {  // depthwise
    o.groups = pick({1, 3, 5, 16, 17, 33, 70});
    c.IC = o.groups;
    c.OC = o.groups * pick({1, 1, 1, 2});
  } else {
    o.groups = pick({1, 1, 1, 1, 2, 3});
    c.IC = o.groups * pick({1, 3, 5, 17, 33});
    c.OC = o.groups * pick({1, 2, 3, 4, 5, 16, 17, 33, 70});
  }
  c.H = pick({1, 2, 3, 4, 5, 8, 9, 17});
  c.W = pick({1, 2, 3, 4, 5, 8, 9, 17, 31, 47, 150});
  c.kernel = both({1, 2, 3, 3, 4, 5, 9});
  o.stride = both({1, 1, 1, 2, 3});
  o.dilation = both({1, 1, 1, 2, 3});
  o.padding = both({0, 1, 2, 4});
  o.padding_mode = std::data({"zeros", "zeros", "reflect", "replicate", "circular"})[engine() % 5];
  o.bias = engine() % 2;
  if (engine() % 6 == 0) {
    o.padding = "same";
    o.stride = 1;
  }
  return c;
}

/// Whether PyTorch would take it, and whether it is small enough for tests.
bool usable(const Configuration& c) {
  const Conv2dOptions& o = c.options;
  const Pair reach(o.dilation.h * (c.kernel.h - 1), o.dilation.w * (c.kernel.w - 1));
  const bool same = o.padding.word == "same";
  const Pair pad = same ? Pair((reach.h + 1) / 2, (reach.w + 1) / 2) : o.padding.size;
  if (!same && (c.H + 2 * pad.h <= reach.h || c.W + 2 * pad.w <= reach.w)) return false;
  const int64_t least = o.padding_mode == "reflect" ? 1 : 0;
  if (least + pad.h > c.H && (o.padding_mode == "reflect" || o.padding_mode == "circular")) return false;
  if (least + pad.w > c.W && (o.padding_mode == "reflect" || o.padding_mode == "circular")) return false;
  return c.N * c.IC * c.OC / o.groups * (c.H + 2 * pad.h) * (c.W + 2 * pad.w) * c.kernel.h * c.kernel.w <
         900'000 * o.stride.h * o.stride.w;
}

Conv2d layer_of(const Configuration& c, Random& random) {
  Conv2d layer(c.IC, c.OC, c.kernel, c.options);
  randomize(layer, random);
  return layer;
}

/// The operations that a program runs, conversions of layouts apart.
std::vector<std::string> operations(const Module& net, const Shape& input) {
  std::vector<std::string> names;
  for (const StepInfo& step : compile(net, input).steps())
    if (step.operation != "Relayout") names.push_back(step.operation);
  return names;
}

const std::vector<std::string> only_conv2d{"Conv2d"};

Upsample nearest(int64_t h, int64_t w) {
  return Upsample({.scale_factor = OneOrTwo<double>(static_cast<double>(h), static_cast<double>(w))});
}

Tensor repeated(const Tensor& x, Pair repeat) {
  const int64_t H = x.size(2), W = x.size(3);
  Tensor y({x.size(0), x.size(1), H * repeat.h, W * repeat.w});
  for (int64_t i = 0; i < y.numel(); ++i) {
    const int64_t w = i % (W * repeat.w) / repeat.w, h = i / (W * repeat.w) % (H * repeat.h) / repeat.h;
    y.data()[i] = x.data()[(i / (H * repeat.h * W * repeat.w) * H + h) * W + w];
  }
  return y;
}

}  // namespace

TEST_CASE("Conv2d: arguments out of range are refused in words of their own") {
  auto error = [](auto... arguments) { return error_of([&] { Conv2d(arguments...); }); };
  CHECK(error(4, 4, Pair(3), O{.groups = 0}) == "Conv2d: groups must be positive, got 0");
  CHECK(error(3, 4, Pair(3), O{.groups = 2}) == "Conv2d: in_channels must be divisible by groups, got 3 and 2");
  CHECK(error(4, 3, Pair(3), O{.groups = 2}) == "Conv2d: out_channels must be divisible by groups, got 3 and 2");
  CHECK(error(0, 3, Pair(3)) == "Conv2d: in_channels must be positive, got (0, 0)");
  CHECK(error(4, 4, Pair(3, 0)) == "Conv2d: kernel_size must be positive, got (3, 0)");
  CHECK(error(4, 4, Pair(3), O{.stride = {0, 1}}) == "Conv2d: stride must be positive, got (0, 1)");
  CHECK(error(4, 4, Pair(3), O{.padding = {0, -1}}) == "Conv2d: padding must not be negative, got (0, -1)");
  CHECK(error(4, 4, Pair(3), O{.padding = "full"}) == "Conv2d: padding must be 'same', 'valid' or a size, got 'full'");
  CHECK(error(4, 4, Pair(3), O{.stride = 2, .padding = "same"}) ==
        "Conv2d: padding='same' needs a stride of 1, got (2, 2)");
  CHECK(error(4, 4, Pair(3), O{.dilation = -1}) == "Conv2d: dilation must be positive, got (-1, -1)");
  CHECK(error(4, 4, Pair(3), O{.padding_mode = "mirror"}) ==
        "Conv2d: padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', got 'mirror'");
}

TEST_CASE("Conv2d: shapes that do not fit are refused with the layer's path") {
  auto error = [](Conv2d layer, Shape input) {
    const Sequential net = sequential({{"main", sequential(Identity(), layer)}});
    return error_of([&] { compile(net, input); });
  };
  CHECK(error(Conv2d(512, 8, 3), {1, 256, 4, 4}) == "main.1: Conv2d expected 512 channels, got 256 in (1, 256, 4, 4)");
  CHECK(error(Conv2d(3, 8, 3), {3, 4}) ==
        "main.1: Conv2d expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got (3, 4)");
  CHECK(error(Conv2d(3, 8, 3), {1, 3, 0, 4}) ==
        "main.1: Conv2d expected a height and width of at least 1, got (1, 3, 0, 4)");
  CHECK(error(Conv2d(3, 8, 3, O{.padding = {0, 1}, .dilation = 2}), {1, 3, 4, 4}) ==
        "main.1: Conv2d the kernel reaches over (5, 5) pixels, more than the padded input's (4, 6)");
  CHECK(error(Conv2d(3, 8, 3, O{.padding = {1, 4}, .padding_mode = "reflect"}), {1, 3, 2, 4}) ==
        "main.1: Conv2d expected a padding of at most (1, 3) with padding_mode 'reflect', got (1, 4) for a picture of "
        "(2, 4)");
  CHECK(error(Conv2d(3, 8, 3, O{.padding = 3, .padding_mode = "circular"}), {1, 3, 3, 2}) ==
        "main.1: Conv2d expected a padding of at most (3, 2) with padding_mode 'circular', got (3, 3) for a picture of "
        "(3, 2)");
  CHECK(error(Conv2d(3, 8, 1, O{.padding = int64_t{1} << 40}), {1, 3, 1, 1}) ==
        "main.1: Conv2d the output's size overflows for an input of (1, 3, 1, 1)");
}

TEST_CASE("Conv2d: a layer without values refuses to run") {
  CHECK(error_of([] { Conv2d(2, 3, 3)(Tensor({1, 2, 4, 4})); }) == "Conv2d weight has no values: load or set it first");
}

TEST_CASE("Conv2d: the forms of its arguments mean the same") {
  CHECK(Conv2d(2, 3, 3, 2, 1, 2, 1, false, "reflect").str() ==
        Conv2d(2, 3, 3, {.stride = 2, .padding = 1, .dilation = 2, .bias = false, .padding_mode = "reflect"}).str());
  CHECK(Conv2d(2, 3, 3, 1, "same").str() == "Conv2d(2, 3, kernel_size=(3, 3), stride=(1, 1), padding=same)");
  CHECK(Conv2d(2, 3, {3, 5}, {.padding = {0, 2}}).str() ==
        "Conv2d(2, 3, kernel_size=(3, 5), stride=(1, 1), padding=(0, 2))");
}

TEST_CASE("Conv2d: a sweep of random configurations, every algorithm on every instruction set against the reference") {
  std::mt19937 engine(2026);
  for (int run = 0; run < 1500;) {
    const Configuration c = draw(engine);
    if (!usable(c)) continue;
    Random random(static_cast<uint64_t>(run));
    const Conv2d layer = layer_of(c, random);
    const Tensor x = random.randn({c.N, c.IC, c.H, c.W});
    check_algorithms(layer, layer, x.shape(), x, x, c.options, 1 + run % 2);
    ++run;
  }
}

TEST_CASE("Conv2d: inside a network it reads and writes what its neighbours do") {
  std::mt19937 engine(7);
  for (int run = 0; run < 60;) {
    const Configuration c = draw(engine);
    if (!usable(c)) continue;
    Random random(static_cast<uint64_t>(run));
    Conv2d before(4, c.IC, 1), after(c.OC, 3, 1);
    randomize(before, random);
    randomize(after, random);
    const Conv2d layer = layer_of(c, random);
    const Sequential net = sequential(before, ReLU(), layer, after);
    const Tensor x = random.randn({c.N, 4, c.H, c.W});
    const Tensor middle = layer(sequential(before, ReLU())(x));
    const double terms = static_cast<double>(c.IC * c.OC * c.kernel.h * c.kernel.w);
    check_close(net(x), after(middle), [&](int64_t) { return tolerance(terms, 20 * std::sqrt(terms)); });
    ++run;
  }
}

TEST_CASE("Conv2d: an image's bits depend neither on its batch, nor on its place, nor on the threads") {
  std::mt19937 engine(5);
  for (int run = 0; run < 60;) {
    const Configuration c = draw(engine);
    if (!usable(c)) continue;
    ++run;
    Random random(static_cast<uint64_t>(run));
    const Conv2d layer = layer_of(c, random);
    const Tensor x = random.randn({19, c.IC, c.H, c.W});
    const int64_t image = x.numel() / 19;
    for (Isa isa : available_isas()) {
      const std::vector<StepInfo> steps = compile(layer, x.shape(), {.accuracy = Accuracy::fast, .isa = isa}).steps();
      for (const Candidate& candidate : steps.back().candidates) {
        CAPTURE(layer.str());
        CAPTURE(name(isa));
        CAPTURE(candidate.algorithm);
        Options options{.accuracy = Accuracy::fast, .algorithm = candidate.algorithm, .threads = 2, .isa = isa};
        const Tensor all = compile(layer, x.shape(), options)(x);
        options.threads = 1;
        CHECK(same_bits(all, compile(layer, x.shape(), options)(x)));
        const int64_t result = all.numel() / 19;
        for (int64_t n : {0, 7, 18}) {
          Tensor one({1, c.IC, c.H, c.W});
          std::copy_n(x.data() + n * image, image, one.data());
          const Tensor alone = compile(layer, one.shape(), options)(one);
          CHECK(std::equal(alone.bytes(), alone.bytes() + result * 4, all.bytes() + n * result * 4));
        }
      }
    }
  }
}

TEST_CASE("Conv2d: infinite weights meet no zeros beside the picture") {
  Conv2d layer(2, 3, 3, {.padding = 1, .bias = false});
  Random random(3);
  randomize(layer, random);
  Tensor weight = layer.weight.value().clone();
  weight.data()[0] = std::numeric_limits<float>::infinity();  // of the pixel above on the left
  layer.weight.set(weight);
  for (int64_t width : {5, 40})
    for (Isa isa : available_isas()) {
      const Tensor y = compile(layer, {1, 2, 4, width}, {.accuracy = Accuracy::exact, .isa = isa})(
          Tensor({1, 2, 4, width}, std::vector<float>(static_cast<size_t>(8 * width), 1.0f)));
      for (int64_t h = 0; h < 4; ++h)
        for (int64_t w = 0; w < width; ++w) CHECK(std::isinf(y.data()[h * width + w]) == (h > 0 && w > 0));
    }
}

TEST_CASE("Conv2d: takes up the pad before it") {
  Random random(11);
  const Sides sides{1, 1, 2, 2};
  const std::pair<const char*, std::shared_ptr<Module>> pads[] = {
      {"zeros", std::make_shared<ZeroPad2d>(sides)},
      {"zeros", std::make_shared<ConstantPad2d>(sides, 0.0)},
      {"reflect", std::make_shared<ReflectionPad2d>(sides)},
      {"replicate", std::make_shared<ReplicationPad2d>(sides)}};
  for (const auto& [mode, pad] : pads)
    for (const auto& [channels, width] : {std::pair<int64_t, int64_t>(3, 6), {20, 33}}) {
      Conv2d layer(channels, 4, 3, {.padding = 0});
      randomize(layer, random);
      const Tensor x = random.randn({2, channels, 5, width});
      Sequential net;
      net.append(pad).append(layer);
      CHECK(operations(net, x.shape()) == only_conv2d);
      check_algorithms(net, layer, x.shape(), x, x, {.padding = {2, 1}, .padding_mode = mode}, 2);
    }
  // Sides that differ, on top of the layer's own.
  Conv2d layer(3, 4, 3, {.padding = 1});
  randomize(layer, random);
  const Tensor x = random.randn({1, 3, 5, 6});
  const Sequential net = sequential(ZeroPad2d({0, 2, 1, 0}), layer);
  CHECK(operations(net, x.shape()) == only_conv2d);
  const Tensor y = net(x);
  CHECK(y.shape() == Shape{1, 4, 6, 8});
  Conv2d wide(3, 4, 3, {.padding = 3});
  wide.weight.set(layer.weight.value());
  wide.bias.set(layer.bias.value());
  const Tensor all = wide(x);  // (9, 10): 2 more above, 2 more on the left
  for (int64_t c = 0; c < 4; ++c)
    for (int64_t h = 0; h < 6; ++h)
      for (int64_t w = 0; w < 8; ++w)
        CHECK(y.data()[(c * 6 + h) * 8 + w] == doctest::Approx(all.data()[(c * 9 + h + 1) * 10 + w + 2]));
}

TEST_CASE("Conv2d: leaves alone the pads that it cannot take up") {
  const Conv2d layer = [] {
    Random random(13);
    Conv2d layer(3, 4, 3, {.padding = 1});
    randomize(layer, random);
    return layer;
  }();
  auto before = [&](auto pad, const Shape& input = {1, 3, 5, 6}) { return operations(sequential(pad, layer), input); };
  // Pixels that are reflected beside zeros are not those that are reflected beside the picture.
  CHECK(before(ReflectionPad2d(1)) == std::vector<std::string>{"ReflectionPad2d", "Conv2d"});
  CHECK(before(ConstantPad2d(1, 0.5)) == std::vector<std::string>{"ConstantPad2d", "Conv2d"});
  CHECK(before(ZeroPad2d({-1, 1, 0, 0})) == std::vector<std::string>{"ZeroPad2d", "Conv2d"});
  CHECK(before(ZeroPad2d(1), {1, 3, 0, 6}) == std::vector<std::string>{"ZeroPad2d", "Conv2d"});
}

TEST_CASE("Conv2d: takes up the repetition of pixels before it, and then the kernel's taps are sums") {
  Random random(12);
  for (const Pair repeat : {Pair(2), Pair(3, 1), Pair(2, 3)})
    for (const char* mode : {"zeros", "reflect", "replicate", "circular"})
      for (const Pair kernel : {Pair(3), Pair(5, 2), Pair(1)})
        for (const auto& [channels, width] : {std::pair<int64_t, int64_t>(3, 5), {20, 24}}) {
          if (mode == std::string("reflect") && repeat.w == 1) continue;
          Conv2d layer(channels, 4, kernel, {.padding = 1, .padding_mode = mode});
          randomize(layer, random);
          const Tensor x = random.randn({2, channels, 4, width});
          const Sequential net = sequential(nearest(repeat.h, repeat.w), layer);
          REQUIRE(operations(net, x.shape()) == only_conv2d);
          check_algorithms(net, layer, x.shape(), x, repeated(x, repeat), layer.options, 2);
        }
  // With a pad between, as in networks that paint styles.
  Conv2d layer(20, 4, 3);
  randomize(layer, random);
  const Tensor x = random.randn({2, 20, 9, 12});
  const Sequential net = sequential(nearest(2, 2), ReflectionPad2d(1), layer);
  CHECK(operations(net, x.shape()) == only_conv2d);
  check_algorithms(net, layer, x.shape(), x, repeated(x, 2), {.padding = 1, .padding_mode = "reflect"}, 2);
}

TEST_CASE("Conv2d: leaves alone what does not repeat pixels, or too often") {
  Random random(14);
  Conv2d layer(3, 4, 3);
  randomize(layer, random);
  auto before = [&](UpsampleOptions options, int64_t size) {
    return operations(sequential(Upsample(options), layer), {1, 3, size, size});
  };
  const std::vector<std::string> both{"Upsample", "Conv2d"};
  CHECK(before({.size = 8}, 4) == only_conv2d);
  CHECK(before({.scale_factor = 2.0, .mode = "nearest-exact"}, 4) == only_conv2d);
  CHECK(before({.size = 7}, 4) == both);
  CHECK(before({.scale_factor = 2.5}, 4) == both);
  CHECK(before({.scale_factor = 2.0, .mode = "bilinear"}, 4) == both);
  CHECK(before({.scale_factor = 1.0}, 4) == both);
  CHECK(before({.size = 16}, 2) == both);
}
