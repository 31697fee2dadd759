#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace upconv::tools {

/// "[====    ] 3 of 7", within so many columns; shorter where they are few, "" where not even the numbers fit.
std::string progress_bar(int64_t done, int64_t total, int columns);

/// A progress bar on stderr: only on a terminal that can erase it, and only once the work has lasted a second. It is
/// erased when it goes.
class Progress {
 public:
  explicit Progress(int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(int64_t count);

  /// Erases the bar that is drawn, if one is. Async-signal-safe.
  static void erase() noexcept;

 private:
  int64_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace upconv::tools
