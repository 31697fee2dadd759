#pragma once
// Internal: how weights and arrays are written.
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace upconv::internal {

/// Throws Error for a device, a pipe or a socket, which a new file must not take the place of.
void check_replaceable(const std::filesystem::path& destination);

/// A new file beside its destination, removed again unless it is committed. Throws Error naming the destination.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& destination);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const void* from, size_t size);
  /// Puts the bytes on disk, then gives the file its name, and puts that on disk.
  void commit();

 private:
  void sync_folder();
  [[noreturn]] void fail_with(std::string_view what) const;

  std::string destination_;
  std::string path_;
  int fd_ = -1;
  bool committed_ = false;
};

}  // namespace upconv::internal
