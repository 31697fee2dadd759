#pragma once
// Internal: how load() gets at the bytes of a file.
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace upconv::internal {

/// The bytes of a file, and what keeps them where they are.
struct MappedFile {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  uid_t user = 0;   ///< whose file it is
  mode_t mode = 0;  ///< who else may do what with it
};

/// Maps a file read-only. Throws Error if it is missing, a folder, no regular file, empty or unreadable.
MappedFile map_file(const std::filesystem::path& path);
/// The same, but reads what cannot be mapped: a pipe, such as /dev/stdin, of which it waits for the end, and files of
/// some file systems.
MappedFile map_or_read(const std::filesystem::path& path);

}  // namespace upconv::internal
