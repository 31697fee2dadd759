// Norms, softmax and the activations that are layers of their own, against the reference on every instruction set.
#include "layers/norm.h"

#include <algorithm>

#include "tests/reference/reference.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// y = x * scale + shift rounds the scale, the shift and itself, and the shift is as large as scale * mean. The
/// smallest deviation among the groups of these tests is 1/4.
double norm_tolerance(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return tolerance(3, 4 * largest(x) * (weight.numel() ? largest(weight) : 1) + largest(bias));
}

template <class M>
M randomized(M module, uint64_t seed) {
  Random random(seed);
  randomize(module, random);
  return module;
}

/// The module on every instruction set, one thread and two, against `expected`.
void check_everywhere(const AnyModule& module, const Tensor& x, const Tensor& expected, double bound) {
  for (Isa isa : available_isas()) {
    CAPTURE(name(isa));
    const Tensor got = compile(module, x.shape(), {.threads = 1, .isa = isa})(x);
    check_close(got, expected, [=](int64_t) { return bound; });
    CHECK(same_bits(got, compile(module, x.shape(), {.threads = 2, .isa = isa})(x)));
  }
}

const Tensor none({0}, std::vector<float>{});

const Shape pictures[] = {{2, 3, 5, 7},    {1, 16, 9, 4},    {2, 37, 6, 6}, {1, 64, 3, 5},
                          {2, 70, 40, 33}, {1, 3, 150, 301}, {3, 5, 1, 40}, {1, 1, 8, 8}};

}  // namespace

TEST_CASE("norm: InstanceNorm2d of few pixels and of many runs of them") {
  for (const Shape& shape : pictures) {
    CAPTURE(str(shape));
    const Tensor x = Random(1).randn(shape);
    const auto norm = randomized(InstanceNorm2d(shape[1], {.affine = true}), 2);
    const Tensor weight = norm.weight.value(), bias = norm.bias.value();
    check_everywhere(norm, x, reference::group_norm(x, shape[1], weight, bias, 1e-5), norm_tolerance(x, weight, bias));
    check_everywhere(InstanceNorm2d(shape[1], {.eps = 0.1}), x, reference::group_norm(x, shape[1], none, none, 0.1),
                     norm_tolerance(x, none, none));
  }
}

TEST_CASE("norm: GroupNorm of any rank, its groups in blocks of 16 channels or across them") {
  const std::pair<Shape, int64_t> cases[] = {{{4, 24}, 4},           {{2, 24, 50}, 3},     {{2, 24, 50}, 24},
                                             {{2, 24, 6, 5}, 4},     {{2, 24, 6, 5}, 1},   {{1, 96, 40, 41}, 2},
                                             {{1, 20, 300, 11}, 10}, {{2, 6, 5, 4, 3}, 3}, {{1, 4, 90000}, 2}};
  for (const auto& [shape, groups] : cases) {
    CAPTURE(str(shape));
    CAPTURE(groups);
    const Tensor x = Random(3).randn(shape);
    const auto norm = randomized(GroupNorm(groups, shape[1]), 4);
    const Tensor weight = norm.weight.value(), bias = norm.bias.value();
    check_everywhere(norm, x, reference::group_norm(x, groups, weight, bias, 1e-5), norm_tolerance(x, weight, bias));
  }
}

TEST_CASE("norm: LayerNorm of rows shorter than a vector and longer than a run") {
  for (const Shape& shape : {Shape{3, 5}, Shape{7, 64}, Shape{2, 3, 100}, Shape{300, 77}, Shape{2, 40000}}) {
    CAPTURE(str(shape));
    const Tensor x = Random(5).randn(shape);
    const auto norm = randomized(LayerNorm(shape.back()), 6);
    const Tensor weight = norm.weight.value(), bias = norm.bias.value();
    check_everywhere(norm, x, reference::layer_norm(x, shape.back(), weight, bias, 1e-5),
                     norm_tolerance(x, weight, bias));
  }
}

TEST_CASE("norm: BatchNorm2d by the statistics of its batch") {
  for (const Shape& shape : pictures) {
    CAPTURE(str(shape));
    const Tensor x = Random(7).randn(shape);
    const auto norm = randomized(BatchNorm2d(shape[1], {.track_running_stats = false}), 8);
    const Tensor weight = norm.weight.value(), bias = norm.bias.value();
    check_everywhere(norm, x, reference::batch_norm(x, weight, bias, 1e-5), norm_tolerance(x, weight, bias));
  }
}

