// Many callers at once. Run under ThreadSanitizer too: ./dev test tsan.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <upconv/tbb.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "framework/code.h"
#include "framework/compile.h"
#include "framework/parallel.h"
#include "tests/painter.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

constexpr int callers = 16;
constexpr int rounds = 8;

/// What every thread did before it came here has happened for all who come later. oneTBB orders the two sides of what
/// it hands over just so, but ThreadSanitizer cannot look into it.
void meet() {
  static std::atomic<int> visitors = 0;
  ++visitors;
}

const Shape shape{2, 16, 8, 8};

/// A program's latents, one for each caller, and what one thread makes of them.
struct Work {
  explicit Work(const Options& options = {}) {
    const Sequential net = painter();
    const Program serial = compile(net, shape, {.threads = 1});
    Random random(6);
    for (int caller = 0; caller < callers; ++caller) {
      in.push_back(random.randn(shape));
      expected.push_back(serial(in.back()));
    }
    program = compile(net, shape, options);
    meet();
  }

  /// Runs the program many times for one caller, with a workspace of its own; how many results were wrong.
  int run(int caller) const {
    meet();
    const auto at = static_cast<size_t>(caller);
    Workspace workspace(program);
    std::vector<Tensor> x{in[at]}, y{Tensor(expected[at].shape())};
    int wrong = 0;
    for (int round = 0; round < rounds; ++round) {
      std::fill_n(y[0].data(), y[0].numel(), -2.0f);
      program.run(workspace, x, y);
      if (!same_bits(y[0], expected[at])) ++wrong;
    }
    meet();
    return wrong;
  }

  std::vector<Tensor> in, expected;
  Program program = Code::program(nullptr);  // until the constructor has compiled it
};

/// A caller's arena, with real threads even on a machine that has fewer.
struct Crowd {
  explicit Crowd(int threads) : arena(threads) {}
  tbb::global_control more{tbb::global_control::max_allowed_parallelism, 8};
  tbb::task_arena arena;
};

/// An arena that counts how often a program went in.
struct Watched : Arena {
  explicit Watched(tbb::task_arena& arena) : lent(make_arena(arena)) {}
  int concurrency() const override { return lent->concurrency(); }
  void execute(const std::function<void()>& work) const override {
    ++executed;
    lent->execute(work);
  }
  std::shared_ptr<const Arena> lent;
  mutable std::atomic<int> executed = 0;
};

/// Waits until `count` have come, each once; gives up after ten seconds, as oneTBB never promises that they will.
void wait_for_all(std::atomic<int>& come, int count) {
  const auto last = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  ++come;
  while (come < count && std::chrono::steady_clock::now() < last) std::this_thread::yield();
}

/// What this thread does with denormal numbers.
struct Denormals {
  bool inputs_are_zero, results_are_zero;
  static Denormals now() {
    const volatile float denormal = 1e-40f, least = std::numeric_limits<float>::min();
    const volatile float large = denormal * 1e30f, small = least * 0.5f;
    return {large == 0, std::bit_cast<uint32_t>(static_cast<float>(small)) == 0};
  }
};

/// One tile for each thread, none of which ends before all have one.
struct Gathering : Chain {
  explicit Gathering(int threads) : seen(static_cast<size_t>(threads)), ids(seen.size()) {}
  int64_t steps() const override { return 1; }
  int64_t tiles(int64_t) const override { return static_cast<int64_t>(seen.size()); }
  void run(int64_t, int64_t, int worker) const override {
    wait_for_all(come, static_cast<int>(seen.size()));
    seen[static_cast<size_t>(worker)] = Denormals::now();
    ids[static_cast<size_t>(worker)] = std::this_thread::get_id();
    meet();
  }
  mutable std::atomic<int> come = 0;
  mutable std::vector<Denormals> seen;  // by worker
  mutable std::vector<std::thread::id> ids;
};

/// Three steps of many tiles, of which the second is not shared; who ran its tiles. The first one waits for a helper.
struct Shy : Chain {
  int64_t steps() const override { return 3; }
  int64_t tiles(int64_t) const override { return 64; }
  bool shared(int64_t step) const override { return step != 1; }
  void run(int64_t step, int64_t tile, int worker) const override {
    if (step == 0 && worker != 0) come = 2;
    if (step == 0 && tile == 0) wait_for_all(come, 2);
    if (step == 1) {
      const auto last = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
      while (std::chrono::steady_clock::now() < last) continue;
      if (worker != 0 || std::this_thread::get_id() != caller) ++strangers;
    }
    meet();
  }
  const std::thread::id caller = std::this_thread::get_id();
  mutable std::atomic<int> come = 0, strangers = 0;
};

/// f() on a thread of its own, whose stack dies with it: oneTBB's workers may look at the caller's frame until the end.
template <class F>
void apart(F f) {
  std::thread thread([&] {
    f();
    meet();
  });
  thread.join();
}

