#include "framework/weights/temporary_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "framework/fail.h"

namespace upconv::internal {
namespace {

/// A file that is not committed yet, as a signal's handler finds it. Nothing in it is ever freed; `state` says to whom
/// the rest belongs.
struct Slot {
  enum State { unused, changing, in_use };
  std::atomic<int> state{unused};
  int folder = -1;
  std::array<char, 256> name{};  // NAME_MAX and the end
};
static_assert(std::atomic<int>::is_always_lock_free);

std::array<Slot, 64> slots;

/// A slot for a file of that name, or -1 where all are taken: then no handler finds the file.
int take_slot(int folder, const std::string& name) {
  if (name.size() >= Slot{}.name.size()) return -1;
  for (size_t i = 0; i < slots.size(); ++i) {
    int expected = Slot::unused;
    if (!slots[i].state.compare_exchange_strong(expected, Slot::changing)) continue;
    slots[i].folder = folder;
    std::memcpy(slots[i].name.data(), name.c_str(), name.size() + 1);
    slots[i].state = Slot::in_use;
    return static_cast<int>(i);
  }
  return -1;
}

/// False where a handler has it, whose process is about to end.
bool leave_slot(int slot) {
  int expected = Slot::in_use;
  return slot < 0 || slots[static_cast<size_t>(slot)].state.compare_exchange_strong(expected, Slot::unused);
}

/// What the links of `destination` lead to in the end, which need not exist.
std::filesystem::path followed(const std::filesystem::path& destination) {
  constexpr int most_links = 40;  // as many as Linux follows
  std::filesystem::path at = destination;
  for (int links = 0; links <= most_links; ++links) {
    std::error_code no_link;
    const std::filesystem::path target = std::filesystem::read_symlink(at, no_link);
    if (no_link) return at;
    at = target.is_absolute() ? target : at.parent_path() / target;
  }
  fail("{}: cannot be written: this link leads to itself", destination.string());
}

/// At most so many bytes of a name, no character of UTF-8 cut in two.
std::string cut(const std::string& name, size_t most) {
  if (name.size() <= most) return name;
  while (most > 0 && (static_cast<unsigned char>(name[most]) & 0xC0) == 0x80) --most;
  return name.substr(0, most);
}

#if defined(O_PATH)
constexpr int open_folder_how = O_PATH;  // one may write into folders that one may not list
#else
constexpr int open_folder_how = O_RDONLY;
#endif

/// A descriptor of the folder that `target` lies in, or -1.
int open_folder_of(const std::filesystem::path& target) {
  const std::filesystem::path parent = target.parent_path();
  return ::open(parent.empty() ? "." : parent.c_str(), open_folder_how | O_DIRECTORY | O_CLOEXEC);
}

/// Beside `name`, and never longer than a name may be.
std::string temporary_name(int folder, const std::string& name, int number) {
  const std::string end = fmt::format(".upconv-{}.part", number);
  const auto longest = std::max<long>(::fpathconf(folder, _PC_NAME_MAX), static_cast<long>(end.size()) + 1);
  return cut(name, static_cast<size_t>(longest) - end.size()) + end;
}

/// Removes the file if it is ours and its writer is no more. False where there is none.
bool remove_if_left_behind(int folder, const std::string& name) {
  const int fd = ::openat(folder, name.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat status = {}, named = {};
  // Since it was opened its writer may have put it in place, and another given this name to a file of their own.
  // Whoever has the lock of the file that has the name keeps it until it is gone.
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
      ::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fstatat(folder, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
      named.st_dev == status.st_dev && named.st_ino == status.st_ino)
    ::unlinkat(folder, name.c_str(), 0);
  ::close(fd);
  return true;
}

}  // namespace

bool write_all(int fd, const void* from, size_t size) {
  const char* next = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t written = ::write(fd, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    next += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

TemporaryFile::TemporaryFile(const std::filesystem::path& destination, const Options& options)
    : destination_(destination.string()), options_(options) {
  if (destination.empty()) fail("the name of the file to write is empty");
  const std::filesystem::path target = followed(destination);
  try {
    examine(target);
    open_folder(target);
    create();
  } catch (...) {
    close();
    throw;
  }
}

TemporaryFile::~TemporaryFile() { close(); }

/// What is there now, if anything is.
void TemporaryFile::examine(const std::filesystem::path& target) {
  name_ = target.filename().string();
  struct stat old = {};
  const bool exists = ::stat(target.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) fail_with("cannot be written");
  if (name_.empty() || (exists && S_ISDIR(old.st_mode)))
    fail("{}: expected a file to write, got the name of a folder", destination_);
  if (exists && !S_ISREG(old.st_mode))
    fail("{}: expected a regular file to write, got a pipe, socket or device", destination_);
  if (!exists) {
    // The links of /proc/self/fd may lead to files that have no name any more; asked again, as others may write too.
    struct stat linked = {};
    if (target != destination_ && ::stat(destination_.c_str(), &linked) == 0 && ::stat(target.c_str(), &old) != 0)
      fail("{}: expected a regular file to write, got a link to one without a name", destination_);
    return;
  }
  if (::access(target.c_str(), W_OK) != 0) fail_with("cannot be written");
  replaced_ = {old.st_uid, old.st_gid, old.st_mode & 0777};
}

void TemporaryFile::open_folder(const std::filesystem::path& target) {
  folder_ = open_folder_of(target);
  if (folder_ < 0) fail_with("cannot be created");
}

void TemporaryFile::create() {
  constexpr int most = 1000;  // of those who write the same destination at once
  int number = 0;
  while (number < most && !create(number)) ++number;
  if (number == most) fail_with("cannot be created");
  remove_if_left_behind(folder_, temporary_name(folder_, name_, number + 1));
}

/// False where the name is somebody else's.
bool TemporaryFile::create(int number) {
  temporary_ = temporary_name(folder_, name_, number);
  remove_if_left_behind(folder_, temporary_);
  fd_ = ::openat(folder_, temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, replaced_ ? 0600 : 0666);
  if (fd_ < 0 && errno != EEXIST) fail_with("cannot be created");
  if (fd_ < 0) return false;
  slot_ = take_slot(folder_, temporary_);
  // Until it is locked it looks as if left behind, so another process may have removed it.
  struct stat status = {};
  const bool taken = ::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (!taken && ::fstat(fd_, &status) == 0 && status.st_nlink > 0) return true;
  ::close(std::exchange(fd_, -1));
  (void)leave_slot(std::exchange(slot_, -1));
  return false;
}

void TemporaryFile::write(const void* from, size_t size) {
  if (!write_all(fd_, from, size)) fail_with("cannot be written");
  written_ += size;
  if (options_.streamed) stream();
}

/// Has the system bring to disk what was written, a piece at a time and beside the writer, so that commit() waits for
/// the last one alone, and forget what is there already. All of it is advice, which a system need not take, and none
/// waits.
void TemporaryFile::stream() {
  constexpr size_t piece = size_t{8} << 20, kept = 4 * piece;
  if (written_ - streamed_ < piece) return;
#if defined(SYNC_FILE_RANGE_WRITE)
  (void)::sync_file_range(fd_, static_cast<off_t>(streamed_), static_cast<off_t>(written_ - streamed_),
                          SYNC_FILE_RANGE_WRITE);
#endif
  if (streamed_ >= kept) forget(streamed_ - kept, written_ - streamed_);
  streamed_ = written_;
}

/// From the system's memory, where it is on disk; all of the file behind `first` where `size` is 0.
void TemporaryFile::forget([[maybe_unused]] size_t first, [[maybe_unused]] size_t size) const {
#if defined(POSIX_FADV_DONTNEED)
  (void)::posix_fadvise(fd_, static_cast<off_t>(first), static_cast<off_t>(size), POSIX_FADV_DONTNEED);
#endif
}

/// As far as the system allows it: a stranger's file becomes the writer's own, and some file systems have no modes.
void TemporaryFile::take_over() {
  struct stat status = {};
  if (::fstat(fd_, &status) != 0) fail_with("cannot be examined");
  mode_t mode = status.st_mode & 0777;
  if (replaced_) {
    mode = replaced_->mode;
    [[maybe_unused]] const int given = ::fchown(fd_, replaced_->owner, replaced_->group);
  }
  if (options_.only_owner_writes) mode &= ~mode_t{S_IWGRP | S_IWOTH};
  ::fchmod(fd_, mode);
}

void TemporaryFile::commit() {
  take_over();
  if (options_.synced && ::fsync(fd_) != 0) fail_with("cannot be written to disk");
  if (options_.streamed) forget(0, 0);
  // Closed, since network file systems say only then what went wrong; and locked until it has its name.
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0 || ::close(copy) != 0) fail_with("cannot be closed");
  if (::renameat(folder_, temporary_.c_str(), folder_, name_.c_str()) != 0) fail_with("cannot be put in place");
  committed_ = true;
  if (options_.synced) sync_folder();
  close();
}

/// The new name is on disk when its folder is. File systems that cannot do this say EINVAL.
void TemporaryFile::sync_folder() {
  const int fd = ::openat(folder_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == EACCES) return;  // a folder that one may write into and not list
  const bool synced = fd >= 0 && (::fsync(fd) == 0 || errno == EINVAL);
  const int error = std::exchange(errno, 0);
  if (fd >= 0) ::close(fd);
  errno = error;
  if (!synced) fail_with("is written, but its folder is perhaps not on disk");
}

void TemporaryFile::close() {
  if (fd_ >= 0 && !committed_) ::unlinkat(folder_, temporary_.c_str(), 0);
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (leave_slot(std::exchange(slot_, -1)) && folder_ >= 0) ::close(std::exchange(folder_, -1));
}

void TemporaryFile::fail_with(std::string_view what) const {
  fail("{}: {}: {}", destination_, what, std::generic_category().message(errno));
}

void remove_left_behind(const std::filesystem::path& destination) {
  constexpr int most = 1000;  // as many as may write at once
  const std::filesystem::path target = followed(destination);
  const int folder = open_folder_of(target);
  if (folder < 0) return;
  int missing = 0;  // in a row: those of lower numbers may have ended well
  for (int number = 0; number < most && missing < 8; ++number)
    missing =
        remove_if_left_behind(folder, temporary_name(folder, target.filename().string(), number)) ? 0 : missing + 1;
  ::close(folder);
}

void unlink_temporary_files() noexcept {
  for (Slot& slot : slots) {
    int expected = Slot::in_use;
    if (slot.state.compare_exchange_strong(expected, Slot::changing)) ::unlinkat(slot.folder, slot.name.data(), 0);
  }
}

}  // namespace upconv::internal
