#pragma once
// Internal: the counter-based generator behind latents().
#include <array>
#include <cstdint>

namespace upconv::internal {

/// Philox4x32-10: four random words that are a function of `counter` and `key` alone. From J. Salmon, M. Moraes, R.
/// Dror and D. Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
constexpr std::array<uint32_t, 4> philox4x32_10(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint32_t multiplier[2] = {0xD2511F53, 0xCD9E8D57};
  constexpr uint32_t weyl[2] = {0x9E3779B9, 0xBB67AE85};  // the golden ratio, sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{multiplier[0]} * counter[0];
    const uint64_t b = uint64_t{multiplier[1]} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key = {key[0] + weyl[0], key[1] + weyl[1]};
  }
  return counter;
}

}  // namespace upconv::internal
