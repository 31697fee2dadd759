// Layers that multiply in bfloat16.
#include <bit>

#include "layers/conv_transpose2d.h"
#include "layers/kernels/kernels.h"
#include "layers/linear.h"
#include "layers/norm.h"
#include "tests/layers/conv2d_cases.h"
#include "tests/layers/sandwich.h"
#include "tests/reference/tile_model.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

Tensor rounded(const Tensor& x) {
  Tensor y = x.clone();
  for (int64_t i = 0; i < y.numel(); ++i) {
    const auto bits = std::bit_cast<uint32_t>(y.data()[i]);
    y.data()[i] = std::bit_cast<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000);
  }
  return y;
}

/// The instruction sets that multiply pairs of bfloat16: the processor's, where it is fast, and the model.
std::vector<Isa> pair_isas() {
  std::vector<Isa> all;
  for (Isa isa : available_isas())
    if (kernels::pair_table(isa)) all.push_back(isa);
  return all;
}

Options in_bfloat16(Isa isa, const std::string& algorithm = "") {
  return {.accuracy = Accuracy::fast,
          .precision = Precision::bfloat16,
          .round_inputs = true,
          .algorithm = algorithm,
          .isa = isa};
}

/// What rounding both factors of products, whose absolute values add up to `magnitude`, may do to their sum; Winograd's
/// sums pass through numbers that are larger than their terms.
double rounding(const std::string& algorithm, double magnitude) {
  return (algorithm.find("F(4,") != std::string::npos ? 24 : 4) * 0x1p-8 * magnitude;
}

std::vector<std::string> precisions_of(const Program& program) {
  std::vector<std::string> all;
  for (const StepInfo& step : program.steps())
    if (!step.candidates.empty() || step.operation == "Linear") all.push_back(step.path + " " + name(step.precision));
  return all;
}

std::vector<Candidate> candidates_of(const AnyModule& layer, const Shape& input, const Options& options) {
  return compile(layer, input, options).steps().back().candidates;
}

/// Four layers that may be rounded, one of few outputs, which tiles alone round, one with a kernel for each channel.
Sequential painter() {
  return sequential(ConvTranspose2d(20, 48, 4), BatchNorm2d(48), ReLU(),
                    ConvTranspose2d(48, 32, 4, {.stride = 2, .padding = 1}), ReLU(), Conv2d(32, 32, 3, {.padding = 1}),
                    Conv2d(32, 32, 3, {.padding = 1, .groups = 32}), Conv2d(32, 40, 1),
                    ConvTranspose2d(40, 3, 4, {.stride = 2, .padding = 1}), Tanh());
}

}  // namespace

TEST_CASE("bfloat16: direct sums are those of rounded weights and inputs, the model's with the same bits") {
  std::mt19937 engine(11);
  Random random(11);
  int64_t tried = 0, rounded_ones = 0;
  while (tried < 150) {
    const Configuration c = draw(engine);
    if (!usable(c)) continue;
    ++tried;
    const Conv2d layer = layer_of(c, random);
    const Tensor x = random.randn({c.N, c.IC, c.H, c.W});
    const Tensor bias = layer.options.bias ? layer.bias.value() : Tensor();
    std::optional<Tensor> first;
    for (Isa isa : pair_isas()) {
      const Program program = compile(layer, x.shape(), in_bfloat16(isa, "direct"));
      CAPTURE(layer.str());
      CAPTURE(str(x.shape()));
      CAPTURE(name(isa));
      if (program.steps().back().precision == Precision::float32) {
        const bool depthwise = c.options.groups > 1 && c.options.groups == c.IC;
        const bool few = c.OC / c.options.groups <= 4,
                   uneven = c.options.groups > 1 && c.IC / c.options.groups % 2 == 1;
        CHECK((depthwise || few || uneven));
        continue;
      }
      ++rounded_ones;
      const Tensor got = program(x);
      if (!first) {
        const Shape& out = got.shape();
        const auto of = [&](const Tensor& a, const Tensor& weight, const Tensor& shift) {
          return reference::conv2d(a, weight, shift, c.options, Pair(out[2], out[3]));
        };
        const Tensor weight = layer.weight.value();
        const Tensor magnitude = of(absolute(x), absolute(weight), absolute(bias));
        const Shape& s = weight.shape();
        check_close(got, of(rounded(x), rounded(weight), bias),
                    [&](int64_t i) { return tolerance(static_cast<double>(s[1] * s[2] * s[3]), magnitude.data()[i]); });
        first = got;
      }
      CHECK(same_bits(got, *first));
    }
  }
  CHECK(rounded_ones > 30);
}

