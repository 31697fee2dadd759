#pragma once
// What the program and the benchmarks measure with.
#include <chrono>
#include <cstring>
#include <vector>

#include "framework/timing.h"
#include "layers/kernels/kernels.h"

namespace upconv {

using internal::median;
using internal::seconds_since;
using internal::warm_up;

/// Floating-point operations a second of one thread that only multiplies and adds in registers, over about 100 us.
inline double peak_sample(const kernels::Table& table) {
  static float sink = 1;
  constexpr int64_t rounds = 500;
  const auto start = std::chrono::steady_clock::now();
  const double flops = table.peak(rounds, &sink) * rounds;
  return flops / seconds_since(start);
}

/// Memory to read from, each byte once: looks for one that is not there, which the C library does with the widest loads
/// that the machine has.
class Reading {
 public:
  explicit Reading(size_t bytes) : bytes_(bytes, 1) {}
  /// nullptr, which the compiler cannot know.
  const void* operator()() const { return std::memchr(bytes_.data(), 0, bytes_.size()); }

 private:
  std::vector<char> bytes_;
};

}  // namespace upconv
