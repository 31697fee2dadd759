#include <immintrin.h>

#include <cstring>

#include "tiles-inl.h"

namespace upconv::kernels {
namespace {

/// The processor's own. Written as assembler, since GCC's intrinsics want a number in the place of a template's
/// argument, and do not say that they read memory.
struct Amx {
  /// What LDTILECFG reads: of each tile the bytes of a row, and its rows.
  struct alignas(64) Configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  };
  static_assert(sizeof(Configuration) == 64);

  static void configure() {
    Configuration of{};
    of.palette = 1;
    for (int tile = 0; tile < 8; ++tile) {
      of.row_bytes[tile] = 64;
      of.rows[tile] = tile_lines;
    }
    asm volatile("ldtilecfg %0" : : "m"(of));
  }
  static void release() { asm volatile("tilerelease" : : : "memory"); }

  template <int tile>
  static UPCONV_INLINE void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(tile));
  }
  /// 16 lines of memory, one after another.
  template <int tile>
  static UPCONV_INLINE void load(const float* p) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(int64_t{64}), "i"(tile) : "memory");
  }
  template <int sums, int a, int b>
  static UPCONV_INLINE void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(a), "i"(b));
  }
  template <int tile>
  static UPCONV_INLINE void store(float* p, int64_t line) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(line * 4), "i"(tile) : "memory");
  }

  /// Contract: TileKernels::split.
  static void split(const TileSplit& of) {
    assert(of.parts >= 1 && of.parts <= most_parts && of.pixels >= 0);
    const __m512i size = _mm512_set1_epi32(0x7fffffff), infinite = _mm512_set1_epi32(0x7f800000),
                  too_large = _mm512_set1_epi32(0x7f7f8000);
    const float* x = of.x;
    for (int64_t p = 0; p < of.pixels; ++p, x += of.stride) {
      __m512 left = _mm512_loadu_ps(x);
      const __m512i absolute = _mm512_and_si512(_mm512_castps_si512(left), size);
      const __mmask16 finite = _mm512_cmplt_epi32_mask(absolute, infinite);
      const __mmask16 cut = of.parts > 1 ? finite & _mm512_cmpge_epi32_mask(absolute, too_large) : __mmask16{};
      const __m512i high_halves = _mm512_srli_epi32(_mm512_castps_si512(left), 16);
      for (int32_t part = 0; part < of.parts; ++part) {
        const __m256bh nearest = _mm512_cvtneps_pbh(left);
        __m256i halves;
        std::memcpy(&halves, &nearest, sizeof halves);
        if (part == 0) halves = _mm256_mask_blend_epi16(cut, halves, _mm512_cvtepi32_epi16(high_halves));
        std::memcpy(of.y + part * of.y_part + p * tile_channels, &halves, sizeof halves);
        const __m512 taken = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
        left = _mm512_maskz_sub_ps(finite, left, taken);
      }
    }
  }
};

}  // namespace

extern const TileKernels amx_table;
constexpr TileKernels amx_table = make_tile_kernels<Amx>();
}  // namespace upconv::kernels
