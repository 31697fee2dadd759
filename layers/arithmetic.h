#pragma once
// Internal: the arithmetic with which work is cut and memory laid out.
#include <algorithm>
#include <cstdint>

namespace upconv::internal {

/// Of a tile that hardly computes: 128 KiB in and out, some 10 us of memory traffic.
constexpr int64_t tile_elements = 32 << 10;

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// So many floats, and as many more as fill their last cache line.
inline int64_t whole_lines(int64_t floats) { return ceil_div(floats, 16) * 16; }

/// `total` in equal parts of at most `most`: the size of a part, at least 1.
inline int64_t equal_parts(int64_t total, int64_t most) {
  const int64_t parts = std::max<int64_t>(1, ceil_div(total, std::max<int64_t>(1, most)));
  return std::max<int64_t>(1, ceil_div(total, parts));
}

}  // namespace upconv::internal
