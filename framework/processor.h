#pragma once

namespace upconv::internal {

/// What CPUID says of this machine's processor. A vector feature counts where the operating system saves the registers
/// that it needs. Elsewhere than on x86-64 nothing is true.
struct Processor {
  bool avx2 = false;
  bool fma = false;
  bool avx512 = false;  ///< F, CD, BW, DQ and VL
  bool avx512_bf16 = false;
  bool amx_bf16 = false;  ///< AMX's tiles and their products of bfloat16; may_use_tiles() says whether they are ours
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

/// Whether the operating system lets this process use the registers of tiles, which a processor that has none is not
/// asked. Linux wants to be asked, once for all threads, since it saves 8 KB more for each that uses them, and may
/// refuse: where a signal stack has no room for as much, or under a kernel or a sandbox that knows nothing of them.
bool may_use_tiles();

}  // namespace upconv::internal
