// Archives of torch.export of networks that examples/ has too: they become the same steps, and give the same bits.
// Archives are made by golden/exported_examples.py.
#include <fmt/format.h>

#include "examples/cyclegan.h"
#include "examples/dcgan.h"
#include "examples/esrgan.h"
#include "examples/pix2pix.h"
#include "examples/stylegan2.h"
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
  for (const auto& [name, count] : {std::pair<std::string, int>("unlike", 1), {"unlike_upsampling", 5}}) {
    CAPTURE(name);
    const StateDict golden = testing::golden("exported/examples/" + name + ".safetensors");
    const Tensor styles = golden.at("styles").to_tensor(), pictures = golden.at("pictures").to_tensor();
    const Exported network = exported(name);
    const Program program = compile(network, styles.shape(), {});
    const std::vector<StepInfo> steps = program.steps();
    CHECK(std::count_if(steps.begin(), steps.end(),
                        [](const StepInfo& step) { return step.algorithm == "packed by each run"; }) == count);
    const double bound = network_tolerance(network, pictures);
    check_close(program(styles), pictures, [&](int64_t) { return bound; });
  }
}

namespace {

/// An archive of a network of styles packs the weights of so many convolutions once, for each batch, on every
/// instruction set, and gives the pictures of FILE.safetensors.
void check_packed_once(const std::string& name, const std::string& file, const std::vector<int64_t>& batches,
                       int64_t count) {
  CAPTURE(name);
  const StateDict golden = testing::golden("exported/examples/" + file + ".safetensors");
  const Tensor styles = golden.at("styles").to_tensor(), pictures = golden.at("pictures").to_tensor();
  const Exported network = exported(name);
  const auto first = [](const Tensor& all, int64_t batch) {
    Shape shape = all.shape();
    const int64_t size = numel(shape) / shape[0];
    shape[0] = batch;
    return Tensor(shape, std::vector<float>(all.data(), all.data() + batch * size));
  };
  for (int64_t batch : batches) {
    CAPTURE(batch);
    const Tensor x = first(styles, batch), expected = first(pictures, batch);
    for (Isa isa : available_isas()) {
      CAPTURE(upconv::name(isa));
      const Program program = compile(network, x.shape(), {.isa = isa});
      int64_t convolutions = 0;
      for (const StepInfo& step : program.steps()) {
        CHECK(step.algorithm != "packed by each run");
        if (step.operation != "Conv2d" && step.operation != "ConvTranspose2d") continue;
        ++convolutions;
        CHECK(step.packed_bytes > 0);
        CHECK(step.shape[0] == batch);
      }
      CHECK(convolutions == count);
      const double bound = network_tolerance(network, expected);
      check_close(program(x), expected, [&](int64_t) { return bound; });
    }
  }
}

}  // namespace

TEST_CASE("exported: modulated convolutions pack their weights once") {
  for (const std::string form : {"", ".functional", ".core"}) {
    check_packed_once("modulation.static" + form, "modulation", {1}, 4);
    check_packed_once("modulation.dynamic" + form, "modulation", {1, 3}, 4);
  }
}

TEST_CASE("exported: modulated convolutions that upsample pack their weights once") {
  for (const std::string form : {"", ".core"}) {
    check_packed_once("upsampling.one" + form, "upsampling", {1}, 2);
    check_packed_once("upsampling.static" + form, "upsampling", {2}, 2);
  }
  for (const std::string form : {"", ".functional", ".core"})
    check_packed_once("upsampling.dynamic" + form, "upsampling", {1, 2, 3}, 2);
}

TEST_CASE("exported: a layer of StyleGAN2 that upsamples has the convolutions of what is written by hand") {
  const examples::stylegan2::SynthesisLayer written(20, 12, 7, 12, 256, examples::stylegan2::setup_filter(), 2);
  Random random(1);
  randomize(written, random);
  Exported network = exported("upsampling_layer");
  network.load_state_dict(written.state_dict());
  const std::vector<Type> inputs{{{2, 20, 6, 6}}, {{2, 7}}};
  const auto convolutions = [](const Program& program) {
    std::vector<std::string> all;
    for (const StepInfo& step : program.steps())
      if (step.operation.find("Conv") != std::string::npos) all.push_back(shown(step));
    return all;
  };
  for (Isa isa : available_isas()) {
    CAPTURE(upconv::name(isa));
    const Program expected = compile(written, inputs, {.isa = isa}), got = compile(network, inputs, {.isa = isa});
    CHECK(convolutions(got) == convolutions(expected));
    const std::vector<Tensor> xs{random.randn({2, 20, 6, 6}), random.randn({2, 7})};
    const Tensor y = expected(xs)[0];
    const double bound = network_tolerance(network, y);
    check_close(got(xs)[0], y, [&](int64_t) { return bound; });
  }
}

TEST_CASE("exported: filters of pixels that were put apart are transposed convolutions") {
  const StateDict golden = testing::golden("exported/examples/filters.safetensors");
  const Tensor x = golden.at("x").to_tensor(), pictures = golden.at("pictures").to_tensor();
  for (const std::string name : {"filters", "filters.core"}) {
    CAPTURE(name);
    const Exported network = exported(name);
    for (Isa isa : available_isas()) {
      CAPTURE(upconv::name(isa));
      const Program program = compile(network, x.shape(), {.isa = isa});
      const std::vector<StepInfo> steps = program.steps();
      const auto count = [&](const std::string& operation) {
        return std::count_if(steps.begin(), steps.end(), [&](const auto& step) { return step.operation == operation; });
      };
      CHECK(count("ConvTranspose2d") == 2);
      CHECK(count("Conv2d") == 4);
      const double bound = network_tolerance(network, pictures);
      check_close(program(x), pictures, [&](int64_t) { return bound; });
    }
  }
}