TEST_CASE("norm: a mean of a hundred deviations costs the digits that the input has less, and no more") {
  Tensor x = Random(9).randn({1, 5, 90, 100});
  for (int64_t i = 0; i < x.numel(); ++i) x.data()[i] += 100;
  check_everywhere(InstanceNorm2d(5), x, reference::group_norm(x, 5, none, none, 1e-5), tolerance(0, 2 * largest(x)));
  check_everywhere(GroupNorm(1, 5), x, reference::group_norm(x, 1, none, none, 1e-5), tolerance(0, 2 * largest(x)));
}

TEST_CASE("norm: a picture's bits do not depend on the others") {
  const Tensor x = Random(10).randn({3, 20, 33, 70});
  const int64_t image = x.numel() / 3;
  for (Isa isa : available_isas()) {
    const AnyModule& norm = GroupNorm(5, 20);
    const Tensor all = compile(norm, x.shape(), {.isa = isa})(x);
    for (int64_t n = 0; n < 3; ++n) {
      const Tensor one({1, 20, 33, 70}, std::vector<float>(x.data() + n * image, x.data() + (n + 1) * image));
      const Tensor alone = compile(norm, one.shape(), {.isa = isa})(one);
      CHECK(std::equal(alone.data(), alone.data() + image, all.data() + n * image));
    }
  }
}

TEST_CASE("norm: after a convolution there is no layout to change, and the activation is absorbed") {
  const auto net =
      randomized(sequential(ConvTranspose2d(5, 20, 3), InstanceNorm2d(20), ReLU(), ConvTranspose2d(20, 3, 3)), 11);
  const Tensor x = Random(12).randn({2, 5, 6, 7});
  std::vector<std::string> algorithms;
  for (const StepInfo& step : compile(net, x.shape(), {.accuracy = Accuracy::exact}).steps())
    algorithms.push_back(step.algorithm);
  const std::vector<std::string> after(algorithms.end() - 4, algorithms.end());
  CHECK(after == std::vector<std::string>{"moments", "statistics", "normalise", "direct"});

  const auto half = randomized(sequential(ConvTranspose2d(5, 20, 3), InstanceNorm2d(20)), 11);
  const Tensor y = half(x), activated = sequential(half, ELU(0.5))(x), expected = reference::elu(y, 0.5);
  check_close(activated, expected, [](int64_t) { return tolerance(3, 1); });
}

TEST_CASE("norm: moments and normalise share the change of layout") {
  const auto steps = compile(InstanceNorm2d(20), {1, 20, 6, 7}).steps();
  CHECK(std::count_if(steps.begin(), steps.end(), [](const StepInfo& s) { return s.operation == "Relayout"; }) == 2);
}

TEST_CASE("norm: running statistics fold, without them nothing does") {
  const auto steps = [](const InstanceNorm2dOptions& options) {
    return compile(randomized(sequential(ConvTranspose2d(5, 20, 3), InstanceNorm2d(20, options)), 1), {1, 5, 30, 30})
        .steps()
        .size();
  };
  CHECK(steps({.track_running_stats = true}) == 1);
  CHECK(steps({}) == 5);  // the convolution, three of the norm's, and the output's layout
}

TEST_CASE("norm: names of parameters and buffers") {
  const auto keys = [](const AnyModule& module) {
    std::string all;
    for (const auto& [name, value] : module.state_dict()) all += name + " ";
    return all;
  };
  CHECK(keys(InstanceNorm2d(5)) == "");
  CHECK(keys(InstanceNorm2d(5, {.affine = true, .track_running_stats = true})) ==
        "weight bias running_mean running_var num_batches_tracked ");
  CHECK(keys(BatchNorm2d(5, {.track_running_stats = false})) == "weight bias ");
  CHECK(keys(GroupNorm(1, 5)) == "weight bias ");
  CHECK(keys(GroupNorm(1, 5, {.bias = false})) == "weight ");
  CHECK(keys(LayerNorm({2, 3}, {.elementwise_affine = false})) == "");
  CHECK(keys(PReLU(5)) == "weight ");
  CHECK(LayerNorm({2, 3}).weight.shape() == Shape{2, 3});
  CHECK(PReLU(3, 0.5).weight.value().data()[2] == 0.5f);
}