/// f(caller) on 16 threads at once; the sum of what they return.
template <class F>
int on_threads(F f) {
  std::vector<std::thread> threads;
  std::atomic<int> sum = 0;
  for (int caller = 0; caller < callers; ++caller)
    threads.emplace_back([&, caller] {
      sum += f(caller);
      meet();
    });
  for (std::thread& thread : threads) thread.join();
  return sum;
}

}  // namespace

TEST_CASE("concurrency: one program, 16 threads, each with its workspace") {
  const Work work;
  CHECK(on_threads([&](int caller) { return work.run(caller); }) == 0);
}

TEST_CASE("concurrency: one program, 16 threads, all inside an arena of the caller's") {
  const Work work;
  Crowd crowd(3);
  CHECK(on_threads([&](int caller) { return crowd.arena.execute([&] { return work.run(caller); }); }) == 0);
}

TEST_CASE("concurrency: one program that was lent an arena, 16 threads outside and inside of it") {
  for (int threads : {1, 2, 4}) {
    Crowd crowd(threads);
    const Work work({.arena = make_arena(crowd.arena)});
    CHECK(work.program.threads() == threads);
    CHECK(on_threads([&](int caller) { return work.run(caller); }) == 0);
    CHECK(on_threads([&](int caller) { return crowd.arena.execute([&] { return work.run(caller); }); }) == 0);
  }
}

TEST_CASE("concurrency: a program runs inside the arena that it was lent") {
  Crowd crowd(4);
  const auto watched = std::make_shared<Watched>(crowd.arena);
  const Work work({.threads = 3, .arena = watched});
  CHECK(work.program.threads() == 3);
  CHECK(compile(painter(), shape, {.threads = 9, .arena = watched}).threads() == 4);
  CHECK(work.run(0) == 0);
  CHECK(watched->executed == rounds);
}

TEST_CASE("concurrency: a network that is too small to share runs on the calling thread alone") {
  Crowd crowd(4);
  const auto watched = std::make_shared<Watched>(crowd.arena);
  ConvTranspose2d layer(32, 32, 4, {.stride = 2, .padding = 1});
  Random random(1);
  randomize(layer, random);
  const Tensor small = random.randn({1, 32, 2, 2}), large = random.randn({1, 32, 64, 64});
  const Program alone = compile(layer, small.shape(), {.arena = watched});
  const Program shared = compile(layer, large.shape(), {.arena = watched});
  CHECK(alone.threads() == 1);
  CHECK(shared.threads() == 4);
  CHECK(same_bits(alone(small), compile(layer, small.shape(), {.threads = 1})(small)));
  CHECK(watched->executed == 0);
  CHECK(same_bits(shared(large), compile(layer, large.shape(), {.threads = 1})(large)));
  CHECK(watched->executed == 1);
}

TEST_CASE("concurrency: steps that are not shared stay on the calling thread") {
  Crowd crowd(4);
  const Shy chain;
  crew(4, make_arena(crowd.arena))->run(chain);
  CHECK(chain.come >= 2);
  CHECK(chain.strangers == 0);
}

TEST_CASE("concurrency: denormals count as zero on every thread of a run, and as numbers before and after") {
  Crowd crowd(4);
  const auto after = [&] {  // on every thread of the arena
    std::vector<Denormals> seen(4);
    std::atomic<int> come = 0;
    crowd.arena.execute([&] {
      tbb::parallel_for(
          0, 4,
          [&](int i) {
            wait_for_all(come, 4);
            seen[static_cast<size_t>(i)] = Denormals::now();
            meet();
          },
          tbb::simple_partitioner());
    });
    CHECK(come == 4);
    for (const Denormals& one : seen) {
      CHECK(!one.inputs_are_zero);
      CHECK(!one.results_are_zero);
    }
  };
  after();
  for (int round = 0; round < 3; ++round) {
    const Gathering chain(4);
    crew(4, make_arena(crowd.arena))->run(chain);
    CHECK(std::set<std::thread::id>(chain.ids.begin(), chain.ids.end()).size() == 4);
    for (const Denormals& one : chain.seen) {
      CHECK(one.inputs_are_zero);
      CHECK(one.results_are_zero);
    }
    after();
  }
}