TEST_CASE("bfloat16: every algorithm stays within its rounding, whatever the phases and windows") {
  Random random(5);
  struct Case {
    int64_t IC, OC;
    Pair kernel;
    ConvTranspose2dOptions options;
  };
  const Case cases[] = {{16, 5, 4, {.stride = 2, .padding = 1}},
                        {48, 40, 4, {.stride = 2, .padding = 1}},
                        {33, 17, 4, {.stride = 2, .padding = 1}},
                        {34, 33, 3, {.stride = 2, .padding = 1, .output_padding = 1}},
                        {64, 16, 3, {.padding = 1}},
                        {32, 24, 2, {}},
                        {18, 6, 5, {.stride = 2, .padding = 2, .output_padding = 1}},
                        {64, 32, 2, {.stride = 2}}};
  for (const Case& c : cases)
    for (const Shape& input : {Shape{2, c.IC, 6, 5}, Shape{1, c.IC, 7, 26}}) {
      const ConvTranspose2d layer(c.IC, c.OC, c.kernel, c.options);
      randomize(layer, random);
      const Tensor x = random.randn(input), weight = layer.weight.value(), bias = layer.bias.value();
      const Shape out = compile(layer, input).outputs()[0].shape;
      const auto of = [&](const Tensor& a, const Tensor& w, const Tensor& shift) {
        return reference::conv_transpose2d(a, w, shift, c.options, Pair(out[2], out[3]));
      };
      const Tensor expected = of(x, weight, bias), magnitude = of(absolute(x), absolute(weight), absolute(bias));
      for (Isa isa : pair_isas())
        for (const Candidate& candidate : candidates_of(layer, input, in_bfloat16(isa))) {
          CAPTURE(layer.str());
          CAPTURE(str(input));
          CAPTURE(name(isa));
          CAPTURE(candidate.algorithm);
          const Program program = compile(layer, input, in_bfloat16(isa, candidate.algorithm));
          REQUIRE(program.steps().back().precision == Precision::bfloat16);
          REQUIRE(program.steps().back().algorithm == candidate.algorithm);
          check_close(program(x), expected,
                      [&](int64_t i) { return rounding(candidate.algorithm, magnitude.data()[i]); });
        }
    }
}

TEST_CASE("bfloat16: Conv2d of stride 2 takes Winograd's schemes by residues") {
  Random random(6);
  const Conv2dOptions options{.stride = 2, .padding = 1};
  const Conv2d layer(48, 20, 3, options);
  randomize(layer, random);
  const Tensor x = random.randn({2, 48, 12, 13});
  const Tensor expected = reference::conv2d(x, layer.weight.value(), layer.bias.value(), options, Pair(6, 7));
  const Tensor magnitude =
      reference::conv2d(absolute(x), absolute(layer.weight.value()), absolute(layer.bias.value()), options, Pair(6, 7));
  size_t schemes = 0;
  for (Isa isa : pair_isas())
    for (const Candidate& candidate : candidates_of(layer, x.shape(), in_bfloat16(isa))) {
      CAPTURE(name(isa));
      CAPTURE(candidate.algorithm);
      schemes += candidate.algorithm != "direct";
      check_close(compile(layer, x.shape(), in_bfloat16(isa, candidate.algorithm))(x), expected,
                  [&](int64_t i) { return rounding(candidate.algorithm, magnitude.data()[i]); });
    }
  CHECK(schemes > 0);
}

