#include <fmt/format.h>

#include <vector>

#include "tests/reference/reference.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

ConvTranspose2d layer_of(int64_t in, int64_t out, Pair kernel, const ConvTranspose2dOptions& options, Random& random) {
  ConvTranspose2d layer(in, out, kernel, options);
  randomize(layer, random);
  return layer;
}

std::string algorithm(const AnyModule& layer, const Shape& shape, const Options& options = {}) {
  return compile(layer, shape, options).steps().back().algorithm;
}

constexpr int64_t size = 24;  // enough tiles that products outweigh transforms
const ConvTranspose2dOptions k4s2{.stride = 2, .padding = 1};
const ConvTranspose2dOptions k3s1{.padding = 1};
const ConvTranspose2dOptions k3s2{.stride = 2, .padding = 1, .output_padding = 1};
const ConvTranspose2dOptions k5s2{.stride = 2, .padding = 2, .output_padding = 1};

}  // namespace

TEST_CASE("Winograd: taken where it saves products, never where exact sums are asked for") {
  Random random(0);
  const ConvTranspose2d up = layer_of(64, 64, 4, k4s2, random), flat = layer_of(64, 64, 3, k3s1, random),
                        flat16 = layer_of(16, 64, 3, k3s1, random);
  for (Isa isa : isas_of_vectors()) {
    CAPTURE(name(isa));
    CHECK(algorithm(up, {1, 64, size, size}, {.isa = isa}).starts_with("winograd F("));  // which, machines decide
    CHECK(algorithm(flat, {1, 64, size, size}, {.isa = isa}) == "winograd F(4,3)");
    CHECK(algorithm(flat16, {1, 16, size, size}, {.isa = isa}) != "winograd F(4,3)");  // it errs too much here
    const auto sums = [&](const std::string& name) { return name == "direct" || name == "rows"; };
    CHECK(sums(algorithm(up, {1, 64, size, size}, {.accuracy = Accuracy::exact, .isa = isa})));
    CHECK(algorithm(up, {1, 64, 1, 1}, {.isa = isa}) == "direct");
    CHECK(sums(algorithm(layer_of(64, 64, 2, {.stride = 2}, random), {1, 64, size, size}, {.isa = isa})));
    CHECK(algorithm(layer_of(64, 64, 4, {.stride = 2, .padding = 1, .groups = 2}, random), {1, 64, size, size},
                    {.isa = isa}) == "direct");
  }
}

TEST_CASE("Winograd: every candidate can be asked for by its name, and paints the same") {
  Random random(5);
  const Sequential net = sequential(layer_of(24, 32, 4, k4s2, random), ReLU(), layer_of(32, 20, 3, k3s1, random));
  const Tensor x = random.randn({2, 24, 10, 21});
  for (Isa isa : available_isas())
    for (Tune tune : {Tune::latency, Tune::throughput}) {
      const Tensor exact = compile(net, x.shape(), {.accuracy = Accuracy::exact, .isa = isa})(x);
      const Options fast{.tune = tune, .accuracy = Accuracy::fast, .isa = isa};
      const std::vector<StepInfo> chosen = compile(net, x.shape(), fast).steps();
      for (const StepInfo& wanted : chosen)
        for (const Candidate& candidate : wanted.candidates) {
          CAPTURE(name(isa));
          CAPTURE(candidate.algorithm);
          CHECK(candidate.cycles > 0);
          Options forced = fast;
          forced.algorithm = candidate.algorithm;
          const Program program = compile(net, x.shape(), forced);
          const std::vector<StepInfo> steps = program.steps();
          REQUIRE(steps.size() == chosen.size());
          for (size_t i = 0; i < steps.size(); ++i) {
            const bool could = std::any_of(steps[i].candidates.begin(), steps[i].candidates.end(),
                                           [&](const Candidate& one) { return one.algorithm == candidate.algorithm; });
            CHECK(steps[i].algorithm == (could ? candidate.algorithm : chosen[i].algorithm));
          }
          double most = 1;  // the other layer has an algorithm of its own
          for (const StepInfo& step : steps) most = std::max(most, growth(step.algorithm));
          const double bound = network_tolerance(net, exact, most);
          check_close(program(x), exact, [&](int64_t) { return bound; });
        }
    }
  // A 3x3 kernel has three taps, so this is for the first layer alone.
  const auto steps = compile(net, x.shape(), {.algorithm = "winograd F(3,2)"}).steps();
  CHECK(steps.front().algorithm == "winograd F(3,2)");
  CHECK(steps.back().algorithm == compile(net, x.shape()).steps().back().algorithm);
}