TEST_CASE("concurrency: a program inside the caller's parallel_for") {
  Crowd crowd(4);
  for (const bool lent : {false, true}) {
    const Work work({.arena = lent ? make_arena(crowd.arena) : nullptr});
    std::atomic<int> wrong = 0;
    apart([&] {
      crowd.arena.execute([&] { tbb::parallel_for(0, callers, [&](int caller) { wrong += work.run(caller); }); });
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("concurrency: a run does not begin another task of the caller's on its thread") {
  Crowd crowd(4);
  const Work work({.arena = make_arena(crowd.arena)});
  std::atomic<int> nested = 0;
  apart([&] {
    crowd.arena.execute([&] {
      tbb::parallel_for(0, 4 * callers, [&](int i) {
        static thread_local int depth = 0;
        if (depth++ > 0) ++nested;
        work.run(i % callers);
        --depth;
      });
    });
  });
  CHECK(nested == 0);
}

TEST_CASE("concurrency: two programs that share a crew, and one with another, at once") {
  const Work works[] = {Work({.threads = 2}), Work({.threads = 2}), Work()};
  CHECK(on_threads([&](int caller) { return works[caller % 3].run(caller); }) == 0);
}

TEST_CASE("set_num_threads: what programs of no number take from now on, in an arena of four") {
  struct Restored {
    ~Restored() { set_num_threads(0); }
  } restored;
  Crowd crowd(4);
  const Options told{.arena = make_arena(crowd.arena)}, fixed{.threads = 2, .arena = told.arena};
  const Sequential net = painter();
  const int before = compile(net, shape, told).threads();
  CHECK(before == wanted_threads(0, 4));
  const Program kept = compile(net, shape, told);
  for (const int threads : {1, 3, 4, 5}) {
    CAPTURE(threads);
    set_num_threads(threads);
    CHECK(compile(net, shape, told).threads() == std::min(threads, 4));
    CHECK(compile(net, shape, fixed).threads() == 2);
    CHECK(get_num_threads() == std::min(threads, hardware_threads()));
  }
  CHECK(kept.threads() == before);
  CHECK(error_of([] { set_num_threads(-1); }).find("got -1") != std::string::npos);
  CHECK(compile(net, shape, told).threads() == 4);  // a refused number changes nothing
  set_num_threads(0);
  CHECK(compile(net, shape, told).threads() == before);
  CHECK(get_num_threads() == wanted_threads(0, hardware_threads()));
}

TEST_CASE("set_num_threads: a module's next call has as many, and its results the same bits") {
  struct Restored {
    ~Restored() { set_num_threads(0); }
  } restored;
  Crowd crowd(4);
  /// Nothing, which tells how many threads it was compiled for.
  struct Telling : Operation {
    explicit Telling(std::set<int>& told) : threads(told) {}
    std::set<int>& threads;
    std::string_view name() const override { return "Telling"; }
    Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
    std::unique_ptr<Step> lower(const Lowering& lowering) const override {
      struct Copying : Step {
        explicit Copying(size_t bytes) : bytes_(bytes) {}
        int64_t tiles() const override { return 1; }
        void run(int64_t, const Frame& frame) const override { std::memcpy(frame.output, frame.inputs[0], bytes_); }
        std::string algorithm() const override { return "copying"; }
        size_t bytes_;
      };
      threads.insert(lowering.options.threads);
      return std::make_unique<Copying>(static_cast<size_t>(numel(lowering.output.shape)) * sizeof(float));
    }
  };
  struct Net : Module {
    std::set<int> threads;  // of the programs that were compiled
    std::shared_ptr<const Telling> telling = std::make_shared<Telling>(threads);
    Sequential& painting = child("painting", painter());
    Value forward(Value x) const override { return x.graph().apply(telling, {painting(x)}); }
  };
  Net net;
  net.set_options({.arena = make_arena(crowd.arena)});
  Random random(9);
  const Tensor x = random.randn(shape), expected = net(x);
  CHECK(net.threads == std::set<int>{wanted_threads(0, 4)});
  for (const int threads : {3, 2}) {
    net.threads.clear();
    set_num_threads(threads);
    CHECK(same_bits(net(x), expected));
    CHECK(same_bits(net(x), expected));
    CHECK(net.threads == std::set<int>{threads});
  }
  net.threads.clear();
  set_num_threads(3);
  CHECK(same_bits(net(x), expected));
  CHECK(net.threads.empty());  // its program of before is there still
}

TEST_CASE("concurrency: parameters are read while they are set, 16 threads") {
  const Shape wide{1024};
  const auto filled = [&](int caller) { return Tensor(wide, std::vector<float>(1024, static_cast<float>(caller))); };
  const Parameter parameter(filled(0));
  CHECK(on_threads([&](int caller) {
          int mixed = 0;
          for (int round = 0; round < 100; ++round) {
            if (caller % 2 == 0) {
              parameter.set(filled(caller));
              continue;
            }
            const Tensor values = parameter.stored().to_tensor();
            const float* first = values.data();
            if (!std::all_of(first, first + values.numel(), [&](float value) { return value == *first; })) ++mixed;
          }
          return mixed;
        }) == 0);
}

TEST_CASE("concurrency: one module, 16 threads, more shapes than it keeps programs for") {
  const Sequential net = painter(), alone = painter();
  std::vector<Tensor> in, expected;
  Random random(8);
  for (int64_t size = 1; size <= 10; ++size) {
    in.push_back(random.randn({1, 16, size, size}));
    expected.push_back(alone(in.back()));
  }
  CHECK(on_threads([&](int caller) {
          int wrong = 0;
          for (size_t i = 0; i < in.size(); ++i) {
            const size_t at = (i + static_cast<size_t>(caller)) % in.size();
            if (!same_bits(net(in[at]), expected[at])) ++wrong;
          }
          return wrong;
        }) == 0);
}
