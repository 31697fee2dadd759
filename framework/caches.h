#pragma once
#include <cstdint>
#include <filesystem>

namespace upconv::internal {

/// Bytes of L2 for each core of those that share it, 0 where the system does not say: what sysconf knows; else what
/// Linux has below /sys, since on ARM64 the C library knows nothing; else what macOS says. `root` is where /sys lies.
int64_t l2_cache_bytes(const std::filesystem::path& root = "/");

/// What Linux has below /sys of the first processor's L2.
int64_t l2_bytes_of_sysfs(const std::filesystem::path& root);

}  // namespace upconv::internal
