#include <algorithm>

#include "framework/caches.h"
#include "framework/compile.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// Height and width of pictures of 16 channels, of which so many fit the L2 of one thread.
Shape pictures(int64_t batch, int64_t count) {
  const int64_t width = 32, height = internal::l2_bytes() / count / (16 * width * 4);
  return {batch, 16, height, width};
}

template <class M>
M with_values(M module) {
  Random random(1);
  randomize(module, random);
  return module;
}

std::vector<int64_t> portions(const Program& program) {
  std::vector<int64_t> all;
  for (const StepInfo& step : program.steps()) all.push_back(step.portions);
  return all;
}

/// Each image of the batch through a program of its own.
Tensor one_by_one(const AnyModule& net, const Tensor& x, Options options) {
  Shape single = x.shape();
  single[0] = 1;
  const Program program = compile(net, single, options);
  Shape all = program.outputs()[0].shape;
  all[0] = x.shape()[0];
  Tensor y(all), in(single);
  for (int64_t n = 0; n < x.shape()[0]; ++n) {
    std::copy_n(x.data() + n * in.numel(), in.numel(), in.data());
    const Tensor out = program(in);
    std::copy_n(out.data(), out.numel(), y.data() + n * out.numel());
  }
  return y;
}

/// What a run of steps can have to do with what is around it: it reads its input twice, passes pictures on over two
/// layers, and gives two values to what comes after, one of them made in its midst.
struct Crossed : Module {
  Conv2d& first = child("first", Conv2d(16, 16, 3, {.padding = 1}));
  Conv2d& second = child("second", Conv2d(16, 16, 3, {.padding = 1}));
  Conv2d& third = child("third", Conv2d(16, 16, 1));
  Conv2d& last = child("last", Conv2d(16, 2, 1));
  Value forward(Value x) const override {
    const Value a = relu(first(x));
    const Value b = second(a);
    const Value c = relu(third(b + x));
    // A softmax over channels is not taken apart by images.
    return last(softmax(c + a, 1));
  }
};

}  // namespace

TEST_CASE("portions: steps in a row take turns on parts of a batch that fit the cache, and the bits stay") {
  const auto net = with_values(sequential(Conv2d(16, 16, 3, {.padding = 1}), ReLU(), Conv2d(16, 16, 3, {.padding = 1}),
                                          Conv2d(16, 3, 3, {.padding = 1}), Tanh()));
  for (int threads : {1, 2})
    for (Precision precision : {Precision::float32, Precision::bfloat16}) {
      Options options{.threads = threads};
      options.precision = precision;
      const Tensor x = Random(2).randn(pictures(12, 4));
      const Program program = compile(net, x.shape(), options);
      const int64_t count = program.threads() == 1 ? 3 : 2;
      CHECK(portions(program) == std::vector<int64_t>(3, count));
      CHECK(program.arena_bytes() <= 2 * static_cast<size_t>(x.numel() / count) * sizeof(float));
      CHECK(same_bits(program(x), one_by_one(net, x, options)));
    }
}

TEST_CASE("portions: values from outside, and for outside, have the memory of the whole batch") {
  const auto net = with_values(Crossed());
  for (int threads : {1, 2}) {
    const Tensor x = Random(3).randn(pictures(9, 3));
    const Program program = compile(net, x.shape(), {.threads = threads});
    CHECK(portions(program).front() == 3);
    CHECK(portions(program).back() == 1);
    CHECK(same_bits(program(x), one_by_one(net, x, {.threads = threads})));
  }
}

TEST_CASE("portions: small pictures, large ones and lone steps take the whole batch at once") {
  const auto two = with_values(sequential(Conv2d(16, 16, 3, {.padding = 1}), Conv2d(16, 16, 3, {.padding = 1})));
  const auto one = with_values(sequential(Conv2d(16, 16, 3, {.padding = 1})));
  const auto counts = [](const AnyModule& net, const Shape& shape) {
    return portions(compile(net, shape, {.threads = 1}));
  };
  CHECK(counts(two, pictures(32, 2)) == std::vector<int64_t>{16, 16});
  CHECK(counts(two, pictures(7, 2)) == std::vector<int64_t>{7, 7});    // a batch of no divisor but itself
  CHECK(counts(two, pictures(2, 2)) == std::vector<int64_t>{1, 1});    // all of it fits
  CHECK(counts(two, pictures(64, 16)) == std::vector<int64_t>{1, 1});  // small
  const Shape fitting = pictures(4, 1), large{4, 16, fitting[2] * 2, fitting[3]};
  CHECK(counts(two, fitting) == std::vector<int64_t>{4, 4});
  CHECK(counts(two, large) == std::vector<int64_t>{1, 1});
  CHECK(counts(one, pictures(32, 2)) == std::vector<int64_t>{1});
}

TEST_CASE("portions: profiles and files of choices tell of the whole batch") {
  const auto net = with_values(sequential(Conv2d(16, 16, 3, {.padding = 1}), Conv2d(16, 24, 3, {.padding = 1})));
  const Tensor x = Random(2).randn(pictures(8, 4));
  const Program program = compile(net, x.shape(), {.threads = 1});
  const std::vector<StepInfo> steps = program.steps();
  REQUIRE(steps.size() == 2);
  REQUIRE(steps[0].portions > 1);
  CHECK(steps[1].shape == program.outputs()[0].shape);
  CHECK(steps[0].flops == doctest::Approx(2.0 * 9 * 16 * static_cast<double>(x.numel())));
  CHECK(steps[0].geometry.find(", 8x16x") != std::string::npos);

  Workspace workspace(program);
  std::vector<Tensor> y{Tensor(program.outputs()[0].shape)};
  const Profile profile = program.profile(workspace, std::span(&x, 1), y);
  CHECK(same_bits(y[0], program(x)));
  REQUIRE(profile.steps.size() == 2);
  CHECK(profile.steps[0] + profile.steps[1] <= profile.seconds);
  size_t turns = 1;
  for (size_t i = 1; i < profile.tiles.size(); ++i) {
    CHECK(profile.tiles[i - 1].end <= profile.tiles[i].begin);
    turns += profile.tiles[i].step != profile.tiles[i - 1].step;
  }
  CHECK(turns == static_cast<size_t>(2 * steps[0].portions));
  std::vector<std::pair<size_t, int64_t>> numbers;
  for (const Profile::Tile& tile : profile.tiles) numbers.emplace_back(tile.step, tile.tile);
  std::sort(numbers.begin(), numbers.end());
  CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
}

TEST_CASE("portions: what is timed is timed as it runs") {
  const auto net = with_values(sequential(Conv2d(16, 16, 3, {.padding = 1}), Conv2d(16, 16, 3, {.padding = 1})));
  const Tensor x = Random(2).randn(pictures(8, 4));
  const Program program = compile(net, x.shape(), {.tune = Tune::measured, .tuning_seconds = 0.2, .threads = 1});
  CHECK(portions(program).front() > 1);
  Options again{.threads = 1};
  again.choices = std::make_shared<const Choices>(program.choices());
  CHECK(same_bits(compile(net, x.shape(), again)(x), program(x)));
}
