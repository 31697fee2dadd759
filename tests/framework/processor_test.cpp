// What CPUID says, beside what the compiler's own runtime library makes of it; elsewhere than on x86-64, nothing.
#include "framework/processor.h"

#include <doctest/doctest.h>

using namespace upconv::internal;

TEST_CASE("processor: as the compiler's runtime library has it") {
  const Processor& here = processor();
#if defined(__x86_64__)
  CHECK(here.avx2 == static_cast<bool>(__builtin_cpu_supports("avx2")));
  CHECK(here.fma == static_cast<bool>(__builtin_cpu_supports("fma")));
  CHECK(here.avx512 == (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl")));
  CHECK(here.amd == static_cast<bool>(__builtin_cpu_is("amd")));
  CHECK(here.is_zen1() == static_cast<bool>(__builtin_cpu_is("znver1")));
  CHECK(here.is_zen3_or_4() == static_cast<bool>(__builtin_cpu_is("amdfam19h")));
#else
  CHECK_FALSE(here.avx2);
  CHECK_FALSE(here.avx512);
#endif
}
