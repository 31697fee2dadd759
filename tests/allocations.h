#pragma once
// How much memory a piece of code asks for, and how often it asks for any, or for a lock.
#include <cstddef>

namespace upconv::testing {

/// Counts what operator new hands out anywhere in the program from its construction on.
class PeakMemory {
 public:
  PeakMemory();
  /// The most bytes that were in use at one time, less those in use at the beginning.
  size_t bytes() const;

 private:
  size_t before_;
};

/// Calls of malloc and its like, which operator new calls too, and of pthread_mutex_lock and its like, which std::mutex
/// calls; never any where a sanitizer has them in its hands.
struct Calls {
  size_t allocations = 0, locks = 0;
  Calls operator-(const Calls& before) const { return {allocations - before.allocations, locks - before.locks}; }
  bool operator==(const Calls&) const = default;

  /// Whether they are counted.
  static bool counted();
  /// By any code, on this thread, so far.
  static Calls of_thread();
  /// By code that is linked into this program, as upconv is, on all threads, so far. Shared libraries are not looked
  /// at: oneTBB takes the memory of its tasks from pools of its own, and sleeps and wakes by locks of its own.
  static Calls of_program();
};

}  // namespace upconv::testing