TEST_CASE("norm: inputs that do not fit") {
  const auto message = [](const AnyModule& module, const Shape& shape) {
    return error_of([&] { return compile(module, shape); });
  };
  CHECK(message(InstanceNorm2d(3), {2, 3}) ==
        "InstanceNorm2d expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got (2, 3)");
  CHECK(message(InstanceNorm2d(3), {2, 3, 1, 1}) ==
        "InstanceNorm2d expected more than 1 spatial element, got (2, 3, 1, 1)");
  CHECK(message(InstanceNorm2d(3, {.affine = true}), {2, 4, 2, 2}) ==
        "InstanceNorm2d expected 3 channels, got 4 in (2, 4, 2, 2)");
  CHECK(message(InstanceNorm2d(3, {.track_running_stats = true}), {4, 2, 2}) ==
        "InstanceNorm2d expected 3 channels, got 4 in (4, 2, 2)");
  CHECK(message(BatchNorm2d(3, {.track_running_stats = false}), {1, 3, 1, 1}) ==
        "BatchNorm2d expected more than 1 value per channel, got (1, 3, 1, 1)");
  CHECK(message(BatchNorm2d(3, {.track_running_stats = false}), {3, 2, 2}) ==
        "BatchNorm2d expected a 4-D input (N, C, H, W), got (3, 2, 2)");
  CHECK(message(GroupNorm(2, 4), {4}) == "GroupNorm expected at least 2 dimensions (N, C, ...), got (4,)");
  CHECK(message(GroupNorm(2, 4), {1, 6, 2}) == "GroupNorm expected 4 channels, got 6 in (1, 6, 2)");
  CHECK(message(GroupNorm(4, 4), {1, 4, 1, 1}) == "GroupNorm expected more than 1 value per group, got (1, 4, 1, 1)");
  CHECK(message(LayerNorm({2, 3}), {3, 2}) ==
        "LayerNorm expected an input whose last dimensions are (2, 3), got (3, 2)");
  CHECK(message(LayerNorm({2, 3}), {3}) == "LayerNorm expected an input whose last dimensions are (2, 3), got (3,)");
  CHECK(message(PReLU(3), {2, 4}) == "PReLU expected 3 channels, got 4 in (2, 4)");
  CHECK(message(PReLU(3), {3}) == "PReLU expected 3 channels, got 1 in (3,)");
  CHECK(message(Softmax(2), {2, 3}) == "Softmax expected dim within the 2 dimensions of (2, 3), got 2");
  CHECK(message(sequential(ReLU(), GroupNorm(2, 4)), {1, 6, 2}) ==
        "1: GroupNorm expected 4 channels, got 6 in (1, 6, 2)");
}

TEST_CASE("norm: no pictures are no error") {
  const auto check = [](const AnyModule& module) {
    CHECK(compile(module, {0, 3, 2, 2})(Tensor({0, 3, 2, 2})).shape() == Shape{0, 3, 2, 2});
  };
  check(InstanceNorm2d(3));
  check(BatchNorm2d(3, {.track_running_stats = false}));
  check(GroupNorm(3, 3));
  check(PReLU(3));
  check(Softmax(1));
}

TEST_CASE("norm: PReLU in both layouts") {
  for (const Shape& shape : {Shape{2, 5, 40, 30}, Shape{1, 37, 9, 11}, Shape{3, 5}, Shape{2, 5, 6}}) {
    const Tensor x = Random(13).randn(shape);
    const auto act = randomized(PReLU(shape[1]), 14);
    check_everywhere(act, x, reference::prelu(x, act.weight.value()), tolerance(0, largest(x) * 3));
  }
  // Between convolutions a picture lies channels-last.
  const auto conv = randomized(ConvTranspose2d(4, 20, 3), 15), next = randomized(ConvTranspose2d(20, 2, 1), 16);
  const auto act = randomized(PReLU(20), 17);
  const Tensor x = Random(18).randn({1, 4, 6, 6}), y = conv(x);
  check_everywhere(sequential(conv, act, next), x, next(reference::prelu(y, act.weight.value())),
                   tolerance(56, 20 * largest(y)));
}

