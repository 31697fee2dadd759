#pragma once
// A small network for tests of threads and processes.
#include "tests/support.h"

namespace upconv::testing {

/// Two convolutions of several tiles each.
inline Sequential painter() {
  Sequential net = sequential(ConvTranspose2d(16, 32, 4, {.stride = 2, .padding = 1}), BatchNorm2d(32), ReLU(),
                              ConvTranspose2d(32, 3, 4, {.stride = 2, .padding = 1}), Tanh());
  Random random(1);
  randomize(net, random);
  return net;
}

}  // namespace upconv::testing
