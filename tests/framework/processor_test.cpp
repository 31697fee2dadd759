// What CPUID says, beside what the compiler's own runtime library makes of it; elsewhere than on x86-64, nothing.
#include "framework/processor.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "framework/cpu.h"

using namespace upconv;
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

TEST_CASE("processor: tiles are ours where it has them and the operating system grants them") {
  if (!processor().amx_bf16) CHECK_FALSE(may_use_tiles());
  const std::vector<Isa>& all = available_isas();
  const bool expected = processor().avx512 && processor().avx512_bf16 && may_use_tiles();
  CHECK((std::find(all.begin(), all.end(), Isa::amx) != all.end()) == expected);
  CHECK(name(parse_isa("amx")) == "amx");
}
