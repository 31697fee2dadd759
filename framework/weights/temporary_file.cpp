#include "framework/weights/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "framework/fail.h"

namespace upconv::internal {

void check_replaceable(const std::filesystem::path& destination) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(destination, ignored);
  if (std::filesystem::exists(status) && std::filesystem::is_other(status))
    fail("{}: expected a regular file to write, got a pipe, socket or device", destination.string());
}

TemporaryFile::TemporaryFile(const std::filesystem::path& destination) : destination_(destination.string()) {
  check_replaceable(destination);
  constexpr int attempts = 1000;  // names left behind by processes that died
  for (int i = 0; fd_ < 0 && i < attempts; ++i) {
    path_ = fmt::format("{}.{}-{}.part", destination_, ::getpid(), i);
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0 && errno != EEXIST) break;
  }
  if (fd_ < 0) fail_with("cannot be created");
}

TemporaryFile::~TemporaryFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!committed_) ::unlink(path_.c_str());
}

void TemporaryFile::write(const void* from, size_t size) {
  const char* next = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t written = ::write(fd_, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with("cannot be written");
    next += written;
    size -= static_cast<size_t>(written);
  }
}

void TemporaryFile::commit() {
  if (::fsync(fd_) != 0) fail_with("cannot be written to disk");
  if (::close(std::exchange(fd_, -1)) != 0) fail_with("cannot be closed");
  if (::rename(path_.c_str(), destination_.c_str()) != 0) fail_with("cannot be put in place");
  committed_ = true;
  sync_folder();
}

/// The new name is on disk when its folder is. File systems that cannot do this say EINVAL.
void TemporaryFile::sync_folder() {
  const std::string folder = std::filesystem::path(destination_).parent_path().string();
  fd_ = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd_ < 0 && errno == EACCES) return;  // a folder that one may write into and not list
  if (fd_ < 0 || (::fsync(fd_) != 0 && errno != EINVAL)) fail_with("is written, but its folder is perhaps not on disk");
}

void TemporaryFile::fail_with(std::string_view what) const {
  fail("{}: {}: {}", destination_, what, std::generic_category().message(errno));
}

}  // namespace upconv::internal
