#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace upconv {

/// The instruction sets that kernels are compiled for, those of one kind of processor best last.
enum class Isa {
  scalar,  ///< plain C++, for any machine
  sse2,    ///< what every x86-64 machine has
  avx2,    ///< AVX2 with FMA
  avx512,  ///< AVX-512 F, CD, BW, DQ and VL, with FMA

  /// AVX-512 with BF16, and AMX's tiles of bfloat16, where the operating system lets a process have them.
  amx,
  neon  ///< what every ARM64 machine has: NEON with its fused multiply-adds
};

/// "avx2", ...
[[nodiscard]] std::string_view name(Isa isa);
/// The instruction set of that name. Throws Error, listing the names, where there is none.
[[nodiscard]] Isa parse_isa(std::string_view name);

/// What this machine can run, best first.
[[nodiscard]] const std::vector<Isa>& available_isas();

/// What this machine has for bfloat16.
enum class Bfloat16 {
  none,  ///< nothing
  /// AVX512_BF16, a quarter as fast as multiply-adds of float32, as on all of Intel's so far (Granite Rapids, of one
  /// core: 108 GFLOP/s of 231): it is not taken.
  slow,
  fast  ///< AVX512_BF16, twice as fast, as on Zen 4 and Zen 5 (552 GFLOP/s of 276): Precision::bfloat16 is for these
};
/// What that is; UPCONV_BFLOAT16=none in the environment of the process hides it, and Isa::amx, to see what other
/// machines do.
[[nodiscard]] Bfloat16 bfloat16_instructions();

/// What programs are compiled for unless Options say otherwise: the best available one, or the one that the environment
/// variable UPCONV_ISA names. Throws Error where that is unknown or not available.
[[nodiscard]] Isa default_isa();

}  // namespace upconv
