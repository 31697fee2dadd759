#pragma once
// The network of tests/golden/strangers, whose weights are those of net.safetensors.
#include "tests/support.h"

namespace upconv::testing::strangers {

struct Block : Module {
  ConvTranspose2d& conv = child("conv", ConvTranspose2d(3, 2, 3));
  Parameter window = add_buffer("window", Parameter(Shape{3}));
  Value forward(Value x) const override { return conv(x); }
};

inline Sequential network() {
  return sequential(ConvTranspose2d(4, 3, 3, {.bias = false}), BatchNorm2d(3), ReLU(), Block());
}

inline std::string path_of(const std::string& file) { return UPCONV_GOLDEN "/strangers/" + file; }

/// Loads a file strictly into the network, and compares every value with what was saved.
inline void check_loads(const std::string& file, const LoadOptions& options = {}) {
  CAPTURE(file);
  Sequential loaded = network();
  loaded.load(path_of(file), options);
  const StateDict expected = load_state_dict(path_of("net.safetensors"));
  REQUIRE(loaded.state_dict().size() == expected.size());
  for (const auto& [name, stored] : loaded.state_dict()) {
    CAPTURE(name);
    CHECK(same_bits(stored.to_tensor(), expected.at(name).to_tensor()));
  }
}

}  // namespace upconv::testing::strangers
