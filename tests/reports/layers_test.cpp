// What people said of prints with layers that were not there, each in its own words.
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

TEST_CASE("I paste the print of the simplest GAN, with BatchNorm1d, and it paints") {
  const std::string print =
      "Sequential(\n"
      "  (0): Linear(in_features=100, out_features=128, bias=True)\n"
      "  (1): BatchNorm1d(128, eps=0.8, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
      "  (2): LeakyReLU(negative_slope=0.2, inplace=True)\n"
      "  (3): Linear(in_features=128, out_features=784, bias=True)\n"
      "  (4): Tanh()\n"
      ")";
  manual_seed(1);
  const std::shared_ptr<Module> generator = parse_module(print);
  CHECK(generator->str() == print);
  CHECK(generator->parameter("1.num_batches_tracked").dtype() == DType::int64);
  CHECK((*generator)(Random(1).randn({2, 100})).shape() == Shape{2, 784});
}

TEST_CASE("I paste a super-resolution network with bicubic upsampling and PixelUnshuffle, and it runs") {
  manual_seed(1);
  const std::shared_ptr<Module> net = parse_module(
      "Sequential((0): PixelUnshuffle(downscale_factor=2) (1): Conv2d(12, 3, kernel_size=(3, 3), stride=(1, 1), "
      "padding=(1, 1)) (2): Upsample(scale_factor=4.0, mode='bicubic'))");
  CHECK((*net)(Random(1).randn({1, 3, 8, 6})).shape() == Shape{1, 3, 16, 12});
}

TEST_CASE("I paste a print with a layer of my own whose arguments are tuples, and it is the layer that is unknown") {
  CHECK(error_of([] {
          return parse_module("Sequential(\n  (0): Normalize((0.5, 0.5), (0.5, 0.5))\n)");
        }).starts_with("2:8: unknown layer \"Normalize\"; known are "));
  CHECK(error_of([] {
          return parse_module("Net(\n  (act): Lambda(x=<function <lambda> at 0x7f2a>)\n)");
        }).starts_with("2:10: unknown layer \"Lambda\"; known are "));
}

TEST_CASE("I paste a print with Conv3d, and nobody asks whether I meant Conv2d") {
  CHECK(error_of([] {
          return parse_module("Conv3d(3, 8, kernel_size=(3, 3, 3), stride=(1, 1, 1))");
        }).starts_with("1:1: unknown layer \"Conv3d\", which PyTorch has and upconv does not; known are "));
}
