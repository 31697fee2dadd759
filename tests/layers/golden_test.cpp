// Every layer against PyTorch: tests/golden/layers, conv2d and conv_transpose2d_random.safetensors, made by make.py,
// and norms.safetensors, made by norms.py.
#include <nlohmann/json.hpp>

#include "layers/spec.h"
#include "tests/layers/golden_cases.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

Tensor input_of(const nlohmann::json& golden, const AnyModule& module, Random& random) {
  const Shape shape = golden["input"];
  if (golden.value("input_dtype", "float32") == "float32") return random.randn(shape);
  const int64_t rows = module.named_parameters().front().second.shape()[0];
  Tensor x(shape, DType::int64);
  for (int64_t i = 0; i < x.numel(); ++i) x.indices()[i] = i * 7 % rows;
  return x;
}

void check_case(const std::string& name, const nlohmann::json& golden, const Tensor& expected) {
  CAPTURE(name);
  const std::string spec = golden["module"];
  CAPTURE(spec);
  const std::shared_ptr<Module> module = parse_module(spec);
  CHECK(module->str() == spec);
  Random random(golden["seed"].get<uint64_t>());
  const Tensor x = input_of(golden, *module, random);
  randomize(*module, random);
  const double bound = tolerance(terms_of(*module), std::max(1.0, largest(expected)));
  for (Isa isa : available_isas()) {
    CAPTURE(upconv::name(isa));
    module->set_options({.isa = isa});
    Tensor got;
    if (golden.contains("output_size"))
      got = dynamic_cast<const ConvTranspose2d&>(*module)(x, golden["output_size"].get<std::vector<int64_t>>());
    else
      got = (*module)(x);
    check_close(got, expected, [&](int64_t) { return bound; });
  }
}

int check_file(const std::string& file) {
  const StateDict goldens = golden(file);
  for (const auto& [name, text] : goldens.metadata)
    check_case(name, nlohmann::json::parse(text), goldens.at(name + ".output").to_tensor());
  return static_cast<int>(goldens.metadata.size());
}

}  // namespace

TEST_CASE("golden: every layer's cases are PyTorch's") { CHECK(check_file("layers.safetensors") >= 90); }

TEST_CASE("golden: 300 Conv2d are PyTorch's") { CHECK(check_file("conv2d.safetensors") == 300); }

TEST_CASE("golden: 300 random ConvTranspose2d are PyTorch's") {
  CHECK(check_file("conv_transpose2d_random.safetensors") == 300);
}

TEST_CASE("golden: activations, norms and softmax are PyTorch's") { CHECK(check_file("norms.safetensors") == 117); }

TEST_CASE("golden: activations of zeros, infinities, NaN and large numbers are PyTorch's") {
  CHECK(check_special_values("norms.safetensors") >= 15);
}
