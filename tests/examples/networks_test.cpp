// The networks of examples/ against their twins in PyTorch: networks/NAME.pth and NAME.safetensors, made by
// networks.py.
#include "examples/biggan.h"
#include "examples/cgan_pd.h"
#include "examples/conditional_dcgan.h"
#include "examples/cyclegan.h"
#include "examples/esrgan.h"
#include "examples/fast_neural_style.h"
#include "examples/fastgan.h"
#include "examples/hifigan.h"
#include "examples/pix2pix.h"
#include "examples/sagan.h"
#include "examples/sngan.h"
#include "examples/srresnet.h"
#include "examples/stylegan2.h"
#include "examples/taesd.h"
#include "examples/vae.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// name0, name1 ...
std::vector<Tensor> numbered(const StateDict& golden, const std::string& name) {
  std::vector<Tensor> all;
  while (const Stored* stored = golden.find(name + std::to_string(all.size()))) all.push_back(stored->to_tensor());
  return all;
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
  const std::vector<Tensor> both = numbered(twin, "input"), expected = numbered(twin, "output");
  std::vector<Tensor> one;
  for (const Tensor& x : both) one.push_back(first(x));
  for (Isa isa : available_isas()) {
    CAPTURE(upconv::name(isa));
    const std::vector<Tensor> got = compile(network, types_of(both), {.isa = isa})(both);
    const std::vector<Tensor> got_one = compile(network, types_of(one), {.isa = isa})(one);
    REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      const double bound = network_tolerance(network, expected[i]);
      check_close(got[i], expected[i], [&](int64_t) { return bound; });
      CHECK(same_bits(got_one[i], first(got[i])));
    }
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

TEST_CASE("golden: StyleGAN2 paints what its twin paints") {
  examples::stylegan2::Generator network(12, 10, 16, 3, 256, 20);
  network.truncation_psi = 0.7;
  check_network(network, "stylegan2");
}

TEST_CASE("golden: BigGAN paints what its twin paints") {
  examples::biggan::Generator network(6, 12, 8, 5, {4, 4, 4, 2}, 1);
  check_network(network, "biggan");
}

TEST_CASE("golden: SAGAN paints what its twin paints") {
  examples::sagan::Generator network(6, 2, 5);
  check_network(network, "sagan");
}

TEST_CASE("golden: SNGAN paints what its twin paints") {
  examples::sngan::Generator network(7, 20);
  check_network(network, "sngan");
}

TEST_CASE("golden: the projection cGAN paints what its twin paints") {
  examples::cgan_pd::Generator network(5, 7, 20);
  check_network(network, "cgan_pd");
}

TEST_CASE("golden: SRResNet paints what its twin paints") {
  examples::srresnet::Generator network(2, 10);
  check_network(network, "srresnet");
}

TEST_CASE("golden: FastGAN paints what its twin paints") {
  examples::fastgan::Generator network(4, 7, 1, 128);
  check_network(network, "fastgan");
}

TEST_CASE("golden: HiFi-GAN says what its twin says, with weight norm folded") {
  examples::HifiganConfig config{.upsample_rates = {4, 2},
                                 .upsample_kernel_sizes = {8, 4},
                                 .upsample_initial_channel = 24,
                                 .resblock_kernel_sizes = {3, 7},
                                 .resblock_dilation_sizes = {{1, 3, 5}, {1, 3}},
                                 .num_mels = 7};
  examples::Hifigan network(config);
  check_network(network, "hifigan");
  config.resblock = 2;
  config.upsample_initial_channel = 20;
  config.resblock_kernel_sizes = {3, 5, 7};
  config.resblock_dilation_sizes = {{1, 2}, {2, 6}, {3, 12}};
  examples::Hifigan simple(config);
  check_network(simple, "hifigan_v3");
}

TEST_CASE("hifigan: a step for each convolution, but for what its sums and means are") {
  for (const auto& config :
       {examples::HifiganConfig::v1(), examples::HifiganConfig::v2(), examples::HifiganConfig::v3()}) {
    const examples::Hifigan network(config);
    size_t convolutions = 0, layers = 0;
    for (const auto& [path, module] : network.named_modules()) layers += module->type_name().find("Conv") == 0;
    for (const StepInfo& step : compile(network, {1, 80, 3}).steps()) {
      const bool convolution = step.operation.starts_with("Conv");
      convolutions += convolution;
      CHECK((convolution || step.operation == "add" || step.operation == "div" || step.operation == "Relayout" ||
             step.operation == "LeakyReLU"));
    }
    CHECK(convolutions == layers);
  }
}
