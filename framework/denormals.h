#pragma once
// The two things that every processor has and says in words of its own: whether denormals count as zero on a thread,
// and that a thread waits in a loop.
#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace upconv::internal {

#if defined(__x86_64__)
/// What rules the floating-point arithmetic of the calling thread: MXCSR.
inline uint64_t float_control() { return _mm_getcsr(); }
inline void set_float_control(uint64_t word) { _mm_setcsr(static_cast<unsigned>(word)); }
/// Results (FTZ) and inputs (DAZ) that are denormal count as zero.
constexpr uint64_t flush_bits = 0x8040;
inline void pause_processor() { _mm_pause(); }
#elif defined(__aarch64__)
/// The same word of ARM64, FPCR.
inline uint64_t float_control() {
  uint64_t word;
  asm volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
inline void set_float_control(uint64_t word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
/// FZ: both, for float32 and float64.
constexpr uint64_t flush_bits = 1 << 24;
inline void pause_processor() { asm volatile("yield"); }
#else
/// Of other processors nothing is known: denormals are computed as they are, in full.
inline uint64_t float_control() { return 0; }
inline void set_float_control(uint64_t) {}
constexpr uint64_t flush_bits = 0;
inline void pause_processor() {}
#endif

/// Denormal inputs and results count as zero on the calling thread while one of these lives; then it is as before.
class FlushDenormals {
 public:
  FlushDenormals() : before_(float_control()) { set_float_control(before_ | flush_bits); }
  ~FlushDenormals() { set_float_control(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  uint64_t before_;
};

}  // namespace upconv::internal
