#pragma once
// Internal: processes that were forked from one whose other threads they have not.
#include <atomic>
#include <cstdint>
#include <new>

namespace upconv::internal {

/// How many forks lie between this process and the one that began: it differs from what it was, as one thread alone can
/// see, where the other threads of then are gone.
uint32_t forks();

/// A std::mutex that a forked process can lock although a thread that it has not holds it.
class Mutex {
 public:
  void lock();
  void unlock();
  /// Whether its holder was left behind by a fork, so that what it guards may be half changed; says so once. For who
  /// has locked it.
  bool was_abandoned();

 private:
  std::atomic<uint32_t> holder_ = 0;  // 0 where nobody has it, or 1 and the forks of the process whose thread has it
  bool was_abandoned_ = false;
};

/// Makes `cache` empty as if it had just been constructed, without a look at what is there, which is never freed.
template <class Cache>
void begin_anew(Cache& cache) {
  new (&cache) Cache();
}

}  // namespace upconv::internal
