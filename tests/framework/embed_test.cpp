#include "embedded/netG.h"
#include "embedded/odd_name.h"
#include "tests/support.h"

namespace upconv {
namespace {

TEST_CASE("upconv_embed_weights: the bytes of the file, aligned") {
  const std::string file = testing::bytes_of(UPCONV_GOLDEN "/names/netG.safetensors");
  for (const std::span<const std::byte> bytes : {embedded::netG(), embedded::odd_name()}) {
    CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == file);
    CHECK(reinterpret_cast<uintptr_t>(bytes.data()) % 64 == 0);
  }
}

TEST_CASE("upconv_embed_weights: what a module loads are those bytes") {
  Sequential net = sequential(ConvTranspose2d(5, 4, 3, {.bias = false}), BatchNorm2d(4), ReLU(),
                              ConvTranspose2d(4, 3, 4, {.stride = 2}));
  net.load(embedded::netG());
  const std::byte* weight = net.parameter("0.weight").stored().bytes.data();
  CHECK(weight > embedded::netG().data());
  CHECK(weight < embedded::netG().data() + embedded::netG().size());
}

}  // namespace
}  // namespace upconv
