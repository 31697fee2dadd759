#pragma once
// For callers who use oneTBB themselves: programs that run on their threads. Not part of upconv.h, so that nobody else
// needs oneTBB's headers.
#include <oneapi/tbb/task_arena.h>

#include "framework/arena.h"

namespace upconv {

/// What Options::arena takes. `arena` must live as long as any program compiled with it.
[[nodiscard]] inline std::shared_ptr<const Arena> make_arena(tbb::task_arena& arena) {
  struct Lent : Arena {
    explicit Lent(tbb::task_arena& arena) : arena(arena) {}
    int concurrency() const override { return arena.max_concurrency(); }
    void execute(const std::function<void()>& work) const override { arena.execute(work); }
    tbb::task_arena& arena;
  };
  return std::make_shared<Lent>(arena);
}

}  // namespace upconv
