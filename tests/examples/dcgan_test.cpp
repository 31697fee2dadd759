#include "examples/dcgan.h"

#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

examples::Dcgan shipped() {
  examples::Dcgan net;
  net.load(UPCONV_SOURCE "/examples/weights/dcgan.safetensors");
  return net;
}

}  // namespace

TEST_CASE("pin: DCGAN with the shipped weights paints what PyTorch paints from seed 0") {
  const examples::Dcgan net = shipped();
  const Tensor got = net(randn({64, 100, 1, 1}, 0));
  const Tensor expected = golden("dcgan.safetensors").at("output").to_tensor();
  Tensor first(expected.shape());
  std::copy_n(got.data(), first.numel(), first.data());
  const double bound = network_tolerance(net, expected);
  check_close(first, expected, [&](int64_t) { return bound; });

  const Image sheet = make_grid(got, {.value_range = {{-1.0f, 1.0f}}});
  const Image torch_sheet = load_png(UPCONV_GOLDEN "/dcgan_seed0.png");
  REQUIRE(sheet.width == torch_sheet.width);
  REQUIRE(sheet.height == torch_sheet.height);
  int worst = 0;
  for (size_t i = 0; i < sheet.rgb.size(); ++i) worst = std::max(worst, std::abs(sheet.rgb[i] - torch_sheet.rgb[i]));
  CHECK(worst <= 1);
}

TEST_CASE("DCGAN: a picture is the same in every batch") {
  const examples::Dcgan net = shipped();
  const Tensor z = randn({5, 100, 1, 1}, 3);
  const Tensor all = net(z);
  for (int64_t n = 0; n < 5; ++n) {
    Tensor one({1, 100, 1, 1});
    std::copy_n(z.data() + n * 100, 100, one.data());
    const Tensor alone = net(one);
    CHECK(std::equal(alone.data(), alone.data() + alone.numel(), all.data() + n * alone.numel()));
  }
}