TEST_CASE(
    "bfloat16: standard has F(2,2) and F(2,3) beside direct sums in vectors, and a scheme's error is what its points "
    "give") {
  Random random(3);
  const ConvTranspose2dOptions options{.stride = 2, .padding = 1, .bias = false};
  const ConvTranspose2d layer(64, 16, 4, options);
  randomize(layer, random);
  const Tensor x = random.randn({1, 64, 24, 24});
  Options bfloat16 = in_bfloat16(pair_isas().front());
  const auto names_for = [&](Accuracy accuracy) {
    bfloat16.accuracy = accuracy;
    std::vector<std::string> names;
    for (const Candidate& one : candidates_of(layer, x.shape(), bfloat16))
      if (one.algorithm != "tiles") names.push_back(one.algorithm.substr(0, std::string("winograd F(2,2)").size()));
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  };
  CHECK(names_for(Accuracy::exact) == std::vector<std::string>{"direct"});
  CHECK(names_for(Accuracy::standard) == std::vector<std::string>{"winograd F(2,2)", "winograd F(2,3)", "direct"});
  CHECK(names_for(Accuracy::fast).size() > 3);

  const Tensor truth = reference::conv_transpose2d(x, layer.weight.value(), {}, options, 48);
  const auto error_of = [&](const std::string& algorithm) {
    bfloat16.algorithm = algorithm;
    return rms(compile(layer, x.shape(), bfloat16)(x), truth);
  };
  const double direct = error_of("direct");
  CHECK(error_of("winograd F(2,2)") < 1.25 * direct);  // 1.15 by ForRounded's sum, 2.0 with the points of floats
  CHECK(error_of("winograd F(3,2)") < 1.8 * direct);
  CHECK(error_of("winograd F(3,2)") > 1.5 * direct);
}

TEST_CASE("bfloat16: bits do not depend on the batch or the threads") {
  Random random(9);
  const Sequential net = painter();
  randomize(net, random);
  const Tensor all = random.randn({5, 20, 1, 1});
  for (Isa isa : available_isas())
    for (Accuracy accuracy : {Accuracy::exact, Accuracy::standard, Accuracy::fast}) {
      Options options{.accuracy = accuracy, .precision = Precision::bfloat16, .threads = 1, .isa = isa};
      const Tensor alone = compile(net, all.shape(), options)(all);
      options.threads = 2;
      CHECK(same_bits(compile(net, all.shape(), options)(all), alone));
      const int64_t size = alone.numel() / 5;
      for (int64_t n = 0; n < 5; ++n) {
        Tensor one({1, 20, 1, 1});
        std::copy_n(all.data() + n * 20, 20, one.data());
        const Tensor got = compile(net, one.shape(), options)(one);
        CHECK(std::equal(got.data(), got.data() + size, alone.data() + n * size));
      }
    }
}

TEST_CASE("bfloat16: layers that read what the network is given, few outputs and depthwise ones stay in float32") {
  Random random(2);
  const Sequential net = painter();
  randomize(net, random);
  Options options{.accuracy = Accuracy::exact, .precision = Precision::bfloat16, .isa = pair_isas().front()};
  const auto of = [&] { return precisions_of(compile(net, {1, 20, 1, 1}, options)); };
  const std::vector<std::string> usual = {"0 float32", "3 bfloat16", "5 bfloat16",
                                          "6 float32", "7 bfloat16", "8 float32"};
  CHECK(of() == usual);
  options.round_inputs = true;
  CHECK(of().front() == "0 bfloat16");
  options.float32 = {"0", "?"};
  for (const std::string& one : of()) CHECK(one.ends_with("float32"));
  options.float32 = {"5"};
  CHECK(of()[2] == "5 float32");
  CHECK(of()[1] == "3 bfloat16");
  options.precision = Precision::float32;
  for (const std::string& one : of()) CHECK(one.ends_with("float32"));
}

