#include "tools/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "tools/terminal.h"

namespace upconv::tools {
namespace {

std::atomic<bool> drawn = false;
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

std::string progress_bar(int64_t done, int64_t total, int columns) {
  constexpr int widest = 40;
  const std::string numbers = fmt::format("{} of {}", done, total);
  const int room =
      columns - 1 - static_cast<int>(numbers.size());  // the last column stays free, or some terminals wrap
  if (room < 0) return "";
  constexpr int around = 3;  // brackets and a space
  const int width = std::min(widest, room - around);
  if (width < 1) return numbers;
  const auto filled =
      static_cast<int>(total > 0 ? static_cast<double>(done) / static_cast<double>(total) * width : width);
  return fmt::format("[{:<{}}] {}", std::string(static_cast<size_t>(filled), '='), width, numbers);
}

Progress::Progress(int64_t total) : total_(total), start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { erase(); }

void Progress::erase() noexcept {
  static constexpr char sequence[] = "\r\033[K";
  if (drawn.exchange(false)) [[maybe_unused]]
    const ssize_t written = ::write(STDERR_FILENO, sequence, sizeof sequence - 1);
}

void Progress::advance(int64_t count) {
  done_ += count;
  if (std::chrono::steady_clock::now() - start_ < std::chrono::seconds(1)) return;
  const int columns = progress_columns();
  if (columns == 0) return;
  drawn = true;
  std::fputs(fmt::format("\r\033[K{}", progress_bar(done_, total_, columns)).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace upconv::tools
