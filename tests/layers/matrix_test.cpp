// Convolutions in matrix tiles, of bfloat16 and of floats, by the model on every machine.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "layers/conv_transpose2d.h"
#include "layers/convolution/algorithm.h"
#include "layers/convolution/machine_class.h"
#include "tests/layers/bfloat16_cases.h"
#include "tests/layers/conv2d_cases.h"
#include "tests/layers/conv_transpose2d_cases.h"
#include "tests/layers/sandwich.h"
#include "tests/reference/tile_model.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

const char* const names[] = {"tiles", "tiles x3", "tiles x6"};

Options options_for(const std::string& algorithm, Isa isa, int threads = 1) {
  return {.accuracy = Accuracy::fast,
          .precision = algorithm == "tiles" ? Precision::bfloat16 : Precision::float32,
          .round_inputs = true,
          .algorithm = algorithm,
          .threads = threads,
          .isa = isa};
}

bool is_candidate(const AnyModule& layer, const Shape& input, Options options) {
  const std::string algorithm = std::exchange(options.algorithm, "");
  const std::vector<Candidate> all = compile(layer, input, options).steps().back().candidates;
  return std::any_of(all.begin(), all.end(), [&](const Candidate& one) { return one.algorithm == algorithm; });
}

Tensor rounded(const Tensor& x) {
  Tensor y = x.clone();
  for (int64_t i = 0; i < y.numel(); ++i) y.data()[i] = std::bit_cast<float>(uint32_t{nearest(y.data()[i])} << 16);
  return y;
}

/// What tiles may do to a sum of so many terms: of rounded factors, and of six products, no more than a float's chain;
/// of three products what is left out too, of each factor the last eight bits.
double allowed(const std::string& algorithm, double terms, double magnitude) {
  return tolerance(terms, magnitude) + (algorithm == "tiles x3" ? 0x1p-15 * magnitude : 0);
}

/// One layer as the reference computes it.
template <class Layer, class Reference>
void check_tiles(const Layer& layer, const Tensor& x, const Reference& reference, Isa isa, int threads,
                 std::map<std::string, int>& tried) {
  const Tensor weight = layer.weight.value(), bias = layer.options.bias ? layer.bias.value() : Tensor();
  const Tensor magnitude = reference(absolute(x), absolute(weight), absolute(bias));
  const Shape& s = weight.shape();
  const double terms = static_cast<double>(std::max(s[0], s[1]) * s[2] * s[3]);
  for (const std::string algorithm : names) {
    CAPTURE(layer.str());
    CAPTURE(str(x.shape()));
    CAPTURE(name(isa));
    CAPTURE(algorithm);
    const Options options = options_for(algorithm, isa, threads);
    if (!is_candidate(layer, x.shape(), options)) continue;
    ++tried[algorithm];
    const bool bfloat16 = algorithm == "tiles";
    const Program program = compile(layer, x.shape(), options);
    CHECK(program.steps().back().algorithm == algorithm);
    CHECK(program.steps().back().precision == options.precision);
    check_close(program(x), bfloat16 ? reference(rounded(x), rounded(weight), bias) : reference(x, weight, bias),
                [&](int64_t i) { return allowed(algorithm, terms, magnitude.data()[i]); });
  }
}

Isa isa_of(int run) { return available_isas()[static_cast<size_t>(run) % available_isas().size()]; }

}  // namespace

TEST_CASE("tiles: a sweep of random convolutions against the reference") {
  const reference::LentTileModel model;
  std::mt19937 engine(2027);
  std::map<std::string, int> tried;
  for (int run = 0; run < 1000;) {
    const Configuration c = draw(engine);
    if (!usable(c) || (c.options.groups > 1 && c.options.groups == c.IC)) continue;
    Random random(static_cast<uint64_t>(run));
    const Conv2d layer = layer_of(c, random);
    const Tensor x = random.randn({c.N, c.IC, c.H, c.W});
    const Shape out = compile(layer, x.shape()).outputs().front().shape;
    const auto reference = [&](const Tensor& a, const Tensor& weight, const Tensor& bias) {
      return reference::conv2d(a, weight, bias, c.options, Pair(out[2], out[3]));
    };
    check_tiles(layer, x, reference, isa_of(run), 1 + run % 2, tried);
    ++run;
  }
  CHECK(tried["tiles"] > 300);
  CHECK(tried["tiles x3"] > 600);
  CHECK(tried["tiles x6"] > 600);
}

