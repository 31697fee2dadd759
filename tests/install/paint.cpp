// paint PNG [WEIGHTS]: four pictures of the shipped DCGAN, whose weights are in this program.
#include <upconv/examples/dcgan.h>
#include <upconv/tbb.h>
#include <upconv/upconv.h>

#include <cstdio>

#include "embedded/dcgan.h"

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) return 2;
  try {
    upconv::examples::Dcgan net;
    if (argc == 3) {
      net.load(argv[2]);
    } else {
      net.load(upconv::embedded::dcgan());
    }
    tbb::task_arena arena(2);
    net.set_options({.arena = upconv::make_arena(arena)});
    const upconv::Tensor pictures = net(upconv::randn({4, 100, 1, 1}, 7));
    upconv::save_grid(argv[1], pictures, {.nrow = 2, .value_range = {{-1, 1}}});
  } catch (const upconv::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
