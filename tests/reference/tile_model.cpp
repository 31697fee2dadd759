#include "tests/reference/tile_model.h"

#include <bit>
#include <cmath>
#include <cstdlib>

#include "layers/kernels/tiles-inl.h"
#include "tests/reference/tile_product.h"

namespace upconv::kernels {
namespace {

using Line = reference::TileLine;

/// Words of 32 bits in the place of registers. What is used before it was configured is no model of anything.
struct Model {
  struct Registers {
    bool configured = false;
    Line tiles[8][tile_lines];
  };
  static thread_local Registers registers;

  static Line* tile(int number) {
    if (!registers.configured) std::abort();
    return registers.tiles[number];
  }
  static void configure() { registers.configured = true; }
  static void release() { registers.configured = false; }
  template <int number>
  static void zero() {
    std::memset(tile(number), 0, sizeof registers.tiles[number]);
  }
  template <int number>
  static void load(const float* p, int64_t line = panel_lanes) {
    for (int64_t i = 0; i < tile_lines; ++i) std::memcpy(tile(number)[i], p + i * line, sizeof(Line));
  }
  template <int sums, int a, int b>
  static void multiply() {
    reference::multiply_tile(tile(a), tile(b), tile(sums));
  }
  template <int number>
  static void store(float* p, int64_t line) {
    for (int64_t i = 0; i < tile_lines; ++i) std::memcpy(p + i * line, tile(number)[i], sizeof(Line));
  }

  /// The bits of the bfloat16 nearest to a float.
  static uint32_t nearest(float x) {
    const auto bits = std::bit_cast<uint32_t>(x);
    if (std::isnan(x)) return bits >> 16 | 0x40;
    if (std::abs(x) < 0x1p-126f) return bits >> 16 & 0x8000;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  }
  /// The parts of one float, of which the first goes to `y`.
  static void put_parts(float left, const TileSplit& of, uint16_t* y) {
    const bool finite = std::isfinite(left);
    for (int32_t part = 0; part < of.parts; ++part) {
      uint32_t half = nearest(left);
      if (part == 0 && of.parts > 1 && finite && (half & 0x7fff) == 0x7f80) half = std::bit_cast<uint32_t>(left) >> 16;
      y[part * of.y_part] = static_cast<uint16_t>(half);
      left = finite ? left - std::bit_cast<float>(half << 16) : 0.0f;
    }
  }
  static void split(const TileSplit& of) {
    for (int64_t p = 0; p < of.pixels; ++p)
      for (int64_t c = 0; c < panel_lanes; ++c) put_parts(of.x[p * of.stride + c], of, of.y + p * tile_channels + c);
  }
  static void split_planes(const TilePlanes& planes) {
    const TileSplit& of = planes.split;
    for (int64_t p = 0; p < of.pixels; ++p)
      for (int64_t c = 0; c < panel_lanes; ++c)
        put_parts(c < planes.channels ? of.x[c * of.stride + p] : 0.0f, of, of.y + p * tile_channels + c);
  }
};
thread_local Model::Registers Model::registers;

constexpr TileKernels model_table = make_tile_kernels<Model>();

}  // namespace
}  // namespace upconv::kernels

namespace upconv::reference {

const kernels::TileKernels& tile_model() { return kernels::model_table; }
bool has_model_configured() { return kernels::Model::registers.configured; }

}  // namespace upconv::reference
