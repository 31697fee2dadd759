#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace upconv {

/// The instruction sets that kernels are compiled for, best last. avx2 means AVX2 with FMA; avx512 means AVX-512 F, CD,
/// BW, DQ and VL; scalar is plain C++ for any machine.
enum class Isa { scalar, sse2, avx2, avx512 };

/// "avx2", ...
std::string_view name(Isa isa);
/// The instruction set of that name. Throws Error, listing the names, where there is none.
Isa parse_isa(std::string_view name);

/// What this machine can run, best first.
const std::vector<Isa>& available_isas();

/// What programs are compiled for unless Options say otherwise: the best available one, or the one that the environment
/// variable UPCONV_ISA names. Throws Error where that is unknown or not available.
Isa default_isa();

}  // namespace upconv
