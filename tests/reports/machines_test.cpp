// What people wrote of their machines and of numbers that are none, each in their own words, and what they see now.
#include <limits>

#include "framework/quota.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

TEST_CASE("My container has one CPU of a machine of 64, and every twentieth picture took ten times as long") {
  const TemporaryFolder root;
  std::filesystem::create_directories(root / "proc/self");
  std::filesystem::create_directories(root / "sys/fs/cgroup");
  root.write("proc/self/cgroup", "0::/\n");
  for (const auto& [limit, threads] :
       {std::pair("100000 100000\n", 1), {"150000 100000\n", 2}, {"800000 100000\n", 8}}) {
    root.write("sys/fs/cgroup/cpu.max", limit);
    CHECK(internal::quota_threads(root / "") == threads);
  }
}

TEST_CASE("One pixel of my mask is infinite, and a whole square of the picture became NaN, exact or not") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  Conv2d layer(1, 1, 3, {.padding = 1, .bias = false});
  layer.weight.set(Tensor({1, 1, 3, 3}, std::vector<float>(9, 0.5f)));
  Tensor x({1, 1, 12, 12});
  x.data()[5 * 12 + 6] = infinity;
  for (const Isa isa : available_isas()) {
    CAPTURE(name(isa));
    const Tensor y = compile(layer, x.shape(), {.accuracy = Accuracy::exact, .isa = isa})(x);
    for (int row = 0; row < 12; ++row)
      for (int column = 0; column < 12; ++column) {
        const bool sees = std::abs(row - 5) <= 1 && std::abs(column - 6) <= 1;
        CHECK(y.data()[row * 12 + column] == (sees ? infinity : 0.0f));
      }
  }
}