TEST_CASE("tiles: a sweep of random transposed convolutions against the reference") {
  const reference::LentTileModel model;
  std::mt19937 engine(2028);
  std::map<std::string, int> tried;
  for (int run = 0; run < 1000;) {
    const TransposedConfiguration c = draw_transposed(engine);
    const Pair out = output_of(c);
    const int64_t products = c.N * c.IC * c.OC / c.options.groups * c.H * c.W * c.kernel.h * c.kernel.w;
    if (out.h < 1 || out.w < 1 || products > 400'000) continue;
    const ConvTranspose2d layer(c.IC, c.OC, c.kernel, c.options);
    Random random(static_cast<uint64_t>(run));
    randomize(layer, random);
    const Tensor x = random.randn({c.N, c.IC, c.H, c.W});
    const auto reference = [&](const Tensor& a, const Tensor& weight, const Tensor& bias) {
      return reference::conv_transpose2d(a, weight, bias, c.options, out);
    };
    check_tiles(layer, x, reference, isa_of(run), 1 + run % 2, tried);
    ++run;
  }
  CHECK(tried["tiles"] > 300);
  CHECK(tried["tiles x3"] > 600);
  CHECK(tried["tiles x6"] > 600);
}

TEST_CASE("tiles: layers of several works, strips and blocks of outputs") {
  const reference::LentTileModel model;
  struct Case {
    int64_t IC, OC;
    Pair kernel;
    ConvTranspose2dOptions options;
    Shape input;
  };
  const std::vector<Case> cases = {{64, 80, 4, {.stride = 2, .padding = 1}, {2, 64, 24, 24}},
                                   {128, 40, 4, {.stride = 2, .padding = 1}, {5, 128, 4, 4}},
                                   {96, 200, 3, {.stride = 2, .padding = 1, .output_padding = 1}, {1, 96, 5, 7}},
                                   {70, 16, {1, 8}, {.stride = {1, 4}, .padding = {0, 2}}, {1, 70, 1, 1500}},
                                   {512, 8, {1, 3}, {.padding = {0, 1}}, {1, 512, 3, 600}},
                                   {64, 48, 4, {.stride = 2, .padding = 1, .groups = 2}, {3, 64, 9, 9}},
                                   {40, 33, 2, {.stride = 3}, {2, 40, 7, 7}},
                                   // In bfloat16 the sums of three runs of channels; a block's weights fill the budget.
                                   {288, 80, 4, {.stride = 2, .padding = 1}, {1, 288, 9, 17}}};
  std::map<std::string, int> tried;
  for (const Case& c : cases) {
    const ConvTranspose2d layer(c.IC, c.OC, c.kernel, c.options);
    Random random(3);
    randomize(layer, random);
    const Tensor x = random.randn(c.input);
    const Shape out = compile(layer, c.input).outputs()[0].shape;
    const auto reference = [&](const Tensor& a, const Tensor& weight, const Tensor& bias) {
      return reference::conv_transpose2d(a, weight, bias, c.options, Pair(out[2], out[3]));
    };
    for (int threads : {1, 2}) check_tiles(layer, x, reference, available_isas().front(), threads, tried);
  }
  for (const auto& [algorithm, count] : tried) CHECK(count == 2 * static_cast<int>(std::size(cases)));
  CHECK(tried.size() == 3);
}

TEST_CASE("tiles: bits depend neither on the batch, nor on the place in it, nor on the threads, nor on the vectors") {
  const reference::LentTileModel model;
  std::mt19937 engine(5);
  std::map<std::string, int> tried;
  for (int run = 0; run < 40; ++run) {
    const TransposedConfiguration c = draw_transposed(engine);
    const Pair out = output_of(c);
    if (out.h < 1 || out.w < 1) continue;
    const ConvTranspose2d layer(c.IC, c.OC, c.kernel, c.options);
    Random random(static_cast<uint64_t>(run));
    randomize(layer, random);
    const Tensor x = random.randn({9, c.IC, c.H, c.W});
    const int64_t image = c.IC * c.H * c.W, result = c.OC * out.h * out.w;
    for (const std::string algorithm : names) {
      if (!is_candidate(layer, x.shape(), options_for(algorithm, isa_of(0)))) continue;
      ++tried[algorithm];
      CAPTURE(layer.str());
      CAPTURE(algorithm);
      const Tensor all = compile(layer, x.shape(), options_for(algorithm, isa_of(0), 2))(x);
      for (Isa isa : available_isas())
        CHECK(same_bits(all, compile(layer, x.shape(), options_for(algorithm, isa, 1))(x)));
      for (int64_t n : {0, 4, 8}) {
        Tensor one({1, c.IC, c.H, c.W});
        std::copy_n(x.data() + n * image, image, one.data());
        const Tensor alone = compile(layer, one.shape(), options_for(algorithm, isa_of(0)))(one);
        CHECK(std::equal(alone.bytes(), alone.bytes() + result * 4, all.bytes() + n * result * 4));
      }
    }
  }
  for (const char* algorithm : names) CHECK(tried[algorithm] > 8);
}

TEST_CASE("tiles: parts of a concatenation, activations and what is added give the bits of steps of their own") {
  const reference::LentTileModel model;
  Random random(4);
  const Conv2d layer(80, 24, 3, {.padding = 1}), same_size(24, 24, 3, {.padding = 1});
  randomize(layer, random);
  randomize(same_size, random);
  const std::vector<Tensor> xs = {random.randn({2, 16, 9, 18}), random.randn({2, 48, 9, 18}),
                                  random.randn({2, 16, 9, 18})};
  Tensor whole({2, 80, 9, 18});
  for (int64_t n = 0; n < 2; ++n) {
    float* to = whole.data() + n * 80 * 9 * 18;
    for (const Tensor& x : xs) to = std::copy_n(x.data() + n * x.numel() / 2, x.numel() / 2, to);
  }
  const std::vector<Tensor> one = {whole}, small = {random.randn({2, 24, 9, 18})};
  for (const std::string algorithm : names)
    for (bool inside : {false, true}) {
      const Options options = options_for(algorithm, available_isas().front());
      const auto run = [&](const Function& function, const std::vector<Tensor>& inputs) {
        return compile(Sandwich(function, inside), types_of(inputs), options)(inputs)[0];
      };
      CAPTURE(algorithm);
      CAPTURE(inside);
      const Tensor plain = run([&](const Values& values) { return layer(values[0]); }, one);
      CHECK(same_bits(run([&](const Values& values) { return layer(cat(values, 1)); }, xs), plain));
      Tensor relu = run([&](const Values& values) { return ReLU()(layer(values[0])); }, one);
      CHECK(same_bits(relu, reference::relu(plain)));
      const Tensor alone = run([&](const Values& values) { return same_size(values[0]); }, small);
      const Tensor sum = run([&](const Values& values) { return ReLU()(same_size(values[0]) + values[0]); }, small);
      Tensor expected = alone.clone();
      for (int64_t i = 0; i < expected.numel(); ++i) expected.data()[i] += small[0].data()[i];
      CHECK(same_bits(sum, reference::relu(expected)));
      // What is added to may be stored rounded, as its reader makes it.
      const Tensor next =
          run([&](const Values& values) { return same_size(ReLU()(same_size(values[0]) + values[0])); }, small);
      CHECK(same_bits(next, run([&](const Values& values) { return same_size(values[0]); }, {sum})));
    }
}

TEST_CASE("tiles: six products are more exact than a chain of floats, three less, and bfloat16 errs as in vectors") {
  const reference::LentTileModel model;
  Random random(3);
  const ConvTranspose2dOptions options{.stride = 2, .padding = 1, .bias = false};
  const ConvTranspose2d layer(64, 16, 4, options);
  randomize(layer, random);
  const Tensor x = random.randn({1, 64, 24, 24});
  const std::vector<double> truth = reference::conv_transpose2d_sums(x, layer.weight.value(), options, 48);
  const auto error_of = [&](Precision precision, const std::string& algorithm) {
    Options asked = options_for(algorithm, available_isas().front());
    asked.precision = precision;
    const Tensor y = compile(layer, x.shape(), asked)(x);
    double squares = 0;
    for (size_t i = 0; i < truth.size(); ++i) squares += (y.data()[i] - truth[i]) * (y.data()[i] - truth[i]);
    return std::sqrt(squares / static_cast<double>(truth.size()));
  };
  const double direct = error_of(Precision::float32, "direct");
  CHECK(error_of(Precision::float32, "tiles x6") < 0.5 * direct);
  CHECK(error_of(Precision::float32, "tiles x3") > 2.2 * direct);  // why `standard` has no three
  CHECK(error_of(Precision::float32, "tiles x3") < 40 * direct);
  const double rounded_ones = error_of(Precision::bfloat16, "direct");
  CHECK(error_of(Precision::bfloat16, "tiles") < 1.01 * rounded_ones);
  CHECK(error_of(Precision::bfloat16, "tiles") > 0.99 * rounded_ones);
}

TEST_CASE("tiles: offered where the accuracy and the precision allow them") {
  const ConvTranspose2d large(128, 64, 4, {.stride = 2, .padding = 1});
  Random random(1);
  randomize(large, random);
  const auto tiles_for = [&](Accuracy accuracy, Precision precision) {
    const Options options{.accuracy = accuracy, .precision = precision, .round_inputs = true};
    const StepInfo step = compile(large, {1, 128, 16, 16}, options).steps().back();
    std::vector<std::string> all;
    for (const Candidate& one : step.candidates)
      if (one.algorithm.starts_with("tiles")) all.push_back(one.algorithm);
    return all;
  };
  using Names = std::vector<std::string>;
  const bool has_own = kernels::tile_kernels(default_isa()) != nullptr;
  if (!has_own) CHECK(tiles_for(Accuracy::fast, Precision::float32) == Names{});
  const reference::LentTileModel model;
  CHECK(tiles_for(Accuracy::exact, Precision::float32) == Names{});
  CHECK(tiles_for(Accuracy::exact, Precision::bfloat16) == Names{});
  CHECK(tiles_for(Accuracy::standard, Precision::float32) == Names{"tiles x6"});
  CHECK(tiles_for(Accuracy::standard, Precision::bfloat16) == Names{"tiles"});
  CHECK(tiles_for(Accuracy::fast, Precision::float32) == Names{"tiles x3", "tiles x6"});
  CHECK(tiles_for(Accuracy::fast, Precision::bfloat16) == Names{"tiles"});
}

TEST_CASE("tiles: on machines that have them they are taken where positions fill their lines") {
  const reference::LentTileModel model;
  const MachineCosts machine = costs_of({.wide = true});  // Granite Rapids'
  const auto taken = [&](const AxisArguments& axis, int64_t IC, int64_t OC, Precision precision) {
    const std::vector<Phase> phases = transposed_axis(axis);
    const ConvGeometry geometry{.in = {1, IC, axis.in, axis.in},
                                .out = {1, OC, axis.out, axis.out},
                                .groups = 1,
                                .KW = axis.kernel,
                                .rows = phases,
                                .cols = phases};
    const Isa isa = available_isas().front();
    kernels::Table table = precision == Precision::bfloat16 ? *kernels::pair_table(isa) : kernels::table(isa);
    table.width = 16;  // as beside tiles, whatever the vectors of this machine
    return choose(conv_candidates({.geometry = geometry,
                                   .input = Layout::channels_last,
                                   .output = Layout::channels_last,
                                   .table = table,
                                   .machine = machine}),
                  "")
        .name();
  };
  const AxisArguments large{.in = 64, .out = 128, .kernel = 4, .stride = 2, .padding = 1};
  CHECK(taken(large, 128, 64, Precision::bfloat16) == "tiles");
  CHECK(taken(large, 128, 64, Precision::float32) == "tiles x6");
  // Of 16 positions each reads one tap alone: 15 of 16 products would be of zeros.
  const AxisArguments latent{.in = 1, .out = 4, .kernel = 4};
  CHECK(taken(latent, 100, 64, Precision::bfloat16) == "direct");
  CHECK(taken(latent, 100, 64, Precision::float32) == "direct");
}

TEST_CASE("tiles: values between their layers lie in memory rounded, with the bits that their readers made of them") {
  const reference::LentTileModel model;
  const ConvTranspose2d a(24, 50, 4, {.stride = 2, .padding = 1});
  const Conv2d b(50, 38, 3, {.padding = 1}), c(38, 18, 3, {.stride = 2, .padding = 1});
  const Sequential net = sequential(a, ReLU(), b, c), begin = sequential(a, ReLU());
  Random random(5);
  randomize(net, random);
  const Tensor x = random.randn({3, 24, 6, 7});
  for (Isa isa : available_isas())
    for (int threads : {1, 2}) {
      const Options options = options_for("tiles", isa, threads);
      const auto alone = [&](const AnyModule& layer, const Tensor& of) {
        return compile(layer, of.shape(), options)(of);
      };
      const Program program = compile(net, x.shape(), options);
      std::vector<DType> stored;
      for (const StepInfo& step : program.steps()) {
        if (step.candidates.empty()) continue;
        CHECK(step.algorithm == "tiles");
        stored.push_back(step.stored);
      }
      CAPTURE(name(isa));
      CHECK(stored == std::vector<DType>{DType::bfloat16, DType::bfloat16, DType::float32});
      CHECK(same_bits(program(x), alone(c, rounded(alone(b, rounded(alone(begin, x)))))));
    }
}

TEST_CASE("tiles: an empty batch gives an empty batch") {
  const reference::LentTileModel model;
  const ConvTranspose2d layer(40, 20, 3);
  Random random(1);
  randomize(layer, random);
  for (const std::string algorithm : names)
    for (int threads : {1, 2})
      CHECK(compile(layer, {0, 40, 5, 5}, options_for(algorithm, default_isa(), threads))(Tensor({0, 40, 5, 5}))
                .shape() == Shape{0, 20, 7, 7});
}

TEST_CASE("tiles: infinite weights are summed directly, as zeros beside pictures must not meet them") {
  const reference::LentTileModel model;
  const ConvTranspose2d layer(6, 5, 3, {.padding = 1, .bias = false});
  Tensor weight({6, 5, 3, 3}, std::vector<float>(270, 1));
  weight.data()[0] = INFINITY;
  Parameter(layer.weight).set(weight);
  const Tensor x({1, 6, 5, 30}, std::vector<float>(900, 1));
  for (const std::string algorithm : names) {
    const Tensor y = compile(layer, x.shape(), options_for(algorithm, default_isa()))(x);
    int64_t infinite = 0, nans = 0;
    for (int64_t i = 0; i < y.numel(); ++i) {
      infinite += std::isinf(y.data()[i]);
      nans += std::isnan(y.data()[i]);
    }
    CHECK(infinite == 4 * 29);  // of the first output channel, where its first tap reads a pixel
    CHECK(nans == 0);
  }
}

TEST_CASE("tiles: none stay configured in a thread of the caller's") {
  const reference::LentTileModel model;
  const Conv2d layer(40, 40, 3, {.padding = 1});
  Random random(1);
  randomize(layer, random);
  const Tensor x = random.randn({2, 40, 12, 12});
  for (int threads : {1, 2}) {
    const Program program = compile(layer, x.shape(), options_for("tiles", available_isas().front(), threads));
    (void)program(x);
    CHECK(!reference::has_model_configured());
  }
}
