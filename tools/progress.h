#pragma once
#include <chrono>
#include <cstdint>

namespace upconv::tools {

/// A progress bar on stderr: only on a terminal, and only once the work has lasted a second.
class Progress {
 public:
  explicit Progress(int64_t total);
  ~Progress();
  void advance(int64_t count);

 private:
  void draw() const;
  int64_t total_, done_ = 0;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace upconv::tools