TEST_CASE("norm: softmax along every dimension, sums of one") {
  for (const Shape& shape : {Shape{21}, Shape{3, 1000}, Shape{5, 7, 33}, Shape{2, 19, 6, 5}, Shape{2, 3, 4, 5, 6}})
    for (size_t dim = 0; dim < shape.size(); ++dim) {
      CAPTURE(str(shape));
      CAPTURE(dim);
      const Tensor x = Random(18).randn(shape);
      const int64_t d = static_cast<int64_t>(dim);
      check_everywhere(Softmax(d), x, reference::softmax(x, d), tolerance(static_cast<double>(shape[dim]), 1));
    }
}

TEST_CASE("norm: softmax of a picture that lies channels-last") {
  const auto conv = randomized(ConvTranspose2d(4, 20, 3), 19);
  for (const Shape& shape : {Shape{2, 4, 3, 5}, Shape{4, 3, 5}})
    for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim) {
      const Tensor x = Random(20).randn(shape), y = conv(x);
      // The second convolution asks for channels-last.
      const auto next = randomized(ConvTranspose2d(20, 2, 1), 21);
      check_everywhere(sequential(conv, Softmax(dim), next), x, next(reference::softmax(y, dim)),
                       tolerance(36, 4 * largest(y)));
    }
}

TEST_CASE("norm: softmax of numbers that exp cannot take, of infinities and NaN is PyTorch's") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x({5, 3},
                 std::vector<float>{1000, 1000, -inf, -inf, -inf, -inf, inf, 1, 2, nan, 1, 2, -1000, -2000, -inf});
  const Tensor y({5, 3}, std::vector<float>{0.5f, 0.5f, 0, nan, nan, nan, nan, nan, nan, nan, nan, nan, 1, 0, 0});
  Tensor xt({3, 5}), yt({3, 5});
  for (int64_t i = 0; i < 15; ++i) xt.data()[i % 3 * 5 + i / 3] = x.data()[i];
  for (int64_t i = 0; i < 15; ++i) yt.data()[i % 3 * 5 + i / 3] = y.data()[i];
  check_everywhere(Softmax(1), x, y, 0);
  check_everywhere(Softmax(0), xt, yt, 0);
}

TEST_CASE("norm: activations that are layers of their own match the reference") {
  const Tensor x = Random(22).randn({40000});
  const auto check = [&](const AnyModule& module, const Tensor& expected) {
    check_everywhere(module, x, expected, tolerance(3, 1));
  };
  check(ELU(0.7), reference::elu(x, 0.7));
  check(SiLU(), reference::silu(x));
  check(GELU(), reference::gelu(x));
  check(GELU("tanh"), reference::gelu_tanh(x));
  check(Softplus(3, 2), reference::softplus(x, 3, 2));
  check(Hardtanh(-0.5, 0.7), reference::hardtanh(x, -0.5, static_cast<double>(0.7f)));
  check(ReLU6(), reference::hardtanh(x, 0, 6));
  check(Hardsigmoid(), reference::hardsigmoid(x));
  check(Hardswish(), reference::hardswish(x));
  check(Mish(), reference::mish(x));
  const PReLU act(1, 0.1);
  check(act, reference::prelu(x, act.weight.value()));
}

TEST_CASE("norm: statistics that changed are seen by the next call, folded into a convolution or not") {
  for (const bool folded : {true, false}) {
    const auto make = [&] {
      return folded ? sequential(ConvTranspose2d(4, 4, 2), BatchNorm2d(4)) : sequential(ReLU(), BatchNorm2d(4));
    };
    const Sequential net = randomized(make(), 23);
    const Tensor x = Random(24).randn({1, 4, 3, 3});
    Tensor before = net(x);
    for (const char* name : {"1.weight", "1.bias", "1.running_mean", "1.running_var"}) {
      CAPTURE(name);
      Tensor values = net.parameter(name).value();
      for (int64_t c = 0; c < values.numel(); ++c) values.data()[c] += 1;
      net.parameter(name).set(values);
      Sequential fresh = make();
      fresh.load_state_dict(net.state_dict());
      const Tensor after = net(x);
      CHECK(!same_bits(after, before));
      CHECK(same_bits(after, fresh(x)));
      before = after;
    }
  }
}
