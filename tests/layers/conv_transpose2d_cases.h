#pragma once
// Transposed convolutions to try.
#include <algorithm>
#include <random>

#include "layers/conv_transpose2d.h"

namespace upconv::testing {

/// A random configuration, mostly small and odd, with the sizes at which kernels change their ways.
struct TransposedConfiguration {
  int64_t N, IC, OC, H, W;
  Pair kernel = 1;
  ConvTranspose2dOptions options;
};

inline TransposedConfiguration draw_transposed(std::mt19937& engine) {
  auto pick = [&](std::initializer_list<int64_t> from) { return std::data(from)[engine() % from.size()]; };
  auto both = [&](std::initializer_list<int64_t> from) { return Pair(pick(from), pick(from)); };
  TransposedConfiguration c{};
  ConvTranspose2dOptions& o = c.options;
  o.groups = pick({1, 1, 1, 1, 2, 3});
  c.N = pick({1, 1, 2, 3, 17});
  c.IC = o.groups * pick({1, 3, 5, 17, 33});
  c.OC = o.groups * pick({1, 3, 5, 16, 17, 33, 70});
  c.H = pick({1, 2, 3, 4, 5, 8, 9, 17});
  c.W = pick({1, 2, 3, 4, 5, 8, 9, 17, 31, 50});
  c.kernel = both({1, 2, 3, 4, 5});
  o.stride = both({1, 2, 2, 3, 4});
  o.dilation = both({1, 1, 1, 2, 3});
  o.padding = both({0, 1, 2});
  o.output_padding = Pair(static_cast<int64_t>(engine()) % std::max(o.stride.h, o.dilation.h),
                          static_cast<int64_t>(engine()) % std::max(o.stride.w, o.dilation.w));
  o.bias = engine() % 2;
  return c;
}

inline Pair output_of(const TransposedConfiguration& c) {
  const ConvTranspose2dOptions& o = c.options;
  return {(c.H - 1) * o.stride.h - 2 * o.padding.h + o.dilation.h * (c.kernel.h - 1) + o.output_padding.h + 1,
          (c.W - 1) * o.stride.w - 2 * o.padding.w + o.dilation.w * (c.kernel.w - 1) + o.output_padding.w + 1};
}

}  // namespace upconv::testing
