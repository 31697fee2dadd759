// Where other engines answer otherwise, upconv answers as PyTorch does: peers.safetensors, made by peers.py.
// docs/peers.md names these cases, one for each of its rows.
#include <map>

#include "layers/spec.h"
#include "tests/layers/golden_cases.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// What rounding is measured by: each output itself, or the largest of all where it is a sum of some.
enum class By { each, largest };

using Each = std::function<void(const Tensor& x, const Tensor& got)>;

/// The text's layer with the golden's parameters, or its function.
Function function_of(const nlohmann::json& about, const StateDict& goldens, const std::string& name) {
  if (about.contains("function")) {
    const auto text = about["function"].get<std::string>();
    if (text == "torch.clamp(a, -0.5, 0.5)") return [](const Values& xs) { return clamp(xs[0], -0.5, 0.5); };
    REQUIRE(text.starts_with("a**"));
    return [exponent = std::stod(text.substr(3))](const Values& xs) { return pow(xs[0], exponent); };
  }
  const std::shared_ptr<Module> module = parse_module(about["module"].get<std::string>());
  for (auto& [key, parameter] : module->named_parameters()) parameter.set(goldens.at(name + "." + key).to_tensor());
  for (auto& [key, buffer] : module->named_buffers()) buffer.set(goldens.at(name + "." + key).to_tensor());
  if (!about.contains("output_size")) return [module](const Values& xs) { return (*module)(xs[0]); };
  return [module, size = about["output_size"].get<std::vector<int64_t>>()](const Values& xs) {
    return dynamic_cast<const ConvTranspose2d&>(*module)(xs[0], size);
  };
}

/// Checks every case of a row, by itself and inside a network, on every instruction set; `more` asks more of an answer.
void check_row(const std::string& row, size_t count, By by, const Each& more = {}) {
  const StateDict goldens = golden("peers.safetensors");
  size_t seen = 0;
  for (const auto& [name, text] : goldens.metadata) {
    if (!name.starts_with(row + ".")) continue;
    ++seen;
    const auto about = nlohmann::json::parse(text);
    CAPTURE(text);
    const std::vector<Tensor> xs = {goldens.at(name + ".input").to_tensor()};
    const Tensor expected = goldens.at(name + ".output").to_tensor();
    const double terms = about["terms"].get<double>();
    const auto bound = [&](int64_t i) {
      const double magnitude = by == By::each ? std::abs(expected.data()[i]) : std::max(1.0, largest(expected));
      return terms == 0 ? 0 : tolerance(terms, magnitude) + 100 * std::numeric_limits<float>::min();
    };
    const Function function = function_of(about, goldens, name);
    for (Isa isa : available_isas())
      for (bool inside : {false, true}) {
        if (inside && row == "power") continue;  // the convolution before it would make 0 of -0
        CAPTURE(upconv::name(isa));
        CAPTURE(inside);
        const Tensor got = compile(Sandwich(function, inside), types_of(xs), {.isa = isa})(xs)[0];
        check_close(got, expected, bound);
        if (more) more(xs[0], got);
      }
  }
  CHECK(seen == count);
}

}  // namespace

TEST_CASE("peers: NaN stays NaN in activations, clamp and MaxPool2d") { check_row("nan", 10, By::each); }

TEST_CASE("peers: Tanh and Sigmoid never lie beyond 1") {
  check_row("beyond", 2, By::each, [](const Tensor&, const Tensor& got) { CHECK(largest(got) == 1); });
}

TEST_CASE("peers: Softplus heeds its beta, is never negative and never overflows") {
  check_row("softplus", 5, By::each, [](const Tensor& x, const Tensor& got) {
    for (int64_t i = 0; i < got.numel(); ++i) CHECK(std::isfinite(got.data()[i]));
    CHECK(largest(got) == largest(x));
  });
}

TEST_CASE("peers: AvgPool2d with ceil_mode and count_include_pad divides as PyTorch does") {
  check_row("avg_pool", 12, By::largest);
}

TEST_CASE("peers: AvgPool2d heeds divisor_override") { check_row("divisor", 9, By::largest); }

TEST_CASE("peers: MaxPool2d with ceil_mode has no window that begins beyond the picture") {
  check_row("max_pool", 9, By::each);
}

TEST_CASE("peers: LayerNorm normalises over all the dimensions that it names") {
  check_row("layer_norm", 2, By::largest);
}

TEST_CASE("peers: InstanceNorm2d that tracks statistics uses them") { check_row("running", 1, By::largest); }

TEST_CASE("peers: circular padding is circular") { check_row("circular", 2, By::largest); }

TEST_CASE("peers: powers of zeros, of negative numbers and of infinities") { check_row("power", 8, By::each); }

TEST_CASE("peers: nearest upsampling by 41, 47, 55 and 61 is a pixel off where PyTorch is") {
  check_row("nearest", 12, By::each);
}

TEST_CASE("peers: ConvTranspose2d crops the end that PyTorch crops where their number is odd") {
  check_row("crop", 4, By::largest);
}

TEST_CASE("peers: ConvTranspose2d takes an output_padding below its dilation") {
  check_row("output_padding", 2, By::largest);
}
