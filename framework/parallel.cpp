#include "framework/parallel.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "framework/denormals.h"
#include "framework/fail.h"
#include "framework/forks.h"
#include "framework/options.h"
#include "framework/quota.h"

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace upconv::internal {
namespace {

/// Spins politely: workers of a run meet again within microseconds, but another program may need the core.
class Spin {
 public:
  void wait() {
    if (++count_ < 2000) return pause_processor();
    std::this_thread::yield();
  }

 private:
  int count_ = 0;
};

/// One run of a chain. `ticket_` holds the step in its upper and the next free tile in its lower half, so that one
/// addition takes a tile and tells of which step it is: a late thread can never take a tile of a step that is over.
class Run {
 public:
  explicit Run(const Chain& chain) : chain_(chain), steps_(chain.steps()) {}

  /// The calling thread: works, and opens each step when the one before is done.
  void lead() {
    for (int64_t step = 0; step < steps_; ++step) {
      const int64_t tiles = chain_.tiles(step);
      if (!chain_.shared(step)) {  // never opened: the ticket still says that the last shared one has no tiles left
        for (int64_t tile = 0; tile < tiles; ++tile) run_tile(step, tile, 0);
        continue;
      }
      done_.store(0, std::memory_order_relaxed);
      ticket_.store(static_cast<uint64_t>(step) << 32, std::memory_order_release);
      while (take(0)) {
      }
      Spin spin;
      while (done_.load(std::memory_order_acquire) < tiles) spin.wait();
    }
    ticket_.store(static_cast<uint64_t>(steps_) << 32, std::memory_order_release);
  }

  /// Every other thread, whenever it comes.
  void help(int worker) {
    Spin spin;
    while (true) {
      if (step_of(ticket_.load(std::memory_order_acquire)) == steps_) return;
      if (take(worker))
        spin = {};
      else
        spin.wait();
    }
  }

  /// After all have come back: throws what a tile threw.
  void finish() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void run_tile(int64_t step, int64_t tile, int worker) {
    if (failed_.load(std::memory_order_relaxed)) return;
    try {
      chain_.run(step, tile, worker);
    } catch (...) {
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
  }

  static int64_t step_of(uint64_t ticket) { return static_cast<int64_t>(ticket >> 32); }
  static int64_t tile_of(uint64_t ticket) { return static_cast<int64_t>(ticket & 0xffffffff); }

  bool exhausted(uint64_t ticket) const {
    return step_of(ticket) >= steps_ || tile_of(ticket) >= chain_.tiles(step_of(ticket));
  }

  /// Runs one tile; false where the open step has none left. Looks before it adds, so the lower half cannot overflow.
  bool take(int worker) {
    if (exhausted(ticket_.load(std::memory_order_acquire))) return false;
    const uint64_t mine = ticket_.fetch_add(1, std::memory_order_acq_rel);
    if (exhausted(mine)) return false;
    run_tile(step_of(mine), tile_of(mine), worker);
    done_.fetch_add(1, std::memory_order_acq_rel);
    return true;
  }

  const Chain& chain_;
  const int64_t steps_;
  alignas(64) std::atomic<uint64_t> ticket_{0xffffffff};  // step 0, not open yet
  alignas(64) std::atomic<int64_t> done_{0};
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // of the one who set failed_
};

/// forks() of the process that asked oneTBB for threads first, in this one or in those that it was forked from.
constexpr int64_t nowhere = -1;
std::atomic<int64_t> begun = nowhere;

void begin_threads() {
  int64_t where = begun;
  if (where == nowhere) begun.compare_exchange_strong(where, forks());
}

/// Whether oneTBB believes in threads that a fork has left behind. A forked process that is the first to need any has
/// its own.
bool is_left_alone() {
  const int64_t where = begun;
  return where != nowhere && where != forks();
}

/// Where work passes from one thread to another through oneTBB, which orders the two. Debian's library of it is not
/// instrumented, so ThreadSanitizer has to be told; nothing in other builds.
template <class Work>
void hand_over([[maybe_unused]] Work& work) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(&work);
  __tsan_release(&work);
#endif
}

/// Gives `add` a task for each of the workers 1 to `workers` - 1. Where oneTBB cannot make a thread for one, all others
/// do without: the caller takes whatever nobody else does.
template <class Add>
void add_helpers(int workers, Add add) {
  try {
    for (int worker = 1; worker < workers; ++worker) add(worker);
  } catch (const std::exception&) {
  }
}

/// Makes so many threads at once and ends them; how many could be made. By pthreads, since a thread that allocates, or
/// frees, takes longer: glibc gives it a heap of its own. The stacks are kept for those that oneTBB makes afterwards.
int try_threads(int wanted) {
  std::atomic<bool> over = false;
  const auto wait = [](void* until) -> void* {
    static_cast<const std::atomic<bool>*>(until)->wait(false);
    return nullptr;
  };
  std::vector<pthread_t> made;
  made.reserve(static_cast<size_t>(wanted));
  pthread_t thread;
  while (made.size() < static_cast<size_t>(wanted) && pthread_create(&thread, nullptr, wait, &over) == 0)
    made.push_back(thread);
  over = true;
  over.notify_all();
  for (const pthread_t one : made) pthread_join(one, nullptr);
  return static_cast<int>(made.size());
}

/// The arena of programs whose caller lends none.
class Own : public Arena {
 public:
  /// `made`: how many threads can be made. Where these are fewer than the processors oneTBB must know, or its own
  /// threads throw when they ask for the next.
  Own(int threads, int made) : threads_(std::make_unique<Threads>(threads)) {
    if (threads > 1 && made < hardware_threads())
      threads_->limit.emplace(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(made));
  }
  /// Where a fork has left the threads behind, who could have held oneTBB's locks, it is never ended.
  ~Own() override {
    if (forks_ != forks()) static_cast<void>(threads_.release());
  }
  Own(const Own&) = delete;
  Own& operator=(const Own&) = delete;
  int concurrency() const override { return threads_->arena.max_concurrency(); }
  void execute(const std::function<void()>& work) const override { threads_->arena.execute(work); }

 private:
  struct Threads {
    explicit Threads(int threads) : arena(threads) {}
    std::optional<tbb::global_control> limit;
    tbb::task_arena arena;
  };
  const uint32_t forks_ = forks();
  std::unique_ptr<Threads> threads_;
};

std::atomic<int> told = 0;

}  // namespace

int told_threads() { return told; }

int hardware_threads() { return is_left_alone() ? 1 : std::max(1, tbb::this_task_arena::max_concurrency()); }

int default_threads(int available) {
  if (const int threads = told; threads > 0) return std::min(available, threads);
  static const std::optional<int> quota = quota_threads();
  return std::min(available, quota.value_or(available));
}

int wanted_threads(int threads, int available) {
  return threads > 0 ? std::min(threads, available) : default_threads(available);
}

int makeable_threads() {
  static Mutex mutex;
  static int made = 1;  // the most that could be made so far
  const std::lock_guard lock(mutex);
  if (const int all = hardware_threads(); made < all) made = std::max(made, 1 + try_threads(all - 1));
  return made;
}

void Crew::run(const Chain& chain) const {
  Run run(chain);
  bool shared = false;
  for (int64_t step = 0; step < chain.steps(); ++step) shared = shared || chain.shared(step);
  if (threads_ == 1 || !shared || is_left_alone()) {
    {
      FlushDenormals flush;
      run.lead();
    }
    return run.finish();
  }
  begin_threads();
  auto work = [&] {
    hand_over(run);
    tbb::task_group helpers;
    add_helpers(threads_, [&](int worker) {
      helpers.run([&run, worker] {
        hand_over(run);
        FlushDenormals flush;
        run.help(worker);
        hand_over(run);
      });
    });
    {
      FlushDenormals flush;
      run.lead();
    }
    helpers.wait();
    hand_over(run);
  };
  // Isolated: the wait for the helpers must not begin another task of the caller's, which may run a program too.
  auto inside = [&] { tbb::this_task_arena::isolate(work); };
  hand_over(run);
  arena_->execute(std::ref(inside));  // a reference, so that std::function allocates nothing
  hand_over(run);
  run.finish();
}

void Crew::share(int64_t count, const std::function<void(int64_t, int)>& part) const {
  std::atomic<int64_t> next = 0;
  auto work = [&](int worker) {
    FlushDenormals flush;
    for (int64_t index = next++; index < count; index = next++) part(index, worker);
  };
  if (std::min<int64_t>(threads_, count) <= 1 || is_left_alone()) return work(0);
  begin_threads();
  tbb::this_task_arena::isolate([&] {
    tbb::task_group helpers;
    hand_over(next);
    add_helpers(static_cast<int>(std::min<int64_t>(threads_, count)), [&](int worker) {
      helpers.run([&, worker] {
        hand_over(next);
        work(worker);
        hand_over(next);
      });
    });
    work(0);
    helpers.wait();
    hand_over(next);
  });
}

std::shared_ptr<const Crew> crew(int threads, const std::shared_ptr<const Arena>& arena) {
  const int most = arena && !is_left_alone() ? std::max(1, arena->concurrency()) : hardware_threads();
  const int wanted = wanted_threads(threads, most);
  if (arena) return std::make_shared<const Crew>(wanted, arena);
  const int made = wanted > 1 ? makeable_threads() : 1, count = std::min(wanted, made);
  static Mutex mutex;
  static std::map<std::pair<int, int>, std::weak_ptr<const Crew>> crews;
  const std::lock_guard lock(mutex);
  if (mutex.was_abandoned()) begin_anew(crews);
  std::weak_ptr<const Crew>& place = crews[{count, made}];
  std::shared_ptr<const Crew> found = place.lock();
  if (!found) place = found = std::make_shared<const Crew>(count, std::make_shared<Own>(count, made));
  return found;
}

}  // namespace upconv::internal

namespace upconv {

void set_num_threads(int threads) {
  if (threads < 0) internal::fail("set_num_threads: expected no negative number, got {}; 0 is the default", threads);
  internal::told = threads;
}

int get_num_threads() { return internal::default_threads(internal::hardware_threads()); }

}  // namespace upconv
