#include "framework/processor.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace upconv::internal {
namespace {

#if defined(__x86_64__)

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// All zeros where the processor has no such leaf.
Registers cpuid(unsigned leaf, unsigned part = 0) {
  Registers r;
  __get_cpuid_count(leaf, part, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

/// XCR0: the registers that the operating system saves.
uint64_t saved_registers() {
  uint32_t low, high;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

bool has_all(uint64_t word, uint64_t bits) { return (word & bits) == bits; }

Processor ask() {
  const Registers vendor = cpuid(0);
  const Registers basic = cpuid(1);
  const Registers extended = cpuid(7);

  Processor p;
  p.amd = vendor.ebx == signature_AMD_ebx && vendor.ecx == signature_AMD_ecx && vendor.edx == signature_AMD_edx;
  // Families from 15 on are a sum; models have four more bits there, and in family 6.
  p.family = static_cast<int>(basic.eax >> 8 & 0xf);
  p.model = static_cast<int>(basic.eax >> 4 & 0xf);
  if (p.family == 0xf || p.family == 6) p.model += static_cast<int>(basic.eax >> 12 & 0xf0);
  if (p.family == 0xf) p.family += static_cast<int>(basic.eax >> 20 & 0xff);

  const uint64_t saved = has_all(basic.ecx, bit_OSXSAVE) ? saved_registers() : 0;
  constexpr uint64_t ymm = 0x6;                // SSE and AVX
  constexpr uint64_t zmm = ymm | 0x20 | 0xc0;  // masks, upper halves and the upper sixteen
  constexpr uint64_t tiles = 0x60000;          // their configuration and they themselves
  if (has_all(saved, ymm)) {
    p.avx2 = has_all(extended.ebx, bit_AVX2);
    p.fma = has_all(basic.ecx, bit_FMA);
  }
  if (has_all(saved, zmm)) {
    p.avx512 = has_all(extended.ebx, bit_AVX512F | bit_AVX512CD | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL);
    p.avx512_bf16 = p.avx512 && extended.eax >= 1 && has_all(cpuid(7, 1).eax, bit_AVX512BF16);
  }
  constexpr uint32_t amx_bf16 = 1 << 22, amx_tile = 1 << 24;  // compilers differ in what they call them
  p.amx_bf16 = has_all(saved, tiles) && has_all(extended.edx, amx_bf16 | amx_tile);
  return p;
}

bool ask_for_tiles() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return true;  // where XCR0 has them, whoever asks
#endif
}

#else

Processor ask() { return {}; }

bool ask_for_tiles() { return false; }

#endif

}  // namespace

const Processor& processor() {
  static const Processor here = ask();
  return here;
}

bool may_use_tiles() {
  static const bool granted = processor().amx_bf16 && ask_for_tiles();
  return granted;
}

}  // namespace upconv::internal
