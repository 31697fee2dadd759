// What people report of norms, in their words.
#include "tests/reference/reference.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

const float infinite = std::numeric_limits<float>::infinity(), missing = std::numeric_limits<float>::quiet_NaN();

/// The layer on every instruction set, each result handed to `check`.
void everywhere(const AnyModule& layer, const Tensor& x, const std::function<void(const Tensor&)>& check) {
  for (Isa isa : available_isas()) {
    CAPTURE(name(isa));
    check(compile(layer, x.shape(), {.isa = isa})(x));
  }
}

/// Two units in the last place of the largest number, and half a one for the expected number's own rounding.
void check_digits(const Tensor& got, const Tensor& expected) {
  const double bound = 2.5 * std::numeric_limits<float>::epsilon() * largest(expected);
  check_close(got, expected, [=](int64_t) { return bound; });
}

Tensor filled(const Shape& shape, float value) {
  return Tensor(shape, std::vector<float>(static_cast<size_t>(numel(shape)), value));
}

const Tensor none({0}, std::vector<float>{});

}  // namespace

TEST_CASE("I normalise a picture that is mostly one colour, and its detail comes out as exact as PyTorch's") {
  const Tensor detail = Random(1).randn({1, 3, 96, 96});
  Tensor x = filled({1, 3, 96, 96}, 0.7f);
  for (int64_t i = 0; i < x.numel(); ++i)
    if (detail.data()[i] > 1.645f) x.data()[i] = detail.data()[i];
  const Tensor planes = reference::group_norm(x, 3, none, none, 1e-5),
               all = reference::group_norm(x, 1, none, none, 1e-5);
  everywhere(InstanceNorm2d(3), x, [&](const Tensor& y) { check_digits(y, planes); });
  everywhere(BatchNorm2d(3, {.track_running_stats = false}), x, [&](const Tensor& y) { check_digits(y, planes); });
  everywhere(GroupNorm(1, 3), x, [&](const Tensor& y) { check_digits(y, all); });
}

TEST_CASE("I give a norm one number everywhere, 1234, and get zeros, not -0.03") {
  const auto check_zeros = [](const Tensor& y) { CHECK(largest(y) == 0); };
  everywhere(LayerNorm(64), filled({5, 64}, 1234), check_zeros);
  everywhere(LayerNorm({3, 77}), filled({2, 3, 77}, 1234), check_zeros);
  everywhere(InstanceNorm2d(3), filled({1, 3, 96, 96}, 1234), check_zeros);
  everywhere(BatchNorm2d(3, {.track_running_stats = false}), filled({2, 3, 9, 9}, 1234), check_zeros);
  everywhere(GroupNorm(2, 6), filled({1, 6, 50}, 1234), check_zeros);
}

TEST_CASE("My features lie around ten thousand, and a norm keeps all digits that they have") {
  Tensor x = Random(2).randn({2, 6, 40, 50});
  for (int64_t i = 0; i < x.numel(); ++i) x.data()[i] += 1e4f;
  everywhere(InstanceNorm2d(6), x,
             [&](const Tensor& y) { check_digits(y, reference::group_norm(x, 6, none, none, 1e-5)); });
  everywhere(GroupNorm(2, 6), x,
             [&](const Tensor& y) { check_digits(y, reference::group_norm(x, 2, none, none, 1e-5)); });
  everywhere(LayerNorm(50), x,
             [&](const Tensor& y) { check_digits(y, reference::layer_norm(x, 50, none, none, 1e-5)); });
}

TEST_CASE(
    "One number of my batch is NaN or infinite, and what shares its statistics is NaN, nothing else, as in PyTorch") {
  // How many numbers PyTorch 2.13 makes NaN of these.
  const std::pair<std::shared_ptr<Module>, int64_t> layers[] = {
      {std::make_shared<InstanceNorm2d>(4), 36},
      {std::make_shared<BatchNorm2d>(4, BatchNorm2dOptions{.track_running_stats = false}), 72},
      {std::make_shared<GroupNorm>(2, 4), 72},
      {std::make_shared<LayerNorm>(6), 6},
      {std::make_shared<LayerNorm>(Shape{4, 6, 6}), 144}};
  for (const float bad : {missing, infinite, -infinite})
    for (const int64_t place : {36, 50, 71})
      for (const auto& [layer, count] : layers) {
        CAPTURE(bad);
        CAPTURE(place);
        CAPTURE(layer->str());
        Tensor x = Random(3).randn({2, 4, 6, 6});
        x.data()[place] = bad;
        everywhere(*layer, x, [&, count = count](const Tensor& y) {
          const float* first = y.data();
          CHECK(std::count_if(first, first + y.numel(), [](float v) { return std::isnan(v); }) == count);
          CHECK(std::count_if(first, first + y.numel(), [](float v) { return std::isinf(v); }) == 0);
          CHECK(std::isnan(first[place]));
        });
      }
}
