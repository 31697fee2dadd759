// How much there is to compile of extreme strides and kernels.
#include "layers/convolution/axis.h"

#include "tests/allocations.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

size_t taps_of(const std::vector<Phase>& phases) {
  size_t taps = 0;
  for (const Phase& phase : phases) {
    taps += phase.taps.size();
    for (const Segment& segment : phase.segments) taps += segment.taps.size();
  }
  return taps;
}

/// What compiling a layer for such an input asks memory for, in times.
size_t allocations_of(const AnyModule& layer, const Shape& input) {
  (void)compile(layer, input, {.threads = 1});  // what is made once, or packed once
  const Calls before = Calls::of_thread();
  (void)compile(layer, input, {.threads = 1});
  return (Calls::of_thread() - before).allocations;
}

}  // namespace

TEST_CASE("axis: strides without end take what their outputs and taps take") {
  const int64_t stride = int64_t{1} << 40;
  const std::vector<Phase> one = transposed_axis({.in = 1, .out = 1, .kernel = 1, .stride = stride});
  REQUIRE(one.size() == 1);
  CHECK(one[0].count == 1);
  CHECK(one[0].taps.size() == 1);
  // The third output of an axis whose first two are cropped, of a stride that has all others beyond its end.
  const std::vector<Phase> cropped =
      transposed_axis({.in = 1, .out = 3, .kernel = 3, .stride = stride, .padding = 2, .dilation = 2});
  REQUIRE(cropped.size() == 3);
  CHECK(cropped[0].out_first == 0);
  CHECK(cropped[0].taps[0].k == 1);
  CHECK(cropped[2].taps[0].k == 2);

  // One tap for each of a million phases, and each of a million taps in one phase.
  const int64_t many = 1'000'000;
  const std::vector<Phase> all = transposed_axis({.in = 1, .out = many, .kernel = many, .stride = many});
  CHECK(all.size() == static_cast<size_t>(many));
  CHECK(taps_of(all) == static_cast<size_t>(2 * many));
  const std::vector<Phase> wide =
      convolution_axis({.in = 1, .out = 1, .kernel = many, .padding = many / 2}, Border::zeros);
  CHECK(taps_of(wide) == 2);
}

TEST_CASE("axis: the taps of a phase are those that some position reads, in the order of k") {
  const std::vector<Phase> phases =
      convolution_axis({.in = 4, .out = 2, .kernel = 9, .stride = 6, .padding = 3}, Border::zeros);
  // Positions 0 and 1 begin at -3 and 3: taps 3 to 6 of the first, 0 of the second.
  REQUIRE(phases.size() == 1);
  std::vector<int64_t> ks;
  for (const AxisTap& tap : phases[0].taps) ks.push_back(tap.k);
  CHECK(ks == std::vector<int64_t>{0, 3, 4, 5, 6});
}

TEST_CASE("axis: compiling four times the output asks for memory at most four times as often") {
  if (!Calls::counted()) return;
  const auto strided = [](int64_t stride) {
    const ConvTranspose2d layer(1, 1, 1, {.stride = stride, .output_padding = stride - 1});
    return static_cast<double>(allocations_of(layer, {1, 1, 1, 1}));
  };
  CHECK(strided(128) < 4.4 * strided(64));
  const auto large = [](int64_t kernel) {
    const Conv2d layer(1, 1, kernel, {.padding = kernel / 2});
    return static_cast<double>(allocations_of(layer, {1, 1, kernel, kernel}));
  };
  CHECK(large(65) < 4.4 * large(33));
}

TEST_CASE("ConvTranspose2d: more phases than any network has are refused before they are counted out") {
  const ConvTranspose2d extreme(1, 1, 1, {.stride = 20000, .output_padding = 19999});
  CHECK(error_of([&] {
          (void)compile(extreme, Shape{1, 1, 1, 1});
        }).find("expected strides of at most 1048576 phases (height times width), got (20000, 20000)") !=
        std::string::npos);
  // The stride alone is no reason: nine of its phases have outputs.
  const ConvTranspose2d few(1, 1, 3, {.stride = 20000});
  CHECK(few(Tensor({1, 1, 1, 1}, {1.0f})).shape() == Shape{1, 1, 3, 3});
}
