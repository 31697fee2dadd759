// Winograd's algorithm along rows: which layers take it, every kernel that it cuts into chunks, and bits that depend on
// nothing else. Random configurations of conv2d_test.cpp try it too, as every candidate.
#include <algorithm>
#include <limits>

#include "tests/layers/conv2d_cases.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

std::vector<std::string> candidates(const AnyModule& layer, const Shape& shape, const Options& options) {
  std::vector<std::string> names;
  const std::vector<StepInfo> steps = compile(layer, shape, options).steps();
  for (const Candidate& candidate : steps.back().candidates)
    if (candidate.algorithm.starts_with("along rows")) names.push_back(candidate.algorithm);
  return names;
}

Conv2d row_layer(int64_t channels, int64_t kernel, int64_t dilation, Random& random) {
  Conv2d layer(channels, channels, {1, kernel},
               {.padding = Pair(0, dilation * (kernel - 1) / 2), .dilation = Pair(1, dilation)});
  randomize(layer, random);
  return layer;
}

}  // namespace

TEST_CASE("along rows: long rows, long kernels and dilations take it, exact sums and layers that have better do not") {
  Random random(0);
  const std::pair<int64_t, const char*> kernels[] = {{3, "along rows F(4,3)"}, {4, "along rows F(4,4)"},
                                                     {5, "along rows F(3,5)"}, {7, "along rows F(4,4)"},
                                                     {9, "along rows F(4,4)"}, {11, "along rows F(4,4)"}};
  for (Isa isa : isas_of_vectors()) {
    CAPTURE(name(isa));
    const auto taken = [&](const AnyModule& layer, const Shape& shape, Accuracy accuracy = Accuracy::standard) {
      return compile(layer, shape, {.accuracy = accuracy, .isa = isa}).steps().back().algorithm;
    };
    for (const auto& [kernel, algorithm] : kernels)
      for (int64_t dilation : {1, 3}) {
        CAPTURE(kernel);
        CAPTURE(dilation);
        const Conv2d layer = row_layer(64, kernel, dilation, random);
        CHECK(taken(layer, {1, 64, 1, 2000}) == algorithm);
        CHECK(taken(layer, {1, 64, 1, 2000}, Accuracy::exact) == "direct");
      }
    CHECK(taken(Conv2d(64, 64, 7, {.padding = 3}), {1, 64, 32, 32}) == "along rows F(4,4)");
    CHECK(taken(Conv2d(64, 64, 3, {.padding = 2, .dilation = 2}), {1, 64, 32, 32}) == "along rows F(4,3)");
    CHECK(taken(Conv2d(64, 64, 3, {.padding = 1}), {1, 64, 32, 32}) == "winograd F(4,3)");
  }
}

TEST_CASE("along rows: what a scheme does not fit is not offered") {
  const auto offered = [](const Conv2d& layer, const Shape& shape, const std::string& scheme = "") {
    const std::vector<std::string> names = candidates(layer, shape, {.accuracy = Accuracy::fast});
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return name.find(scheme) != std::string::npos; });
  };
  const Shape row = {1, 32, 1, 200};
  CHECK(offered(Conv2d(32, 32, {1, 6}), row, "F(4,4)"));
  CHECK(!offered(Conv2d(32, 32, {1, 5}), row, "F(4,4)"));  // a lone tap behind a chunk
  CHECK(!offered(Conv2d(32, 32, {1, 6}), row, "F(3,5)"));
  CHECK(!offered(Conv2d(32, 32, 1), row));
  CHECK(!offered(Conv2d(32, 32, {1, 4}, {.stride = {1, 2}}), row));
  CHECK(!offered(Conv2d(32, 32, {1, 4}, {.groups = 2}), row));
  CHECK(!offered(Conv2d(8, 32, {1, 4}), {1, 8, 1, 200}));
  CHECK(!offered(Conv2d(32, 32, {1, 4}, {.padding = {0, 4}}), row));  // outputs that are the bias alone
}

TEST_CASE("along rows: every number of taps and every dilation is the reference's") {
  Random random(1);
  for (int64_t kernel = 2; kernel <= 13; ++kernel)
    for (int64_t dilation : {1, 2, 5}) {
      const Conv2d layer = row_layer(kernel % 2 == 0 ? 17 : 32, kernel, dilation, random);
      const int64_t channels = layer.in_channels;
      for (const Shape& input : {Shape{1, channels, 1, 203}, Shape{2, channels, 3, 70}}) {
        const Tensor x = random.randn(input);
        if (input[3] + 2 * layer.options.padding.size.w > dilation * (kernel - 1))
          check_algorithms(layer, layer, input, x, x, layer.options, 1);
      }
    }
}

TEST_CASE("along rows: an image's bits depend neither on its batch, nor on its place, nor on the threads") {
  Random random(2);
  struct Case {
    int64_t channels, kernel, dilation, height, width;
  };
  for (const auto& [channels, kernel, dilation, height, width] :
       {Case{32, 7, 3, 1, 5000}, Case{256, 11, 1, 1, 700}, Case{40, 3, 2, 9, 61}, Case{16, 5, 1, 30, 20}})
    for (Isa isa : available_isas()) {
      const Conv2d layer = row_layer(channels, kernel, dilation, random);
      const Tensor one = random.randn({1, channels, height, width});
      Tensor both({2, channels, height, width});
      for (int64_t i = 0; i < 2; ++i) std::copy_n(one.data(), one.numel(), both.data() + i * one.numel());
      for (const std::string& algorithm : candidates(layer, one.shape(), {.isa = isa})) {
        CAPTURE(name(isa));
        CAPTURE(algorithm);
        CAPTURE(width);
        const auto run = [&](const Tensor& x, int threads) {
          return compile(layer, x.shape(), {.algorithm = algorithm, .threads = threads, .isa = isa})(x);
        };
        const Tensor alone = run(one, 1), together = run(both, 2);
        CHECK(same_bits(alone, run(one, 2)));
        for (int64_t i = 0; i < 2; ++i)
          CHECK(std::equal(alone.data(), alone.data() + alone.numel(), together.data() + i * alone.numel()));
      }
    }
}

TEST_CASE("along rows: a weight that is infinite is one of its own output's alone, by direct sums") {
  Random random(3);
  const Conv2d layer = row_layer(32, 7, 1, random);
  Tensor weight = layer.weight.value();
  weight.data()[5] = std::numeric_limits<float>::infinity();
  Parameter(layer.weight).set(weight);
  const Tensor x = random.randn({1, 32, 1, 300});
  for (Isa isa : available_isas()) {
    const std::string algorithm = "along rows F(4,4)";
    const Program program = compile(layer, x.shape(), {.algorithm = algorithm, .isa = isa});
    CHECK(program.steps().back().algorithm == "direct");
    CHECK(same_bits(program(x), compile(layer, x.shape(), {.accuracy = Accuracy::exact, .isa = isa})(x)));
  }
}
