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
  /// 16 lines of memory, one after another where it is not said otherwise.
  template <int tile>
  static UPCONV_INLINE void load(const float* p, int64_t line = panel_lanes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(line * 4), "i"(tile) : "memory");
  }
  template <int sums, int a, int b>
  static UPCONV_INLINE void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(a), "i"(b));
  }
  template <int tile>
  static UPCONV_INLINE void store(float* p, int64_t line) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(line * 4), "i"(tile) : "memory");
  }

  /// The parts of 16 channels of a pixel, of which the first goes to `y`.
  template <int parts>
  static UPCONV_INLINE void put_parts(__m512 left, uint16_t* y, int64_t y_part) {
    if constexpr (parts == 1) {
      const __m256bh nearest = _mm512_cvtneps_pbh(left);
      std::memcpy(y, &nearest, sizeof nearest);
      return;
    }
    const __m512i size = _mm512_set1_epi32(0x7fffffff), infinite = _mm512_set1_epi32(0x7f800000),
                  too_large = _mm512_set1_epi32(0x7f7f8000);
    const __m512i absolute = _mm512_and_si512(_mm512_castps_si512(left), size);
    const __mmask16 finite = _mm512_cmplt_epi32_mask(absolute, infinite);
    const __mmask16 cut = finite & _mm512_cmpge_epi32_mask(absolute, too_large);
    const __m512i high_halves = _mm512_srli_epi32(_mm512_castps_si512(left), 16);
    UPCONV_UNROLL
    for (int part = 0; part < parts; ++part) {
      const __m256bh nearest = _mm512_cvtneps_pbh(left);
      __m256i halves;
      std::memcpy(&halves, &nearest, sizeof halves);
      if (part == 0) halves = _mm256_mask_blend_epi16(cut, halves, _mm512_cvtepi32_epi16(high_halves));
      std::memcpy(y + part * y_part, &halves, sizeof halves);
      const __m512 taken = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
      left = _mm512_maskz_sub_ps(finite, left, taken);
    }
  }

  template <int parts>
  static void split_parts(const TileSplit& of) {
    for (int64_t p = 0; p < of.pixels; ++p)
      put_parts<parts>(_mm512_loadu_ps(of.x + p * of.stride), of.y + p * tile_channels, of.y_part);
  }
  /// Contract: TileKernels::split.
  static void split(const TileSplit& of) {
    assert(of.parts >= 1 && of.parts <= most_parts && of.pixels >= 0);
    (of.parts == 1 ? split_parts<1> : of.parts == 2 ? split_parts<2> : split_parts<3>)(of);
  }

  /// Rows become columns: 16 pixels of 16 channels, in registers, where each line of memory is touched once. Planes are
  /// often a power of two apart, and then share a set of L1, which has fewer places than there are planes.
  static UPCONV_INLINE void transpose(__m512 (&v)[16]) {
    __m512 w[16];
    UPCONV_UNROLL
    for (int i = 0; i < 16; i += 2) {
      w[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
      w[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    UPCONV_UNROLL
    for (int i = 0; i < 16; i += 4) UPCONV_UNROLL
    for (int half = 0; half < 2; ++half) {
      const __m512d a = _mm512_castps_pd(w[i + half]), b = _mm512_castps_pd(w[i + half + 2]);
      v[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      v[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
    // Quad q of v[4 * i + j] is now pixel 4 * q + j of channels 4 * i and the next three.
    UPCONV_UNROLL
    for (int j = 0; j < 4; ++j) {
      const __m512 even_low = _mm512_shuffle_f32x4(v[j], v[j + 4], 0x88),
                   odd_low = _mm512_shuffle_f32x4(v[j], v[j + 4], 0xdd);
      const __m512 even_high = _mm512_shuffle_f32x4(v[j + 8], v[j + 12], 0x88),
                   odd_high = _mm512_shuffle_f32x4(v[j + 8], v[j + 12], 0xdd);
      w[j] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
      w[j + 8] = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
      w[j + 4] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
      w[j + 12] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
    }
    UPCONV_UNROLL
    for (int i = 0; i < 16; ++i) v[i] = w[i];
  }

  template <int parts>
  static void split_planes_in_parts(const TilePlanes& planes) {
    const TileSplit& of = planes.split;
    for (int64_t p = 0; p < of.pixels; p += 16) {
      const int64_t count = of.pixels - p < 16 ? of.pixels - p : 16;
      const auto some = static_cast<__mmask16>((uint32_t{1} << count) - 1);
      __m512 v[16];
      UPCONV_UNROLL
      for (int c = 0; c < 16; ++c)
        v[c] = c < planes.channels ? _mm512_maskz_loadu_ps(some, of.x + c * of.stride + p) : _mm512_setzero_ps();
      transpose(v);
      uint16_t* y = of.y + p * tile_channels;
      UPCONV_UNROLL
      for (int i = 0; i < 16; ++i)
        if (i < count) put_parts<parts>(v[i], y + i * tile_channels, of.y_part);
    }
  }
  /// Contract: TileKernels::split_planes.
  static void split_planes(const TilePlanes& of) {
    const int32_t parts = of.split.parts;
    assert(parts >= 1 && parts <= most_parts && of.channels >= 1 && of.channels <= panel_lanes);
    (parts == 1 ? split_planes_in_parts<1> : parts == 2 ? split_planes_in_parts<2> : split_planes_in_parts<3>)(of);
  }
};

}  // namespace

extern const TileKernels amx_table;
constexpr TileKernels amx_table = make_tile_kernels<Amx>();
}  // namespace upconv::kernels
