#pragma once
// The shapes that are measured, named once for every benchmark.
#include <cstdint>
#include <vector>

#include "layers/conv_transpose2d.h"

namespace upconv::benchmarks {

/// One layer at one size of input.
struct LayerShape {
  const char* name;
  int64_t in_channels, out_channels;
  int64_t size;  ///< height and width of the input
  Pair kernel;
  ConvTranspose2dOptions options;
};

/// The layers of DCGAN, then wider, larger and stranger ones.
inline const std::vector<LayerShape>& layer_shapes() {
  static const std::vector<LayerShape> shapes = {
      {"100-512 k4s1 1x1", 100, 512, 1, 4, {.bias = false}},
      {"512-256 k4s2 4x4", 512, 256, 4, 4, {.stride = 2, .padding = 1, .bias = false}},
      {"256-128 k4s2 8x8", 256, 128, 8, 4, {.stride = 2, .padding = 1, .bias = false}},
      {"128-64 k4s2 16x16", 128, 64, 16, 4, {.stride = 2, .padding = 1, .bias = false}},
      {"64-3 k4s2 32x32", 64, 3, 32, 4, {.stride = 2, .padding = 1, .bias = false}},
      {"128-64 k4s2 64x64", 128, 64, 64, 4, {.stride = 2, .padding = 1, .bias = false}},
      {"256-128 k4s2 64x64", 256, 128, 64, 4, {.stride = 2, .padding = 1, .bias = false}},
      {"128-64 k3s2op1 64x64", 128, 64, 64, 3, {.stride = 2, .padding = 1, .output_padding = 1, .bias = false}},
      {"128-64 k2s2 64x64", 128, 64, 64, 2, {.stride = 2, .bias = false}},
      {"128-64 k5s2op1 32x32", 128, 64, 32, 5, {.stride = 2, .padding = 2, .output_padding = 1, .bias = false}},
      {"64-32 k8s4 32x32", 64, 32, 32, 8, {.stride = 4, .padding = 2, .bias = false}},
      {"128-128 k3s1 32x32", 128, 128, 32, 3, {.padding = 1, .bias = false}},
  };
  return shapes;
}

}  // namespace upconv::benchmarks
