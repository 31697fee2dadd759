#include "framework/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "framework/fail.h"

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

size_t checked_size(int fd, const std::string& file) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) fail("{}: cannot be examined: {}", file, reason(errno));
  if (S_ISDIR(status.st_mode)) fail("{}: expected a file, got a folder", file);
  if (!S_ISREG(status.st_mode)) fail("{}: expected a regular file, got a pipe, socket or device", file);
  if (status.st_size == 0) fail("{}: the file is empty", file);
  return static_cast<size_t>(status.st_size);
}

}  // namespace

MappedFile map_file(const std::filesystem::path& path) {
  const std::string file = path.string();
  const Descriptor descriptor(file);
  const size_t size = checked_size(descriptor.get(), file);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (memory == MAP_FAILED) fail("{}: cannot be mapped: {}", file, reason(errno));
  const std::shared_ptr<const void> owner(memory, [size](void* p) { ::munmap(p, size); });
  return {{static_cast<const std::byte*>(memory), size}, owner};
}

}  // namespace upconv::internal
