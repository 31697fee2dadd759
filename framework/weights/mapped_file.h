#pragma once
// Internal: how load() gets at the bytes of a file.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace upconv::internal {

/// The bytes of a file, and what keeps them where they are.
struct MappedFile {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// Maps a file read-only, or reads it where that is impossible: a pipe, such as /dev/stdin, and some file systems.
/// Throws Error if it is missing, a folder, a socket or device, empty or unreadable.
MappedFile map_file(const std::filesystem::path& path);

}  // namespace upconv::internal
