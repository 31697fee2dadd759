#include "tools/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace upconv::tools {

Progress::Progress(int64_t total)
    : total_(total), terminal_(isatty(STDERR_FILENO)), start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
}

void Progress::advance(int64_t count) {
  done_ += count;
  if (!terminal_ || std::chrono::steady_clock::now() - start_ < std::chrono::seconds(1)) return;
  draw();
  drawn_ = true;
}

void Progress::draw() const {
  constexpr int64_t width = 40;
  const int64_t filled = total_ > 0 ? width * done_ / total_ : width;
  fmt::print(stderr, "\r[{}{}] {} of {}", std::string(static_cast<size_t>(filled), '='),
             std::string(static_cast<size_t>(width - filled), ' '), done_, total_);
  std::fflush(stderr);
}

}  // namespace upconv::tools
