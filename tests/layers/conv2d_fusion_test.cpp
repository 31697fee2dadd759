// What a convolution takes up of its neighbours: pads, repeated pixels, sums and concatenations.
#include "tests/layers/conv2d_cases.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// The operations that a program runs, conversions of layouts apart.
std::vector<std::string> operations(const AnyModule& net, const Shape& input) {
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

/// What `f` of several pictures makes of xs must be, bit for bit, what `last` makes of the layer's result for `seen`,
/// with every instruction set and every algorithm of the layer, which is the last step of f's program.
void check_same_bits(const Function& f, const std::vector<Tensor>& xs, const AnyModule& layer, const Tensor& seen,
                     const std::function<Tensor(const Tensor&)>& last) {
  const Sandwich net(f, false);
  for (Isa isa : available_isas()) {
    Options options{.accuracy = Accuracy::fast, .threads = 2, .isa = isa};
    const std::vector<StepInfo> steps = compile(layer, seen.shape(), options).steps();
    for (const Candidate& candidate : steps.back().candidates) {
      CAPTURE(layer.str());
      CAPTURE(str(seen.shape()));
      CAPTURE(name(isa));
      CAPTURE(candidate.algorithm);
      options.algorithm = candidate.algorithm;
      const Program program = compile(net, types_of(xs), options);
      for (const StepInfo& step : program.steps())
        CHECK((step.operation == "Relayout" || step.operation == layer.type_name()));
      CHECK(same_bits(program(xs)[0], last(compile(layer, seen.shape(), options)(seen))));
    }
  }
}

/// relu(layer(x) + r) in one step, for random r.
void check_residual(const AnyModule& layer, const Tensor& x, Random& random) {
  const Tensor r = random.randn(compile(layer, x.shape()).outputs().front().shape);
  const auto last = [&](const Tensor& y) {
    Tensor sum = y.clone();
    for (int64_t i = 0; i < sum.numel(); ++i) sum.data()[i] = std::max(0.0f, sum.data()[i] + r.data()[i]);
    return sum;
  };
  check_same_bits([&](const Values& xs) { return relu(xs[1] + layer(xs[0])); }, {x, r}, layer, x, last);
}

}  // namespace

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
        CHECK(std::abs(y.data()[(c * 6 + h) * 8 + w] - all.data()[(c * 9 + h + 1) * 10 + w + 2]) <=
              network_tolerance(layer, all));
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

TEST_CASE("Conv2d: weights that several networks share are summed for each repetition and pad by itself") {
  Random random(19);
  Conv2d shared(3, 4, 3);
  randomize(shared, random);
  const Tensor x = random.randn({1, 3, 5, 6});
  const auto nets = [](const Conv2d& layer) {
    return std::vector<Sequential>{
        sequential(layer), sequential(nearest(2, 2), layer), sequential(nearest(2, 2), ZeroPad2d(1), layer),
        sequential(nearest(2, 2), ZeroPad2d({0, 1, 1, 0}), layer), sequential(nearest(3, 2), layer)};
  };
  const std::vector<Sequential> sharing = nets(shared);
  for (size_t i = 0; i < sharing.size(); ++i) {
    CAPTURE(sharing[i].str());
    Conv2d own(3, 4, 3);
    own.weight.set(shared.weight.value());
    own.bias.set(shared.bias.value());
    CHECK(operations(sharing[i], x.shape()) == only_conv2d);
    CHECK(same_bits(sharing[i](x), nets(own)[i](x)));
  }
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

TEST_CASE("Conv2d: adds a residual before its activation, bit for bit") {
  std::mt19937 engine(15);
  for (int run = 0; run < 150;) {
    const Configuration c = draw(engine);
    if (!usable(c)) continue;
    Random random(static_cast<uint64_t>(run++));
    const Conv2d layer = layer_of(c, random);
    check_residual(layer, random.randn({c.N, c.IC, c.H, c.W}), random);
  }
}

TEST_CASE("ConvTranspose2d: adds a residual before its activation, bit for bit") {
  Random random(16);
  for (int64_t out : {2, 3, 8, 40})  // phases merged in the lanes of a vector, rows, and neither
    for (int64_t kernel : {3, 4})
      for (const auto& [height, width] : {std::pair<int64_t, int64_t>(5, 4), {6, 27}}) {
        ConvTranspose2d layer(20, out, kernel, {.stride = 2, .padding = 1});
        randomize(layer, random);
        check_residual(layer, random.randn({2, 20, height, width}), random);
      }
}

TEST_CASE("Conv2d: reads the parts of a concatenation, bit for bit") {
  Random random(17);
  const auto same = [](const Tensor& y) { return y; };
  for (int64_t out : {3, 20})
    for (const auto& [height, width] : {std::pair<int64_t, int64_t>(3, 4), {5, 30}})
      for (const int64_t groups : {1, 2}) {
        if (out % groups != 0) continue;
        Conv2d layer(16 + 32 + 6, out, 3, {.padding = 1, .groups = groups});
        randomize(layer, random);
        const Shape shapes[] = {{2, 16, height, width}, {2, 32, height, width}, {2, 6, height, width}};
        std::vector<Tensor> xs;
        for (const Shape& shape : shapes) xs.push_back(random.randn(shape));
        const Tensor seen = compile(Sandwich([](const Values& x) { return cat(x, 1); }, false), types_of(xs))(xs)[0];
        check_same_bits([&](const Values& x) { return layer(cat(x, 1)); }, xs, layer, seen, same);
        check_same_bits(
            [&](const Values& x) {
              return layer(cat({x[0], cat({x[1], x[2]}, 1)}, 1));
            },
            xs, layer, seen, same);
        // With a residual behind them.
        xs.push_back(random.randn(compile(layer, seen.shape()).outputs().front().shape));
        const auto added = [&](const Tensor& y) {
          Tensor sum = y.clone();
          for (int64_t i = 0; i < sum.numel(); ++i) sum.data()[i] += xs[3].data()[i];
          return sum;
        };
        check_same_bits(
            [&](const Values& x) {
              return layer(cat({x[0], x[1], x[2]}, 1)) + x[3];
            },
            xs, layer, seen, added);
      }
}

TEST_CASE("Conv2d: leaves alone concatenations whose parts do not fill blocks of channels") {
  const auto steps = [](int64_t first, int64_t second) {
    Conv2d layer(first + second, 4, 1);
    Random random(18);
    randomize(layer, random);
    const std::vector<Type> types{{{1, first, 3, 5}, DType::float32}, {{1, second, 3, 5}, DType::float32}};
    const Sandwich net([&](const Values& xs) { return layer(cat(xs, 1)); }, false);
    std::vector<std::string> names;
    for (const StepInfo& step : compile(net, types).steps()) names.push_back(step.operation);
    return names;
  };
  const std::vector<std::string> uneven = steps(8, 16), even = steps(16, 8);
  CHECK(std::count(uneven.begin(), uneven.end(), "cat") == 1);
  CHECK(std::count(even.begin(), even.end(), "cat") == 0);
}
