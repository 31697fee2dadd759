#include "tests/layers/conv2d_cases.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

using O = Conv2dOptions;

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
    return error_of([&] { return compile(net, input); });
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

TEST_CASE("Conv2d: a fresh layer runs with the values that it begins with") {
  const Conv2d layer(2, 3, 3, {.bias = false});
  CHECK(layer.weight.is_initial());
  CHECK(largest(layer(Random(0).randn({1, 2, 4, 4}))) > 0);
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

TEST_CASE("Conv2d: with a stride of 2 Winograd's algorithm is taken too, as exact as `standard` promises") {
  struct Case {
    int64_t kernel, padding;
    const char* mode;
  };
  for (const Case& c : {Case{4, 1, "zeros"}, Case{3, 1, "zeros"}, Case{5, 2, "reflect"}, Case{4, 0, "zeros"}})
    for (int64_t channels : {16, 64, 256}) {
      Random random(11);
      Conv2d layer(channels, 40, c.kernel, {.stride = 2, .padding = c.padding, .padding_mode = c.mode});
      randomize(layer, random);
      const Tensor x = random.randn({1, channels, 45, 50});
      const Tensor direct = compile(layer, x.shape(), {.accuracy = Accuracy::exact})(x);
      const Tensor truth = reference::conv2d(x, layer.weight.value(), layer.bias.value(), layer.options,
                                             Pair(direct.size(2), direct.size(3)));
      CAPTURE(layer.str());
      for (Isa isa : available_isas()) {
        Options options{.isa = isa};
        const std::vector<StepInfo> steps = compile(layer, x.shape(), options).steps();
        CHECK(steps.back().candidates.size() > 1);
        // A kernel of 3 is within a few percent either way, where vectors of 16 fit 40 channels badly.
        if (c.kernel > 3 && isa != Isa::amx) CHECK(steps.back().algorithm.starts_with("winograd"));
        for (const Candidate& candidate : steps.back().candidates) {
          CAPTURE(name(isa));
          CAPTURE(candidate.algorithm);
          options.algorithm = candidate.algorithm;
          CHECK(rms(compile(layer, x.shape(), options)(x), truth) <= 2.2 * rms(direct, truth));
        }
      }
    }
  Conv2d odd(24, 40, 4, {.stride = 2, .padding = 1});  // channels of a residue would not end with a panel's block
  Random random(12);
  randomize(odd, random);
  CHECK(compile(odd, {1, 24, 45, 50}, {.isa = isas_of_vectors().front()}).steps().back().algorithm == "direct");
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

TEST_CASE("Conv2d: exact hands infinities and NaN to the outputs whose windows see them, and to no others") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::mt19937 engine(5);
  Random random(5);
  size_t compared = 0;
  for (int i = 0; i < 200; ++i) {
    Configuration c = draw(engine);
    c.options.padding_mode = "zeros";
    Conv2d layer(c.IC, c.OC, c.kernel, c.options);
    randomize(layer, random);
    const Shape input{c.N, c.IC, c.H, c.W};
    Tensor x = random.randn(input);
    for (const float odd : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()})
      x.data()[engine() % static_cast<uint64_t>(x.numel())] = odd;
    Tensor expected;
    try {
      const Shape out = compile(layer, input).outputs().front().shape;
      const Tensor bias = c.options.bias ? layer.bias.value() : Tensor();
      expected = reference::conv2d(x, layer.weight.value(), bias, c.options, {out[2], out[3]});
    } catch (const Error&) {
      continue;  // the kernel reaches beyond the picture
    }
    ++compared;
    for (Isa isa : available_isas()) {
      CAPTURE(layer.str());
      CAPTURE(str(input));
      CAPTURE(name(isa));
      const Tensor y = compile(layer, input, {.accuracy = Accuracy::exact, .isa = isa})(x);
      int64_t wrong = 0;
      for (int64_t at = 0; at < y.numel(); ++at) {
        const float got = y.data()[at], want = expected.data()[at];
        wrong += std::isfinite(want) ? !std::isfinite(got) : std::isnan(want) ? !std::isnan(got) : got != want;
      }
      CHECK(wrong == 0);
    }
  }
  CHECK(compared > 100);
}

TEST_CASE("Conv2d: a kernel for every channel has an algorithm of its own, which is the cheapest") {
  Random random(19);
  for (int64_t stride : {1, 2}) {
    Conv2d layer(32, 32, 3, {.stride = stride, .padding = 1, .groups = 32});
    randomize(layer, random);
    for (Isa isa : available_isas()) {
      const std::vector<StepInfo> steps = compile(layer, {1, 32, 28, 28}, {.isa = isa}).steps();
      CHECK(std::any_of(steps.begin(), steps.end(), [](auto& step) { return step.algorithm == "depthwise"; }));
    }
  }
}
