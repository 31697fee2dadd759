#pragma once
// Internal: how weights, arrays and pictures are written.
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace upconv::internal {

/// Writes all of `size` bytes; false where that cannot be, for what errno says.
bool write_all(int fd, const void* from, size_t size);

/// Where the bytes of a result go.
class Output {
 public:
  virtual ~Output() = default;
  /// Throws Error that names the output.
  virtual void write(const void* from, size_t size) = 0;
  /// After the last byte: the result is whole.
  virtual void commit() = 0;
};

/// A new file beside its destination, removed again unless it is committed; of a destination that is a link, beside
/// what the link leads to. It keeps the mode of the file that it replaces, and where that is possible the owner. Throws
/// Error naming the destination, before anything is computed where that can be known: for a folder, a device, a pipe or
/// a socket, for a file or a folder that may not be written.
///
/// A process that is killed leaves its file behind. The next one that writes the same destination removes it: a file
/// that nobody has locked belongs to nobody. The same number of names is looked at however many files the folder has.
class TemporaryFile : public Output {
 public:
  struct Options {
    bool synced = true;              ///< whether commit() waits for the disk
    bool only_owner_writes = false;  ///< whatever the umask and the old file say
    /// Whether the file is one of many that are written without end and read much later. Otherwise they fill the memory
    /// of the machine, page after page that was never used before, which costs a virtual machine 90 us for the 51 KB of
    /// a picture, where used ones cost 25, and then push out everybody else's files.
    bool streamed = false;
  };
  explicit TemporaryFile(const std::filesystem::path& destination) : TemporaryFile(destination, Options{}) {}
  TemporaryFile(const std::filesystem::path& destination, const Options& options);
  ~TemporaryFile() override;
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const void* from, size_t size) override;
  /// Puts the bytes on disk, then gives the file its name, and puts that on disk.
  void commit() override;

 private:
  /// What the new file takes over from the old one.
  struct Replaced {
    uid_t owner;
    gid_t group;
    mode_t mode;
  };

  void open_folder(const std::filesystem::path& target);
  void examine(const std::filesystem::path& target);
  void create();
  bool create(int number);
  void stream();
  void forget(size_t first, size_t size) const;
  void take_over();
  void sync_folder();
  void close();
  [[noreturn]] void fail_with(std::string_view what) const;

  std::string destination_;  // as it was given, for messages
  Options options_;
  std::optional<Replaced> replaced_;
  std::string name_, temporary_;  // in the folder
  int folder_ = -1, fd_ = -1, slot_ = -1;
  size_t written_ = 0, streamed_ = 0;  // bytes, and those of them whose way to disk has begun
  bool committed_ = false;
};

/// Removes what writers of `destination` that are no more left behind, for who finds that it need not be written again.
void remove_left_behind(const std::filesystem::path& destination);

/// Removes the files that are not committed yet, of all threads. Async-signal-safe: for a program's handlers of signals
/// that end it, after which no file is written any more.
void unlink_temporary_files() noexcept;

}  // namespace upconv::internal
