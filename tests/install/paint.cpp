// paint WEIGHTS PNG: four pictures of the shipped DCGAN.
#include <upconv/examples/dcgan.h>
#include <upconv/tbb.h>
#include <upconv/upconv.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    examples::Dcgan net;
    net.load(argv[1]);
    tbb::task_arena arena(2);
    net.set_options({.arena = upconv::make_arena(arena)});
    const upconv::Tensor pictures = net(upconv::randn({4, 100, 1, 1}, 7));
    upconv::save_grid(argv[2], pictures, {.nrow = 2, .value_range = {{-1, 1}}});
  } catch (const upconv::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