TEST_CASE("Winograd: an algorithm that no layer could take is refused with those that there are") {
  Random random(6);
  const ConvTranspose2d up = layer_of(24, 32, 4, k4s2, random);
  const auto refused = [](const AnyModule& module, const Shape& shape, const Options& options) {
    return error_of([&] { return compile(module, shape, options); });
  };
  CHECK(refused(up, {1, 24, 5, 5}, {.accuracy = Accuracy::exact, .algorithm = "winograd F(3,2)"}) ==
        "no layer could take the algorithm \"winograd F(3,2)\": with these options there are direct");
  CHECK(refused(up, {1, 24, 5, 5}, {.algorithm = "winograd F(3;2)"}).ends_with("; did you mean winograd F(3,2)?"));
  CHECK(refused(ReLU(), {1, 3}, {.algorithm = "direct"}) == "no layer has a choice of algorithms, got \"direct\"");
}

TEST_CASE(
    "Winograd: the rms error of every algorithm of `standard` is within 2.2 of the direct sum's, `fast`'s within 18") {
  for (int64_t channels : {16, 22, 29, 64, 256, 1024})
    for (const auto& [kernel, options] :
         {std::pair(Pair(4), k4s2), std::pair(Pair(3), k3s1), std::pair(Pair(3), k3s2), std::pair(Pair(5), k5s2)}) {
      if (channels == 1024 && kernel.h != 3) continue;
      Random random(1);
      const int64_t outputs = channels == 22 || channels == 256 ? 4 : 32;  // few have rows among their algorithms
      const ConvTranspose2d layer = layer_of(channels, outputs, kernel, options, random);
      const Tensor x = random.randn({1, channels, size, size});
      const Shape shape = compile(layer, x.shape()).outputs().front().shape;
      const Tensor truth =
          reference::conv_transpose2d(x, layer.weight.value(), layer.bias.value(), options, Pair(shape[2], shape[3]));
      CAPTURE(channels);
      CAPTURE(kernel.h);
      for (Isa isa : available_isas()) {
        CAPTURE(name(isa));
        const double direct = rms(compile(layer, x.shape(), {.accuracy = Accuracy::exact, .isa = isa})(x), truth);
        REQUIRE(direct > 0);
        for (Accuracy accuracy : {Accuracy::standard, Accuracy::fast}) {
          Options named{.accuracy = accuracy, .isa = isa};
          const std::vector<StepInfo> steps = compile(layer, x.shape(), named).steps();
          REQUIRE(steps.back().candidates.size() > 1);
          for (const Candidate& candidate : steps.back().candidates) {
            CAPTURE(candidate.algorithm);
            named.algorithm = candidate.algorithm;
            const double error = rms(compile(layer, x.shape(), named)(x), truth);
            const double most = accuracy == Accuracy::standard ? 2.2 : candidate.algorithm == "tiles x3" ? 60 : 18;
            CHECK(error <= most * direct);
          }
        }
      }
    }
}

