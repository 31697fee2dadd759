#include "framework/weights/mapped_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "framework/fail.h"
#include "framework/weights/refusals.h"

namespace upconv::internal {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  /// Without O_NONBLOCK a named pipe would wait here for somebody to write.
  explicit Descriptor(const std::string& file) : fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ >= 0) return;
    if (errno == ENOENT) fail("{}: there is no such file", file);
    fail("{}: cannot be opened: {}", file, reason(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }

 private:
  int fd_;
};

/// All that comes until the end. A pipe that nobody writes to yet is waited for, as every program does.
MappedFile read_all(int fd, const std::string& file) {
  pollfd ready{fd, POLLIN, 0};
  auto bytes = std::make_shared<std::vector<std::byte>>(size_t{1} << 16);
  size_t size = 0;
  for (ssize_t got = 1; got != 0;) {
    if (::poll(&ready, 1, -1) < 0 && errno != EINTR) fail("{}: cannot be read: {}", file, reason(errno));
    if (size == bytes->size()) bytes->resize(2 * size);
    got = ::read(fd, bytes->data() + size, bytes->size() - size);
    if (got < 0 && errno != EINTR && errno != EAGAIN) fail("{}: cannot be read: {}", file, reason(errno));
    size += static_cast<size_t>(std::max<ssize_t>(got, 0));
  }
  bytes->resize(size);
  if (bytes->empty()) fail("{}: the file is empty", file);
  return {std::span<const std::byte>(*bytes), bytes};
}

MappedFile open(const std::filesystem::path& path, bool or_read) {
  const std::string file = path.string();
  const Descriptor descriptor(file);
  struct stat status = {};
  if (::fstat(descriptor.get(), &status) != 0) fail("{}: cannot be examined: {}", file, reason(errno));
  if (S_ISDIR(status.st_mode)) refuse_folder(path);
  if (or_read && S_ISFIFO(status.st_mode)) return read_all(descriptor.get(), file);
  if (!S_ISREG(status.st_mode)) fail("{}: expected a regular file, got a pipe, socket or device", file);
  if (status.st_size == 0) fail("{}: the file is empty", file);
  const auto size = static_cast<size_t>(status.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (memory == MAP_FAILED && errno == ENODEV && or_read) return read_all(descriptor.get(), file);
  if (memory == MAP_FAILED) fail("{}: cannot be mapped: {}", file, reason(errno));
  const std::shared_ptr<const void> owner(memory, [size](void* p) { ::munmap(p, size); });
  return {{static_cast<const std::byte*>(memory), size}, owner, status.st_uid, status.st_mode};
}

}  // namespace

MappedFile map_file(const std::filesystem::path& path) { return open(path, false); }
MappedFile map_or_read(const std::filesystem::path& path) { return open(path, true); }

}  // namespace upconv::internal