TEST_CASE("bfloat16: few outputs are rounded where there are tiles, which other instruction sets are lent here") {
  Random random(3);
  const Tensor x = random.randn({2, 40, 5, 37});
  struct Case {
    int64_t outputs;  // of all phases together in one tile, but for those that it does not hold
    Pair kernel;
    ConvTranspose2dOptions options;
  };
  const Case cases[] = {{1, 4, {.stride = 2, .padding = 1}},
                        {3, 4, {.stride = 2, .padding = 1}},
                        {4, 4, {.stride = 2, .padding = 1, .bias = false}},
                        {3, 3, {.stride = 2, .padding = 1, .output_padding = 1}},
                        {2, 5, {.stride = {1, 3}, .padding = 2, .dilation = {2, 1}}},
                        {1, 5, {.stride = 3, .padding = 1}},
                        {3, {1, 2}, {.stride = 2}},
                        {3, 5, {.stride = 3}},
                        {3, 3, {.padding = 1}}};
  for (const Case& c : cases) {
    const ConvTranspose2d layer(40, c.outputs, c.kernel, c.options);
    randomize(layer, random);
    CAPTURE(layer.str());
    const Sequential net = sequential(layer, Tanh());
    Options options{.precision = Precision::bfloat16, .round_inputs = true, .isa = Isa::scalar};
    const auto precision = [&] { return compile(net, x.shape(), options).steps().front().precision; };
    CHECK(precision() == Precision::float32);
    const reference::LentTileModel model;
    CHECK(precision() == Precision::bfloat16);
    options.algorithm = "tiles";
    const Program program = compile(net, x.shape(), options);
    const Shape& out = program.outputs().front().shape;
    const auto sums_of = [&](const Tensor& a, const Tensor& weight, const Tensor& bias) {
      return reference::conv_transpose2d(a, weight, bias, c.options, Pair(out[2], out[3]));
    };
    const Tensor weight = rounded(layer.weight.value()), bias = c.options.bias ? layer.bias.value() : Tensor();
    Tensor expected = sums_of(rounded(x), weight, bias);
    const Tensor magnitude = sums_of(absolute(rounded(x)), absolute(weight), absolute(bias));
    for (int64_t i = 0; i < expected.numel(); ++i) expected.data()[i] = std::tanh(expected.data()[i]);
    check_close(program(x), expected, [&](int64_t i) {
      return tolerance(static_cast<double>(40 * numel(weight.shape())), magnitude.data()[i]) + tolerance(4, 1);
    });
    options.accuracy = Accuracy::exact;
    options.algorithm = "";
    CHECK(precision() == Precision::float32);
  }
}

TEST_CASE("bfloat16: a name in Options::float32 that is no layer's is an error that lists them") {
  const Sequential net = sequential({{"main", sequential(ConvTranspose2d(8, 8, 3), ReLU(), ConvTranspose2d(8, 8, 3))}});
  Options options{.precision = Precision::bfloat16, .float32 = {"mani.2"}, .isa = pair_isas().front()};
  CHECK(error_of([&] {
          (void)compile(net, {1, 8, 4, 4}, options);
        }) ==
        "Options::float32: \"mani.2\" names no layer that could be rounded: there are main.0, main.2; did you mean "
        "main.2?");
  options.float32 = {"main"};  // a module around them
  for (const std::string& one : precisions_of(compile(net, {1, 8, 4, 4}, options))) CHECK(one.ends_with("float32"));
}

