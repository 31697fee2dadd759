#pragma once
// Internal: packed weights begin on a cache line.
#include <cstdint>
#include <vector>

namespace upconv {

constexpr size_t line_floats = 64 / sizeof(float);

/// The first cache line of `memory`, which was made line_floats longer than needed.
inline float* aligned(std::vector<float>& memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory.data());
  return memory.data() + ((64 - address % 64) % 64) / sizeof(float);
}

}  // namespace upconv
