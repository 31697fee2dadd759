#pragma once

namespace upconv::internal {

/// What CPUID says of this machine's processor. A vector feature counts where the operating system saves the registers
/// that it needs. Elsewhere than on x86-64 nothing is true.
struct Processor {
  bool avx2 = false;
  bool fma = false;
  bool avx512 = false;  ///< F, CD, BW, DQ and VL
  bool avx512_bf16 = false;
  bool amd = false;
  int family = 0;
  int model = 0;

  /// Zen and Zen+, which compute vectors of 256 bits in halves.
  [[nodiscard]] bool is_zen1() const { return amd && family == 0x17 && model < 0x30; }
  /// Zen 3 and Zen 4.
  [[nodiscard]] bool is_zen3_or_4() const { return amd && family == 0x19; }
};

/// Asked once. The compiler's __builtin_cpu_supports would do too, but for compilers whose runtime library lacks it, as
/// that which wheels are built with.
const Processor& processor();

}  // namespace upconv::internal