TEST_CASE("bfloat16: what is read through a concatenation with the input stays in float32") {
  struct Skip : Module {
    Conv2d a = child("a", Conv2d(16, 16, 3, {.padding = 1}));
    Conv2d b = child("b", Conv2d(32, 16, 3, {.padding = 1}));
    Conv2d c = child("c", Conv2d(16, 16, 3, {.padding = 1}));
    Value forward(Value x) const override { return c(b(cat({a(x), x}, 1))); }
  };
  Skip net;
  Random random(1);
  randomize(net, random);
  const Options options{.precision = Precision::bfloat16, .isa = pair_isas().front()};
  CHECK(precisions_of(compile(net, {1, 16, 8, 8}, options)) ==
        std::vector<std::string>{"a float32", "b float32", "c bfloat16"});
}

TEST_CASE("bfloat16: parts of a concatenation give the bits of the whole") {
  Random random(4);
  const Conv2d layer(80, 24, 3, {.padding = 1});
  randomize(layer, random);
  std::vector<Tensor> xs = {random.randn({2, 16, 9, 18}), random.randn({2, 48, 9, 18}), random.randn({2, 16, 9, 18})};
  Tensor whole({2, 80, 9, 18});
  for (int64_t n = 0; n < 2; ++n) {
    float* to = whole.data() + n * 80 * 9 * 18;
    for (const Tensor& x : xs) to = std::copy_n(x.data() + n * x.numel() / 2, x.numel() / 2, to);
  }
  for (bool inside : {false, true})
    for (const char* algorithm : {"direct", "winograd F(2,3)"}) {
      const Sandwich parts([&](const Values& values) { return layer(cat(values, 1)); }, inside);
      const Sandwich at_once([&](const Values& values) { return layer(values[0]); }, inside);
      const Options options = in_bfloat16(pair_isas().front(), algorithm);
      const std::vector<Tensor> one = {whole};
      CAPTURE(algorithm);
      CAPTURE(inside);
      CHECK(same_bits(compile(parts, types_of(xs), options)(xs)[0], compile(at_once, types_of(one), options)(one)[0]));
    }
}

TEST_CASE("bfloat16: one layer in both precisions keeps the weights of each") {
  Random random(8);
  const ConvTranspose2d layer(32, 32, 4, {.stride = 2, .padding = 1});
  randomize(layer, random);
  const Tensor x = random.randn({1, 32, 8, 8});
  for (const char* algorithm : {"direct", "winograd F(2,2)"}) {
    const Options floats{.algorithm = algorithm, .isa = pair_isas().front()},
        pairs = in_bfloat16(pair_isas().front(), algorithm);
    const Tensor before = compile(layer, x.shape(), floats)(x);
    const Tensor between = compile(layer, x.shape(), pairs)(x);
    CHECK(same_bits(compile(layer, x.shape(), floats)(x), before));
    CHECK(!same_bits(between, before));
    CHECK(compile(layer, x.shape(), pairs).packed_bytes() < 0.6 * compile(layer, x.shape(), floats).packed_bytes());
  }
}

TEST_CASE("bfloat16: choices of one precision are none of the other's") {
  const ConvTranspose2d layer(32, 32, 4, {.stride = 2, .padding = 1});
  Random random(8);
  randomize(layer, random);
  Options pairs = in_bfloat16(pair_isas().front(), "direct"), told = in_bfloat16(pair_isas().front());
  pairs.threads = told.threads = 1;
  Options floats{.accuracy = Accuracy::fast, .threads = 1, .isa = pair_isas().front()};
  const auto algorithm_of = [&](const Options& options) {
    for (const StepInfo& step : compile(layer, {1, 32, 8, 8}, options).steps())
      if (!step.candidates.empty()) return step.algorithm;
    return std::string();
  };
  const std::string usual = algorithm_of(floats);
  REQUIRE(usual != "direct");
  const Choices choices = compile(layer, {1, 32, 8, 8}, pairs).choices();
  CHECK(choices.all()[0].layer.ends_with(", bfloat16"));
  floats.choices = std::make_shared<const Choices>(choices);
  CHECK(algorithm_of(floats) == usual);
  told.choices = floats.choices;
  CHECK(algorithm_of(told) == "direct");
}

