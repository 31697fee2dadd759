#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "arena.h"

namespace upconv::internal {

/// How many threads the machine gives to one program: as many as it has processors that this process may run on. One in
/// a process that was forked from one whose programs had begun to share their work: the threads are not its own, and
/// oneTBB would wait for them.
int hardware_threads();
/// What set_num_threads() said, or 0.
int told_threads();
/// How many of `available` threads a program takes that is not told: as set_num_threads() said, or no more than the
/// quota of a container.
int default_threads(int available);
/// How many of `available` threads a program takes: so many, or where it is not told, which is 0, default_threads().
int wanted_threads(int threads, int available);
/// How many of hardware_threads() this process can have, the calling one among them: as many as could be made at once.
/// Limits of users, containers and address space make them fewer, where oneTBB would throw.
int makeable_threads();

/// A chain of steps, each cut into tiles.
class Chain {
 public:
  virtual ~Chain() = default;
  virtual int64_t steps() const = 0;
  virtual int64_t tiles(int64_t step) const = 0;
  /// Whether other threads may take tiles of it; those of all other steps stay on the calling thread.
  virtual bool shared(int64_t step) const { return tiles(step) > 1; }
  /// Runs one tile. `worker` is below the number of threads and different for any two that run at once.
  virtual void run(int64_t step, int64_t tile, int worker) const = 0;
};

/// A group of at most `threads` threads of an arena that run chains. Immutable, may be used by several callers at once.
/// In a forked process, where hardware_threads() is one for that, the calling thread does everything.
class Crew {
 public:
  Crew(int threads, std::shared_ptr<const Arena> arena) : threads_(threads), arena_(std::move(arena)) {}
  int threads() const { return threads_; }

  /// Runs all tiles of step 0, then all of step 1, and so on; the calling thread takes part. One parallel region for
  /// the whole chain: tiles are handed out by an atomic counter, and the end of a step waits only for tiles that
  /// somebody has taken, so it never matters how many threads really came. No thread is woken where no step is shared.
  /// Denormals are flushed to zero on every thread meanwhile. Throws what a tile threw, the first of them; the tiles
  /// that were left are then not run.
  void run(const Chain& chain) const;

  /// Calls part(0, worker) to part(count - 1, worker) in any order, each once, and returns when they are done; `worker`
  /// as in Chain. Nothing is thrown by them. It happens in the arena in which the calling thread is, so that it need
  /// not wait for a place in the crew's, and waits for no thread that has not begun: it may hold a lock meanwhile.
  /// Denormals are flushed to zero.
  void share(int64_t count, const std::function<void(int64_t index, int worker)>& part) const;

 private:
  int threads_;
  std::shared_ptr<const Arena> arena_;
};

/// The crew of that many threads, at most as many as there are and can be made; 0 means all. Without an arena of the
/// caller's it has one of its own and is shared by all programs that ask for it while any of them lives.
std::shared_ptr<const Crew> crew(int threads, const std::shared_ptr<const Arena>& arena);

}  // namespace upconv::internal
