#include "tests/reference/tile_model.h"

#include <bit>
#include <cmath>
#include <cstdlib>

#include "framework/processor.h"
#include "layers/kernels/tiles-inl.h"

namespace upconv::kernels {
namespace {

using Line = float[tile_lanes];

float odd_half(float word) { return std::bit_cast<float>(std::bit_cast<uint32_t>(word) & 0xffff0000); }
float even_half(float word) { return std::bit_cast<float>(std::bit_cast<uint32_t>(word) << 16); }

/// A product of tiles, as tiles.h has it: sums[i][j] of one line i and the words of b, [pair][j].
UPCONV_INLINE void multiply_line(const Line& a, const Line* b, Line& sums) {
  float even[tile_lanes] = {}, odd[tile_lanes] = {};
  for (int64_t k = 0; k < tile_lines; ++k) {
    const float a_even = even_half(a[k]), a_odd = odd_half(a[k]);
    for (int64_t j = 0; j < tile_lanes; ++j) even[j] = __builtin_fmaf(a_even, even_half(b[k][j]), even[j]);
    for (int64_t j = 0; j < tile_lanes; ++j) odd[j] = __builtin_fmaf(a_odd, odd_half(b[k][j]), odd[j]);
  }
  for (int64_t j = 0; j < tile_lanes; ++j) sums[j] += even[j] + odd[j];
}

void multiply_anywhere(const Line* a, const Line* b, Line* sums) {
  for (int64_t i = 0; i < tile_lines; ++i) multiply_line(a[i], b, sums[i]);
}

#if defined(__x86_64__)
/// The same where fused multiply-adds are instructions: sweeps take minutes without.
__attribute__((target("avx2,fma"))) void multiply_fused(const Line* a, const Line* b, Line* sums) {
  for (int64_t i = 0; i < tile_lines; ++i) multiply_line(a[i], b, sums[i]);
}
#endif

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
#if defined(__x86_64__)
    if (internal::processor().avx2 && internal::processor().fma) return multiply_fused(tile(a), tile(b), tile(sums));
#endif
    multiply_anywhere(tile(a), tile(b), tile(sums));
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