TEST_CASE("bfloat16: infinite weights, and those that become so, give what sums of them give") {
  const ConvTranspose2d layer(6, 5, 3, {.padding = 1, .bias = false});
  Tensor weight({6, 5, 3, 3}, std::vector<float>(270, 1));
  weight.data()[0] = 3.4e38f;  // the nearest bfloat16 is infinity
  Parameter(layer.weight).set(weight);
  const Tensor x({1, 6, 5, 30}, std::vector<float>(900, 1));
  const Tensor y = compile(layer, x.shape(), in_bfloat16(pair_isas().front()))(x);
  int64_t infinite = 0, nans = 0;
  for (int64_t i = 0; i < y.numel(); ++i) {
    infinite += std::isinf(y.data()[i]);
    nans += std::isnan(y.data()[i]);
  }
  CHECK(infinite == 4 * 29);  // of the first output channel, where its first tap reads a pixel
  CHECK(nans == 0);
}

TEST_CASE("bfloat16: Linear") {
  Random random(7);
  for (int64_t in : {1, 7, 40, 129}) {
    const Linear layer(in, 21);
    randomize(layer, random);
    const Tensor x = random.randn({6, in});
    const Tensor magnitude =
        reference::linear(absolute(x), absolute(layer.weight.value()), absolute(layer.bias.value()));
    std::optional<Tensor> first;
    for (Isa isa : pair_isas()) {
      const Tensor got = compile(layer, x.shape(), in_bfloat16(isa))(x);
      check_close(got, reference::linear(rounded(x), rounded(layer.weight.value()), layer.bias.value()),
                  [&](int64_t i) { return tolerance(static_cast<double>(in), magnitude.data()[i]); });
      if (!first) first = got;
      CHECK(same_bits(got, *first));
    }
  }
}

namespace {

/// A layer whose inputs and outputs lie in memory as bfloat16 between others: of channels that fill no vector, over
/// picture sizes that fill no register tile.
Sequential between(const ConvTranspose2d& a, const Conv2d& b, const Conv2d& c) { return sequential(a, ReLU(), b, c); }

std::vector<std::string> stored_of(const Program& program) {
  std::vector<std::string> all;
  for (const StepInfo& step : program.steps())
    if (!step.candidates.empty()) all.push_back(step.path + " " + std::string(name(step.stored)));
  return all;
}

/// y of one layer alone, which is given x.
Tensor alone(const AnyModule& layer, const Tensor& x, const Options& options) {
  return compile(layer, x.shape(), options)(x);
}

}  // namespace

TEST_CASE("bfloat16: values between layers lie in memory rounded, with the bits that their readers made of them") {
  Random random(12);
  const ConvTranspose2d a(24, 50, 4, {.stride = 2, .padding = 1});
  const Conv2d b(50, 38, 3, {.padding = 1}), c(38, 18, 3, {.padding = 1});
  const Sequential net = between(a, b, c);
  randomize(net, random);
  for (const Shape& input : {Shape{3, 24, 5, 4}, Shape{2, 24, 3, 23}}) {
    const Tensor x = random.randn(input);
    for (Isa isa : pair_isas())
      for (const char* algorithm : {"direct", "winograd F(2,3)"}) {
        const Options options = in_bfloat16(isa, algorithm);
        const Program program = compile(net, input, options);
        CAPTURE(name(isa));
        CAPTURE(algorithm);
        // Winograd's schemes round what they made of floats, and are given these.
        const bool direct = algorithm == std::string("direct");
        const std::string stored = direct ? "bfloat16" : "float32";
        CHECK(stored_of(program) == std::vector<std::string>{"0 " + stored, "2 " + stored, "3 float32"});
        Tensor first = alone(sequential(a, ReLU()), x, options);
        if (direct) first = rounded(first);
        Tensor second = alone(b, first, options);
        if (direct) second = rounded(second);
        const Tensor expected = alone(c, second, options);
        CHECK(same_bits(program(x), expected));
        Options two = options;
        two.threads = 2;
        CHECK(same_bits(compile(net, input, two)(x), expected));
      }
  }
}

