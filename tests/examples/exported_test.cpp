// Archives of torch.export of networks that examples/ has too: they become the same steps, and give the same bits.
// Archives are made by golden/exported_examples.py.
#include <fmt/format.h>

#include "examples/cyclegan.h"
#include "examples/dcgan.h"
#include "examples/esrgan.h"
#include "examples/pix2pix.h"
#include "examples/taesd.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

Exported exported(const std::string& name) {
  return load_exported(std::filesystem::path(UPCONV_GOLDEN "/exported/examples/" + name + ".pt2"));
}

/// What is compared of a step: all but where in the tree it is.
std::string shown(const StepInfo& step) {
  return fmt::format("{} by {} to {}, {} bytes packed", step.operation, step.algorithm, str(step.shape),
                     step.packed_bytes);
}

/// The archive NAME.pt2 with the weights of `written`, compiled beside it for inputs of each shape.
void check_equal(const std::string& name, const AnyModule& written, const std::vector<Shape>& shapes) {
  CAPTURE(name);
  Random random(1);
  randomize(written, random);
  Exported network = exported(name);
  network.load_state_dict(written.state_dict());
  for (const Shape& shape : shapes)
    for (Isa isa : available_isas()) {
      CAPTURE(str(shape));
      CAPTURE(upconv::name(isa));
      const Program expected = compile(written, shape, {.isa = isa}), got = compile(network, shape, {.isa = isa});
      const std::vector<StepInfo> steps = expected.steps(), read = got.steps();
      for (size_t i = 0; i < std::min(steps.size(), read.size()); ++i) CHECK(shown(read[i]) == shown(steps[i]));
      CHECK(read.size() == steps.size());
      CHECK(got.packed_bytes() == expected.packed_bytes());
      CHECK(got.arena_bytes() == expected.arena_bytes());
      const Tensor x = random.randn(shape);
      CHECK(same_bits(got(x), expected(x)));
    }
}

}  // namespace

TEST_CASE("exported: DCGAN is what is written by hand") {
  check_equal("dcgan", examples::Dcgan(100, 32), {{1, 100, 1, 1}, {3, 100, 1, 1}});
}

TEST_CASE("exported: pix2pix is what is written by hand") {
  check_equal("pix2pix", examples::Pix2pix(3, 3, 6, 16, true), {{1, 3, 128, 128}});
}

TEST_CASE("exported: CycleGAN is what is written by hand") {
  check_equal("cyclegan", examples::Cyclegan(3, 3, 16), {{1, 3, 32, 40}, {2, 3, 24, 24}});
}

TEST_CASE("exported: RRDBNet is what is written by hand") {
  check_equal("rrdbnet", examples::RRDBNet(3, 3, 32, 1, 16), {{1, 3, 9, 14}, {2, 3, 8, 8}});
}

TEST_CASE("exported: TAESD is what is written by hand") {
  check_equal("taesd", examples::taesd_decoder(4, 32), {{1, 4, 7, 6}, {2, 4, 8, 8}});
}

TEST_CASE("exported: what only looks like a modulated convolution is computed as it is written") {
  const StateDict golden = testing::golden("exported/examples/unlike.safetensors");
  const Tensor styles = golden.at("styles").to_tensor(), pictures = golden.at("pictures").to_tensor();
  const Exported network = exported("unlike");
  const Program program = compile(network, styles.shape(), {});
  const std::vector<StepInfo> steps = program.steps();
  CHECK(std::any_of(steps.begin(), steps.end(),
                    [](const StepInfo& step) { return step.algorithm == "packed by each run"; }));
  const double bound = network_tolerance(network, pictures);
  check_close(program(styles), pictures, [&](int64_t) { return bound; });
}

TEST_CASE("exported: modulated convolutions pack their weights once") {
  const StateDict golden = testing::golden("exported/examples/modulation.safetensors");
  const Tensor styles = golden.at("styles").to_tensor(), pictures = golden.at("pictures").to_tensor();
  for (const std::string form : {"", ".functional", ".core"})
    for (const bool is_dynamic : {false, true}) {
      const std::string name = std::string("modulation.") + (is_dynamic ? "dynamic" : "static") + form;
      CAPTURE(name);
      Exported network = exported(name);
      for (int64_t batch : is_dynamic ? std::vector<int64_t>{1, 3} : std::vector<int64_t>{1}) {
        const Tensor x({batch, styles.shape()[1]},
                       std::vector<float>(styles.data(), styles.data() + batch * styles.shape()[1]));
        const int64_t size = numel(pictures.shape()) / pictures.shape()[0];
        Shape shape = pictures.shape();
        shape[0] = batch;
        const Tensor expected(shape, std::vector<float>(pictures.data(), pictures.data() + batch * size));
        for (Isa isa : available_isas()) {
          CAPTURE(upconv::name(isa));
          const Program program = compile(network, x.shape(), {.isa = isa});
          int64_t convolutions = 0;
          for (const StepInfo& step : program.steps()) {
            CHECK(step.algorithm != "packed by each run");
            convolutions += step.operation == "Conv2d" || step.operation == "ConvTranspose2d" ? 1 : 0;
            if (step.operation == "Conv2d" || step.operation == "ConvTranspose2d") CHECK(step.packed_bytes > 0);
          }
          CHECK(convolutions == 4);
          const double bound = network_tolerance(network, expected);
          check_close(program(x), expected, [&](int64_t) { return bound; });
        }
      }
    }
}
