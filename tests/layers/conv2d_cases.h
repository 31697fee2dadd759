#pragma once
// Convolutions to try, and what they must be.
#include <random>
#include <string>
#include <vector>

#include "layers/conv2d.h"
#include "tests/reference/reference.h"
#include "tests/support.h"

namespace upconv::testing {

inline Tensor absolute(const Tensor& x) {
  Tensor y = x.clone();
  for (int64_t i = 0; i < y.numel(); ++i) y.data()[i] = std::abs(y.data()[i]);
  return y;
}

/// Runs `net`, a layer or what fuses into one, with every instruction set and every algorithm; all must be what the
/// reference makes of x, whose layer has `terms` products in an output.
inline void check_algorithms(const AnyModule& net, const Conv2d& layer, const Shape& input, const Tensor& x,
                             const Tensor& seen, const Conv2dOptions& options, int threads) {
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
      const double c = (candidate.algorithm.find("F(") != std::string::npos ? 16 : 2) * growth(candidate.algorithm);
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

inline Configuration draw(std::mt19937& engine) {
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
    c.IC = o.groups * pick({1, 3, 5, 17, 32, 33});
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
inline bool usable(const Configuration& c) {
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

inline Conv2d layer_of(const Configuration& c, Random& random) {
  Conv2d layer(c.IC, c.OC, c.kernel, c.options);
  randomize(layer, random);
  return layer;
}

}  // namespace upconv::testing