TEST_CASE("bfloat16: what is added, what a norm or a view reads and what leaves the network is stored as floats") {
  struct Net : Module {
    Conv2d a = child("a", Conv2d(16, 32, 3, {.padding = 1}));
    Conv2d b = child("b", Conv2d(32, 32, 3, {.padding = 1}));
    Conv2d c = child("c", Conv2d(32, 32, 3, {.padding = 1}));
    Conv2d d = child("d", Conv2d(32, 32, 3, {.padding = 1}));
    InstanceNorm2d norm = child("norm", InstanceNorm2d(32));
    Conv2d e = child("e", Conv2d(64, 3, 3, {.padding = 1}));
    Value forward(Value x) const override {
      const Value skip = a(x), inner = b(skip);
      const Value sum = c(inner) + skip;
      return e(cat({norm(d(sum)), sum}, 1));
    }
  };
  Net net;
  Random random(13);
  randomize(net, random);
  const Program program = compile(net, {2, 16, 9, 21}, in_bfloat16(pair_isas().front(), "direct"));
  // a is added, d is what a norm reads, e leaves; c with the sum is read by d, and by e of few outputs.
  CHECK(stored_of(program) ==
        std::vector<std::string>{"a float32", "b bfloat16", "c bfloat16", "d float32", "e float32"});
}

TEST_CASE("bfloat16: without fast instructions for it layers that wait for their weights keep them so") {
  Random random(14);
  const ConvTranspose2dOptions usual{.stride = 2, .padding = 1};
  const ConvTranspose2d layer(162, 70, 4, usual);
  randomize(layer, random);
  const Tensor x = random.randn({3, 162, 4, 5}), weight = layer.weight.value(), bias = layer.bias.value();
  const auto of = [&](const Tensor& a, const Tensor& w, const Tensor& shift) {
    return reference::conv_transpose2d(a, w, shift, usual, Pair(8, 10));
  };
  const Tensor exact = of(x, rounded(weight), bias), magnitude = of(absolute(x), absolute(weight), absolute(bias));
  for (Isa isa : available_isas()) {
    if (kernels::pair_table(isa) || !kernels::table(isa).direct_halved) continue;
    size_t halved = 0;
    for (const Candidate& candidate : candidates_of(layer, x.shape(), in_bfloat16(isa))) {
      CAPTURE(name(isa));
      CAPTURE(candidate.algorithm);
      Options options = in_bfloat16(isa, candidate.algorithm);
      options.threads = 1;
      const Program program = compile(layer, x.shape(), options);
      const bool direct = candidate.algorithm == "direct";
      if (!direct && candidate.algorithm.find("lean") == std::string::npos) {
        CHECK(program.steps().back().precision == Precision::float32);
        continue;
      }
      ++halved;
      CHECK(program.steps().back().precision == Precision::bfloat16);
      Options floats = options;
      floats.precision = Precision::float32;
      CHECK(program.packed_bytes() < 0.6 * compile(layer, x.shape(), floats).packed_bytes());
      const Tensor y = program(x);
      if (direct)
        check_close(y, exact, [&](int64_t i) { return tolerance(4 * 162, magnitude.data()[i]); });
      else
        check_close(y, of(x, weight, bias),
                    [&](int64_t i) { return rounding(candidate.algorithm, magnitude.data()[i]); });
      options.threads = 2;
      CHECK(same_bits(compile(layer, x.shape(), options)(x), y));
      for (int64_t n = 0; n < 3; ++n) {
        Tensor one({1, 162, 4, 5});
        std::copy_n(x.data() + n * one.numel(), one.numel(), one.data());
        const Tensor got = compile(layer, one.shape(), options)(one);
        CHECK(std::equal(got.data(), got.data() + got.numel(), y.data() + n * got.numel()));
      }
    }
    CHECK(halved >= 2);
  }
}
