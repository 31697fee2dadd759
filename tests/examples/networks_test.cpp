// The networks of examples/ against their twins in PyTorch: networks/NAME.pth and NAME.safetensors, made by
// networks.py.
#include "examples/conditional_dcgan.h"
#include "examples/cyclegan.h"
#include "examples/esrgan.h"
#include "examples/fast_neural_style.h"
#include "examples/pix2pix.h"
#include "examples/taesd.h"
#include "examples/vae.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

std::vector<Tensor> inputs_of(const StateDict& golden) {
  std::vector<Tensor> xs;
  while (const Stored* stored = golden.find("input" + std::to_string(xs.size()))) xs.push_back(stored->to_tensor());
  return xs;
}

/// The first picture's share.
Tensor first(const Tensor& all) {
  Shape shape = all.shape();
  shape[0] = 1;
  Tensor one(shape, all.dtype());
  std::copy_n(all.bytes(), static_cast<size_t>(one.numel()) * size_of(one.dtype()), one.bytes());
  return one;
}

/// Loads the twin's state_dict strictly, and compares with its pictures.
void check_network(AnyModule& network, const std::string& name) {
  CAPTURE(name);
  network.load(UPCONV_GOLDEN "/networks/" + name + ".pth");
  const StateDict twin = golden("networks/" + name + ".safetensors");
  const Tensor expected = twin.at("output").to_tensor();
  const std::vector<Tensor> both = inputs_of(twin);
  std::vector<Tensor> one;
  for (const Tensor& x : both) one.push_back(first(x));
  const double bound = network_tolerance(network, expected);
  for (Isa isa : available_isas()) {
    CAPTURE(upconv::name(isa));
    const Tensor got = compile(network, types_of(both), {.isa = isa})(both)[0];
    check_close(got, expected, [&](int64_t) { return bound; });
    CHECK(same_bits(compile(network, types_of(one), {.isa = isa})(one)[0], first(got)));
  }
}

}  // namespace

TEST_CASE("golden: the conditional DCGAN paints what its twin paints") {
  examples::ConditionalDcgan network(6, 5, 16, 2, 20);
  check_network(network, "conditional_dcgan");
}

TEST_CASE("golden: the VAE's decoder paints what its twin paints") {
  examples::VaeDecoder network(7, {24, 20, 16, 8, 5});
  check_network(network, "vae");
}

TEST_CASE("golden: TAESD's decoder paints what its twin paints") {
  Sequential network = examples::taesd_decoder(4, 10);
  check_network(network, "taesd");
}

TEST_CASE("golden: RRDBNet paints what its twin paints") {
  examples::RRDBNet network(3, 3, 8, 2, 4);
  check_network(network, "esrgan");
}

TEST_CASE("golden: pix2pix paints what its twin paints") {
  examples::Pix2pix network(3, 2, 6, 2, true);
  check_network(network, "pix2pix");
}

TEST_CASE("golden: CycleGAN paints what its twin paints") {
  examples::Cyclegan network(3, 2, 3);
  check_network(network, "cyclegan");
}

TEST_CASE("golden: fast neural style paints what its twin paints") {
  examples::FastNeuralStyle network(3);
  check_network(network, "fast_neural_style");
}
