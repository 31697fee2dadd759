#pragma once
#include <cstdint>
#include <filesystem>

namespace upconv::internal {

/// Bytes of L2 for each core of those that share it, 0 where the system does not say: what sysconf knows; else what
/// Linux has below /sys, since on ARM64 the C library knows nothing; else what macOS says. `root` is where /sys lies.
int64_t l2_cache_bytes(const std::filesystem::path& root = "/");

/// Bytes of a core's L2: what the system says, 512 KB where it says nothing or less. Work is cut by it, which changes
/// no result; no choice depends on it.
int64_t l2_bytes();

/// What Linux has below /sys of the first processor's L2.
int64_t l2_bytes_of_sysfs(const std::filesystem::path& root);

}  // namespace upconv::internal