TEST_CASE("Winograd: every instruction set against the reference on sizes and channels that fit nothing") {
  struct Case {
    int64_t in, out;
    Pair kernel;
    ConvTranspose2dOptions options;
    Pair input;
  };
  const std::vector<Case> cases = {
      {37, 45, 4, k4s2, {23, 31}},
      {37, 3, 4, k4s2, {23, 31}},
      {33, 50, 4, k4s2, {4, 3}},
      {90, 18, 4, k4s2, {6, 11}},
      {48, 16, 4, k4s2, {4, 12}},
      {20, 1, 4, {.stride = 2, .padding = 1, .bias = false}, {40, 21}},
      {20, 2, 3, {.stride = 2, .padding = 1, .output_padding = 1}, {1, 33}},
      {37, 4, 5, {.stride = 2, .padding = 2, .output_padding = 1}, {5, 50}},
      {40, 3, {3, 4}, {.stride = {1, 2}, .padding = {1, 1}}, {7, 20}},
      {24, 3, 6, {.stride = 3, .padding = 1, .output_padding = 1}, {9, 21}},
      {33, 4, 3, {.padding = 1}, {13, 65}},
      {33, 50, 6, {.stride = 3, .padding = 1, .output_padding = 1}, {17, 22}},
      {48, 17, 8, {.stride = 4, .padding = 2}, {13, 27}},
      {48, 40, 5, {.stride = 2, .padding = 2, .output_padding = 1}, {21, 19}},
      {64, 64, 3, {.stride = 2, .padding = 1, .output_padding = 1}, {32, 32}},
      {64, 33, {3, 4}, {.stride = {1, 2}, .padding = {1, 1}}, {25, 30}},
      {64, 64, 4, {.stride = 2, .padding = 3}, {28, 26}},
  };
  int taken = 0;
  for (const Case& c : cases) {
    Random random(2);
    const ConvTranspose2d layer = layer_of(c.in, c.out, c.kernel, c.options, random);
    const Tensor x = random.randn({2, c.in, c.input.h, c.input.w});
    const Tensor bias = c.options.bias ? layer.bias.value() : Tensor();
    const Shape shape = compile(layer, x.shape()).outputs().front().shape;
    const Tensor truth =
        reference::conv_transpose2d(x, layer.weight.value(), bias, c.options, Pair(shape[2], shape[3]));
    const double terms = static_cast<double>(c.in * c.kernel.h * c.kernel.w);
    for (Isa isa : available_isas()) {
      CAPTURE(layer.str());
      CAPTURE(name(isa));
      taken += algorithm(layer, x.shape(), {.isa = isa}).find("F(") != std::string::npos;
      Options fast{.accuracy = Accuracy::fast, .isa = isa};
      const std::vector<StepInfo> steps = compile(layer, x.shape(), fast).steps();
      for (const Candidate& candidate : steps.back().candidates) {
        CAPTURE(candidate.algorithm);
        fast.algorithm = candidate.algorithm;
        check_close(compile(layer, x.shape(), fast)(x), truth,
                    [&](int64_t) { return tolerance(terms, std::sqrt(terms), 2 * growth(candidate.algorithm)); });
      }
    }
  }
  CHECK(taken >= 6 * static_cast<int>(isas_of_vectors().size()));
}

TEST_CASE("Winograd: an image's bits depend neither on its batch, nor on its place, nor on the threads") {
  Random random(3);
  const std::vector<ConvTranspose2d> layers = {layer_of(40, 48, 4, k4s2, random), layer_of(40, 3, 4, k4s2, random),
                                               layer_of(40, 48, 3, k3s1, random)};
  for (const ConvTranspose2d& layer : layers)
    for (Isa isa : available_isas())
      for (Tune tune : {Tune::latency, Tune::throughput})
        for (int64_t side : {4, 9, 25}) {
          const Tensor x = random.randn({5, 40, side, side});
          const Options by_itself{.tune = tune, .accuracy = Accuracy::fast, .threads = 1, .isa = isa};
          const std::vector<StepInfo> steps = compile(layer, x.shape(), by_itself).steps();
          for (const Candidate& candidate : steps.back().candidates) {
            Options of_one = by_itself, of_all = by_itself;
            of_one.algorithm = of_all.algorithm = candidate.algorithm;
            of_all.threads = 2;
            const Tensor all = compile(layer, x.shape(), of_all)(x);
            const Program one = compile(layer, {1, 40, side, side}, of_one);
            const int64_t in = x.numel() / 5, out = all.numel() / 5;
            for (int64_t image = 0; image < 5; ++image) {
              Tensor alone({1, 40, side, side});
              std::copy_n(x.data() + image * in, in, alone.data());
              const Tensor y = one(alone);
              CAPTURE(name(isa));
              CAPTURE(candidate.algorithm);
              CAPTURE(image);
              CHECK(std::equal(y.data(), y.data() + out, all.data() + image * out));
            }
          }
        }
}

TEST_CASE("Winograd: inside a network it reads and writes what its neighbours do") {
  Random random(4);
  const Sequential net = sequential(layer_of(24, 32, 4, k4s2, random), ReLU(), layer_of(32, 20, 3, k3s1, random),
                                    Tanh(), layer_of(20, 3, 4, k4s2, random));
  for (auto& [name, weight] : net.named_parameters()) {  // so that values keep their size, and Tanh is no step
    if (!name.ends_with("weight")) continue;
    Tensor smaller = weight.value();
    const double terms = static_cast<double>(smaller.numel() / smaller.size(1));
    for (int64_t i = 0; i < smaller.numel(); ++i) smaller.data()[i] /= static_cast<float>(std::sqrt(terms));
    weight.set(smaller);
  }
  const Tensor x = random.randn({2, 24, 20, 20});
  const Tensor y = compile(net, x.shape())(x), exact = compile(net, x.shape(), {.accuracy = Accuracy::exact})(x);
  CHECK(!same_bits(y, exact));
  const double bound = network_tolerance(net, exact);
  check_close(y, exact, [&](int64_t) { return bound; });
}
