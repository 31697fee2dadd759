#include "framework/program.h"

#include <pthread.h>

#include <cstdlib>
#include <memory>

#include "framework/compile.h"
#include "framework/parallel.h"
#include "tests/allocations.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

template <class M>
M with_values(M module, uint64_t seed = 1) {
  Random random(seed);
  randomize(module, random);
  return module;
}

std::vector<std::string> operations(const Program& program) {
  std::vector<std::string> names;
  for (const StepInfo& step : program.steps()) names.push_back(step.operation);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("compile: BatchNorm and activations disappear into the layer before them") {
  const auto net = with_values(
      sequential(ConvTranspose2d(3, 8, 4, {.stride = 2}), BatchNorm2d(8), ReLU(), ConvTranspose2d(8, 3, 4), Tanh()));
  CHECK(operations(compile(net, {2, 3, 1, 1})) == Names{"ConvTranspose2d", "ConvTranspose2d"});
}

TEST_CASE("compile: what cannot be folded stays a step of its own") {
  // ReLU before BatchNorm, and BatchNorm with nothing before it.
  const auto net = with_values(sequential(BatchNorm2d(3), ConvTranspose2d(3, 8, 2), ReLU(), BatchNorm2d(8), Sigmoid()));
  CHECK(operations(compile(net, {2, 3, 1, 1})) == Names{"BatchNorm2d", "ConvTranspose2d", "BatchNorm2d"});
}

TEST_CASE("compile: folding BatchNorm changes no value by more than rounding") {
  const ConvTranspose2d conv = with_values(ConvTranspose2d(5, 7, 3, {.stride = 2}));
  const BatchNorm2d norm = with_values(BatchNorm2d(7), 2);
  Random random(9);
  const Tensor x = random.randn({2, 5, 4, 4});
  const Tensor together = sequential(conv, norm)(x), apart = norm(conv(x));
  check_close(together, apart, [&](int64_t i) { return tolerance(45, 30 + std::abs(apart.data()[i])); });
}

TEST_CASE("compile: a value that two read is not folded away") {
  struct Fork : ModuleOf<Values(Values)> {
    ConvTranspose2d conv = child("conv", ConvTranspose2d(2, 3, 2));
    BatchNorm2d norm = child("norm", BatchNorm2d(3));
    Values forward(Values xs) const override {
      const Value y = conv(xs[0]);
      return {y, norm(y)};
    }
  };
  const Fork net = with_values(Fork());
  Random random(4);
  const Tensor x = random.randn({1, 2, 3, 3});
  const std::vector<Tensor> ys = net(std::vector<Tensor>{x});
  CHECK(same_bits(ys[0], net.conv(x)));
  CHECK(same_bits(ys[1], net.norm(ys[0])));
}

TEST_CASE("graph: an in-place layer changes what later readers see, a plain one does not") {
  struct Net : ModuleOf<Values(Values)> {
    explicit Net(bool inplace) : relu(child("relu", ReLU(inplace))) {}
    ReLU relu;
    Values forward(Values xs) const override {
      const Value x = Sigmoid()(Tanh()(xs[0]));
      const Value y = Tanh()(xs[0]);
      const Value z = relu(y);
      return {x, y, z};
    }
  };
  const Tensor x({1, 1, 1, 2}, std::vector<float>{-1, 1});
  const auto plain = Net(false)(std::vector<Tensor>{x}), inplace = Net(true)(std::vector<Tensor>{x});
  CHECK(plain[1].data()[0] < 0);
  CHECK(inplace[1].data()[0] == 0);
  CHECK(inplace[2].data()[0] == 0);
  CHECK(same_bits(plain[0], inplace[0]));
}

TEST_CASE("compile: outputs that are inputs, views or each other get memory of their own") {
  struct Net : ModuleOf<Values(Values)> {
    Values forward(Values xs) const override {
      const Value y = Tanh()(xs[0]);
      const Value flat = Flatten()(y);
      return {xs[0], y, flat, y};
    }
  };
  Random random(4);
  const Tensor x = random.randn({2, 3, 2, 2});
  const auto ys = Net()(std::vector<Tensor>{x});
  CHECK(same_bits(ys[0], x));
  CHECK(ys[2].shape() == Shape{2, 12});
  CHECK(same_bits(ys[1], ys[3]));
  CHECK(same_bits(ys[1], ys[2].reshape({2, 3, 2, 2})));
  CHECK(ys[0].data() != x.data());
}

TEST_CASE("compile: Flatten and Unflatten see (N, C, H, W) order whatever lies in memory") {
  const auto net =
      with_values(sequential(ConvTranspose2d(3, 4, 3), Flatten(), Unflatten(1, {4, 5, 5}), ConvTranspose2d(4, 2, 1)));
  const auto straight = sequential(*std::dynamic_pointer_cast<const ConvTranspose2d>(net.named_children()[0].second),
                                   *std::dynamic_pointer_cast<const ConvTranspose2d>(net.named_children()[3].second));
  Random random(2);
  const Tensor x = random.randn({2, 3, 3, 3});
  CHECK(same_bits(net(x), straight(x)));
}

TEST_CASE("compile: a Linear whose features are pictures computes them channels-last") {
  const Linear linear = with_values(Linear(7, 5 * 3 * 4), 3);
  const ConvTranspose2d conv = with_values(ConvTranspose2d(5, 4, 3), 4);
  const auto net = sequential(linear, ReLU(), Unflatten(1, {5, 3, 4}), conv);
  Random random(2);
  const Tensor x = random.randn({2, 7});
  CHECK(operations(compile(net, x.shape())) == Names{"Linear", "ConvTranspose2d"});
  CHECK(same_bits(net(x), conv(ReLU()(linear(x)).reshape({2, 5, 3, 4}))));
  // Not where somebody else reads them, or sees them as they are.
  struct Fork : ModuleOf<Values(Values)> {
    Linear linear = child("linear", Linear(7, 5 * 3 * 4));
    ConvTranspose2d conv = child("conv", ConvTranspose2d(5, 4, 3));
    Values forward(Values xs) const override {
      const Value features = linear(xs[0]);
      return {features, conv(Unflatten(1, {5, 3, 4})(features)), Unflatten(1, {5, 3, 4})(linear(xs[0]))};
    }
  };
  const Fork fork = with_values(Fork());
  const std::vector<Tensor> ys = fork(std::vector<Tensor>{x});
  CHECK(same_bits(ys[0], fork.linear(x)));
  CHECK(same_bits(ys[1], fork.conv(ys[0].reshape({2, 5, 3, 4}))));
  CHECK(same_bits(ys[2], ys[0].reshape({2, 5, 3, 4})));
}

TEST_CASE("compile: intermediate values share one arena") {
  Sequential net;
  for (int i = 0; i < 10; ++i) net.append(ConvTranspose2d(4, 4, 1));
  Random random(2);
  randomize(net, random);
  const Program program = compile(net, {1, 4, 16, 16});
  CHECK(program.arena_bytes() <= 2 * 4 * 16 * 16 * sizeof(float));
}

TEST_CASE("Program: inputs and outputs of other shapes are refused") {
  const Program program = compile(with_values(ConvTranspose2d(2, 3, 2)), {1, 2, 3, 3});
  Workspace workspace(program);
  std::vector<Tensor> in{Tensor({1, 2, 3, 4})}, out{Tensor({1, 3, 4, 4})};
  CHECK(error_of([&] { program.run(workspace, in, out); }) ==
        "input 0 of the program is float32 (1, 2, 3, 3), got float32 (1, 2, 3, 4)");
  in[0] = Tensor({1, 2, 3, 3});
  out[0] = Tensor(Shape{1, 3, 4, 4}, DType::int64);
  CHECK(error_of([&] { program.run(workspace, in, out); }) ==
        "output 0 of the program is float32 (1, 3, 4, 4), got int64 (1, 3, 4, 4)");
  out.clear();
  CHECK(error_of([&] { program.run(workspace, in, out); }) == "the program has 1 outputs, got 0");
  const Program other = compile(with_values(ConvTranspose2d(2, 3, 2)), {1, 2, 3, 3});
  out = {Tensor({1, 3, 4, 4})};
  CHECK(error_of([&] { other.run(workspace, in, out); }) == "this workspace was made for another program");
}

TEST_CASE("Program: takes no more threads than the machine has, and one where there is little to do") {
  const auto layer = with_values(ConvTranspose2d(32, 32, 4, {.stride = 2}));
  CHECK(compile(layer, {1, 32, 64, 64}, {.threads = 100'000}).threads() == compile(layer, {1, 32, 64, 64}).threads());
  CHECK(compile(layer, {1, 32, 64, 64}).threads() <= 1024);
  CHECK(compile(layer, {1, 32, 1, 1}, {.threads = 2}).threads() == 1);
}

TEST_CASE("Program: a profile is a run that was watched") {
  const auto net = with_values(sequential(ConvTranspose2d(32, 64, 4, {.stride = 2, .padding = 1}), ReLU(),
                                          ConvTranspose2d(64, 3, 4, {.stride = 2, .padding = 1}), Tanh()));
  Random random(5);
  std::vector<Tensor> x{random.randn({1, 32, 40, 40})};
  for (int threads : {1, 0}) {
    const Program program = compile(net, x[0].shape(), {.threads = threads});
    Workspace workspace(program);
    std::vector<Tensor> y{Tensor(program.outputs()[0].shape)};
    const Profile profile = program.profile(workspace, x, y);
    CHECK(same_bits(y[0], program(x[0])));
    REQUIRE(profile.steps.size() == 2);
    double sum = 0, end = 0, last = 0;  // of the steps; of the step before; of this one
    for (double seconds : profile.steps) sum += seconds;
    CHECK(sum <= profile.seconds);
    size_t step = 0;
    int64_t next = 0;
    for (const Profile::Tile& tile : profile.tiles) {
      if (tile.step != step) {
        CHECK(tile.step == step + 1);
        CHECK(next > 1);
        CHECK(last - end == doctest::Approx(profile.steps[step]));
        end = last;
        step = tile.step;
        next = 0;
      }
      CHECK(tile.tile == next++);
      CHECK(end <= tile.begin);
      CHECK(tile.begin < tile.end);
      CHECK(tile.end <= profile.seconds);
      CHECK(tile.worker >= 0);
      CHECK(tile.worker < program.threads());
      last = std::max(last, tile.end);
    }
    CHECK(step == 1);
  }
}

TEST_CASE("Program: a step moves its inputs, its output and the weights that it reads, each once") {
  // Of 4 x 4 taps a single pixel with a padding of 1 meets 2 x 2.
  const auto net = with_values(
      sequential(ConvTranspose2d(16, 32, 4, {.stride = 2, .padding = 1}), Flatten(), Sigmoid(), Linear(128, 64)));
  const Program program = compile(net, {3, 16, 1, 1}, {.algorithm = "direct"});
  std::vector<size_t> floats;
  for (const StepInfo& step : program.steps())
    if (step.operation != "Relayout") floats.push_back(step.bytes / sizeof(float));
  CHECK(floats[0] >= 3 * 16 + 3 * 128 + 16 * 32 * 4);
  CHECK(floats[0] < 3 * 16 + 3 * 128 + 16 * 32 * 4 + 64);
  CHECK(floats.back() >= 3 * 128 + 3 * 64 + 128 * 64);
  CHECK(floats.back() < 3 * 128 + 3 * 64 + 128 * 64 + 64);
}

TEST_CASE("Program: a run allocates nothing") {
  const auto net = with_values(sequential(ConvTranspose2d(32, 64, 4, {.stride = 2, .padding = 1}), BatchNorm2d(64),
                                          ReLU(), ConvTranspose2d(64, 3, 4, {.stride = 2, .padding = 1}), Tanh()));
  Random random(5);
  std::vector<Tensor> x{random.randn({2, 32, 16, 16})};
  for (int threads : {1, 0}) {
    const Program program = compile(net, x[0].shape(), {.threads = threads});
    Workspace workspace(program);
    std::vector<Tensor> y{Tensor(program.outputs()[0].shape)};
    const PeakMemory memory;
    program.run(workspace, x, y);
    CHECK(memory.bytes() == 0);
  }
}

TEST_CASE("Program: denormals count as zero while it runs, and the caller's mode is kept") {
  ConvTranspose2d layer(1, 1, 1, {.bias = false});
  layer.weight.set(Tensor({1, 1, 1, 1}, std::vector<float>{1}));
  const float denormal = 1e-40f;
  CHECK(layer(Tensor({1, 1, 1, 1}, std::vector<float>{denormal})).data()[0] == 0);
  volatile float half = denormal;
  half = half * 0.5f;
  CHECK(half > 0);
}

TEST_CASE("Program: what is counted as an allocation or a lock is one") {
  if (!Calls::counted()) return;
  static void* volatile sink;  // a malloc whose memory nobody sees is optimised away
  const auto allocated = [](auto allocate) {
    const Calls thread = Calls::of_thread(), program = Calls::of_program();
    sink = allocate();
    const Calls thread_after = Calls::of_thread(), program_after = Calls::of_program();
    std::free(sink);
    return thread_after - thread == Calls{1, 0} && program_after - program == Calls{1, 0};
  };
  CHECK(allocated([] { return std::malloc(100); }));
  CHECK(allocated([] { return std::calloc(100, 1); }));
  CHECK(allocated([] { return std::realloc(nullptr, 100); }));
  CHECK(allocated([] { return std::aligned_alloc(64, 128); }));
  CHECK(allocated([] {
    void* memory = nullptr;
    return ::posix_memalign(&memory, 64, 128) == 0 ? memory : nullptr;
  }));
  {
    const Calls program = Calls::of_program();
    const auto made = std::make_unique<Tensor>(Shape{});
    sink = made.get();
    CHECK(Calls::of_program().allocations > program.allocations);
  }
  // Not a std::mutex: libc++ locks it within its library, where a lock counts for the thread alone.
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  const Calls thread = Calls::of_thread(), program = Calls::of_program();
  pthread_mutex_lock(&mutex);
  const Calls thread_after = Calls::of_thread(), program_after = Calls::of_program();
  pthread_mutex_unlock(&mutex);
  CHECK(thread_after - thread == Calls{0, 1});
  CHECK(program_after - program == Calls{0, 1});
}

TEST_CASE("Program: a run allocates nothing and takes no lock") {
  // Direct and Winograd's kernels, layouts changed on the way, what is not folded, several tiles in every layer.
  const auto net = with_values(sequential(
      Linear(8, 16 * 8 * 8), Unflatten(1, {16, 8, 8}), ConvTranspose2d(16, 32, 4, {.stride = 2, .padding = 1}), ReLU(),
      BatchNorm2d(32), ConvTranspose2d(32, 32, 4, {.stride = 2, .padding = 1}), LeakyReLU(0.1),
      ConvTranspose2d(32, 3, 4, {.stride = 2, .padding = 1}), Tanh()));
  Random random(3);
  const std::vector<Tensor> x{random.randn({4, 8})};
  for (const std::string algorithm : {"direct", "winograd F(3,2)"})
    for (int threads = 1; threads <= hardware_threads(); ++threads) {
      CAPTURE(threads);
      const Program program = compile(net, x[0].shape(), {.algorithm = algorithm, .threads = threads});
      Workspace workspace(program);
      std::vector<Tensor> y{Tensor(program.outputs()[0].shape)};
      program.run(workspace, x, y);  // wakes oneTBB's threads
      const Calls thread = Calls::of_thread(), own = Calls::of_program();
      for (int i = 0; i < 100; ++i) program.run(workspace, x, y);
      const Calls thread_after = Calls::of_thread(), own_after = Calls::of_program();
      CHECK(own_after == own);
      if (threads == 1) CHECK(thread_after == thread);  // not even by oneTBB
    }
}

TEST_CASE("Program: a module keeps programs for several shapes") {
  /// Counts how often it is compiled.
  struct Counting : Operation {
    mutable int compiled = 0;
    std::string_view name() const override { return "Counting"; }
    Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
    std::unique_ptr<Step> lower(const Lowering&) const override {
      struct Nothing : Step {
        int64_t tiles() const override { return 0; }
        void run(int64_t, const Frame&) const override {}
        std::string algorithm() const override { return "nothing"; }
      };
      ++compiled;
      return std::make_unique<Nothing>();
    }
  };
  struct Net : Module {
    std::shared_ptr<const Counting> counting = std::make_shared<Counting>();
    ConvTranspose2d& conv = child("conv", ConvTranspose2d(2, 2, 3));
    Value forward(Value x) const override { return conv(x.graph().apply(counting, {x})); }
  };
  Net net = with_values(Net());
  net.set_options({.threads = 1});
  const auto call = [&](int64_t size) {
    CHECK(net(Tensor({1, 2, size, size + 1})).shape() == Shape{1, 2, size + 2, size + 3});
    return net.counting->compiled;
  };
  for (int round = 0; round < 2; ++round)
    for (int64_t size = 1; size <= 8; ++size) CHECK(call(size) == (round == 0 ? size : 8));
  // The ninth takes the place of the one that was asked for longest ago.
  CHECK(call(1) == 8);
  CHECK(call(9) == 9);
  CHECK(call(1) == 9);
  CHECK(call(2) == 10);
  CHECK(call(2) == 10);
}
