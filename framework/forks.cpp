#include "framework/forks.h"

#include <pthread.h>

#include <utility>

namespace upconv::internal {
namespace {

std::atomic<uint32_t> count = 0;

// From the beginning on: a thread that forks may be one that never called anything here.
[[maybe_unused]] const int watched = pthread_atfork(nullptr, nullptr, [] { ++count; });

}  // namespace

uint32_t forks() { return count.load(std::memory_order_relaxed); }

void Mutex::lock() {
  const uint32_t mine = 1 + forks();
  for (uint32_t holder = 0; !holder_.compare_exchange_strong(holder, mine, std::memory_order_acquire); holder = 0) {
    if (holder == mine) {
      holder_.wait(mine, std::memory_order_relaxed);
    } else if (holder != 0 && holder_.compare_exchange_strong(holder, mine, std::memory_order_acquire)) {
      was_abandoned_ = true;
      return;
    }
  }
}

void Mutex::unlock() {
  holder_.store(0, std::memory_order_release);
  holder_.notify_one();
}

bool Mutex::was_abandoned() { return std::exchange(was_abandoned_, false); }

}  // namespace upconv::internal
