#pragma once
#include <functional>
#include <memory>

namespace upconv {

/// Threads that the caller lends to programs (Options::arena). Opaque: <upconv/tbb.h> makes one of a tbb::task_arena.
class Arena {
 public:
  virtual ~Arena() = default;
  /// How many threads may be inside at once.
  [[nodiscard]] virtual int concurrency() const = 0;
  /// Runs `work` on a thread inside, and returns when it is done.
  virtual void execute(const std::function<void()>& work) const = 0;
};

}  // namespace upconv
