// Processes that were forked while other threads were busy. Not under ThreadSanitizer, which ends such a process.
#include "framework/forks.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <sys/wait.h>
#include <unistd.h>
#include <upconv/tbb.h>

#include <array>
#include <chrono>
#include <csignal>
#include <latch>
#include <mutex>
#include <thread>

#include "framework/memo.h"
#include "framework/parallel.h"
#include "tests/painter.h"
#include "tests/support.h"

#if !defined(__SANITIZE_THREAD__)

using namespace upconv;
using namespace upconv::testing;

namespace {

enum class Child { right, wrong, threw, hung, died };

/// What became of a forked process that was asked for `is_right`, within half a minute.
template <class F>
Child in_child(F is_right) {
  const pid_t child = ::fork();
  if (child == 0) {
    Child result = Child::threw;
    try {
      result = is_right() ? Child::right : Child::wrong;
    } catch (...) {
    }
    ::_exit(static_cast<int>(result));
  }
  int status = 0;
  for (int waited = 0; ::waitpid(child, &status, WNOHANG) == 0; ++waited) {
    if (waited == 30000) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return Child::hung;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return WIFEXITED(status) ? static_cast<Child>(WEXITSTATUS(status)) : Child::died;
}

/// A thread that is somewhere inside, from the constructor's end until the destructor begins.
class Inside {
 public:
  /// Calls work(stay), which calls stay() where it is to be met.
  template <class Work>
  explicit Inside(Work work) : thread_([this, work] { work([this] { stay(); }); }) {
    arrived_.wait();
  }
  ~Inside() {
    leave_.count_down();
    thread_.join();
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  void stay() {
    if (::getpid() != process_) return;  // in a child nobody says when to leave
    arrived_.count_down();
    leave_.wait();
  }
  const pid_t process_ = ::getpid();
  std::latch arrived_{1}, leave_{1};
  std::thread thread_;
};

}  // namespace

TEST_CASE("forks: a mutex that a thread of before holds can be locked, and says that it was left") {
  Mutex held, own, free;
  const Inside inside([&](const auto& stay) {
    const std::lock_guard lock(held);
    stay();
  });
  own.lock();
  CHECK(in_child([&] {
          own.unlock();
          for (Mutex* mutex : {&held, &own, &free}) {
            const std::lock_guard lock(*mutex);
            if (mutex->was_abandoned() != (mutex == &held) || mutex->was_abandoned()) return false;
          }
          // Its own threads wait for one another as ever.
          int count = 0;
          std::array<std::thread, 4> threads;
          for (std::thread& thread : threads)
            thread = std::thread([&] {
              for (int i = 0; i < 10000; ++i) {
                const std::lock_guard lock(held);
                ++count;
              }
            });
          for (std::thread& thread : threads) thread.join();
          return count == 40000 && forks() == 1;
        }) == Child::right);
  own.unlock();
  CHECK(forks() == 0);
}

// Threads that run programs allocate, and AddressSanitizer's allocator has locks that a fork leaves behind.
#if !defined(__SANITIZE_ADDRESS__)

TEST_CASE("forks: programs of before and new ones run while the other process's threads run them too") {
  const tbb::global_control more(tbb::global_control::max_allowed_parallelism, 8);
  tbb::task_arena lent(4);
  const Sequential net = painter();
  Sequential same = painter();
  Random random(2);
  const Tensor x = random.randn({4, 16, 8, 8}), other = random.randn({3, 16, 9, 9});
  const Tensor expected = same(x), expected_other = same(other);
  for (const Options& options : {Options{.arena = make_arena(lent)}, Options{}}) {
    same.set_options(options);
    const Program program = compile(net, x.shape(), options);
    std::atomic<bool> over = false;
    std::array<std::thread, 3> threads;
    for (std::thread& thread : threads)
      thread = std::thread([&] {
        while (!over) (void)program(x);
      });
    for (int round = 0; round < 30; ++round)
      CHECK(in_child([&] {
              if (!same_bits(program(x), expected) || !same_bits(same(x), expected)) return false;
              const Program made = compile(net, other.shape(), options);
              return made.threads() == 1 && get_num_threads() == 1 && same_bits(made(other), expected_other);
            }) == Child::right);
    over = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(same_bits(program(x), expected));  // here nothing has changed
  }
}

#endif

TEST_CASE("forks: what another thread was compiling, packing or drawing is done again") {
  /// What it reads, after a stay where a thread comes by.
  struct Staying : Operation {
    std::function<void()> stay;
    std::string_view name() const override { return "Staying"; }
    Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
    std::unique_ptr<Step> lower(const Lowering& lowering) const override {
      struct Copying : Step {
        explicit Copying(int64_t floats) : floats_(floats) {}
        int64_t tiles() const override { return 1; }
        void run(int64_t, const Frame& frame) const override {
          std::copy_n(static_cast<const float*>(frame.inputs[0]), floats_, static_cast<float*>(frame.output));
        }
        std::string algorithm() const override { return "copying"; }
        int64_t floats_;
      };
      stay();
      return std::make_unique<Copying>(numel(lowering.output.shape));
    }
  };
  struct Net : Module {
    std::shared_ptr<Staying> staying = std::make_shared<Staying>();
    Value forward(Value x) const override { return x.graph().apply(staying, {x}); }
  };
  const Tensor x({2, 2}, {1.0, 2.0, 3.0, 4.0});

  SUBCASE("compiling") {
    const Net net;
    const Inside inside([&](const auto& stay) {
      net.staying->stay = stay;
      (void)net(x);
    });
    CHECK(in_child([&] { return same_bits(net(x), x) && same_bits(net(x), x); }) == Child::right);
  }
  SUBCASE("packing") {
    const Parameter parameter(x);
    const auto packed = [&](const std::function<void()>& stay) {
      return Memo::of(parameter, "key", [&] {
        stay();
        return std::make_shared<const int>(7);
      });
    };
    const Inside inside([&](const auto& stay) { (void)packed(stay); });
    CHECK(in_child([&] { return *std::static_pointer_cast<const int>(packed([] {})) == 7; }) == Child::right);
  }
  SUBCASE("drawing") {
    std::function<void()> stay;
    const Parameter parameter({2, 2}, DType::float32, [&] {
      stay();
      return x;
    });
    const Inside inside([&](const auto& staying) {
      stay = staying;
      (void)parameter.value();
    });
    CHECK(in_child([&] { return same_bits(parameter.value(), x); }) == Child::right);
  }
}

#endif
