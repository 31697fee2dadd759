#pragma once
// Internal: how much of the machine's processors a container lets its processes use.
#include <filesystem>
#include <optional>

namespace upconv::internal {

/// The processors that Linux's control groups let this process use at a time, rounded up; nothing where they set no
/// limit. More threads than that are stopped together for most of each period, and a small network then waits for the
/// next one. Of version 1 and 2, the least along the path of groups; `root` is where proc and sys lie.
std::optional<int> quota_threads(const std::filesystem::path& root = "/");

}  // namespace upconv::internal
