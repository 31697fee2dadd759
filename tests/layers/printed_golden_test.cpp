// Layers that prints contain, against PyTorch: printed.safetensors and pytorch.json, made by printed.py.
#include <algorithm>
#include <fstream>

#include "layers/spec.h"
#include "layers/text/registry.h"
#include "layers/text/unknown.h"
#include "tests/layers/golden_cases.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

constexpr double eps = std::numeric_limits<float>::epsilon();

/// The longest chain of roundings of a case, in the largest number that it meets: positions of a resampling round as
/// numbers of the picture's size do.
double rounding(const std::string& text, const AnyModule& module, const Tensor& x) {
  if (text.find("Upsampl") != std::string::npos)
    return tolerance(8, 4 * static_cast<double>(std::max(x.size(-1), x.size(-2))));
  const double terms = terms_of(module);
  return terms > 0 ? tolerance(terms, 8) : 0;
}

void check_case(const nlohmann::json& about, const Tensor& expected) {
  check_printed_case(about, expected, rounding, [](const std::shared_ptr<Module>& module, bool inside) {
    return Sandwich([module](const Values& x) { return (*module)(x[0]); }, inside);
  });
}

}  // namespace

TEST_CASE("golden: layers that prints contain are PyTorch's, in either layout, and print as there") {
  CHECK(each_golden("printed.safetensors", check_case) > 330);
}

TEST_CASE("golden: the other activations of zeros, infinities, NaN and large numbers are PyTorch's") {
  CHECK(check_special_values("printed.safetensors") == 16);
}

TEST_CASE("golden: every module of PyTorch is a layer, a container, or known to be missing") {
  const auto modules = nlohmann::json::parse(std::ifstream(UPCONV_GOLDEN "/pytorch.json"));
  const std::vector<std::string> containers = {"Container",  "DataParallel", "Module",
                                               "ModuleDict", "ModuleList",   "Sequential"};
  size_t layers = 0;
  for (const std::string name : modules) {
    CAPTURE(name);
    const bool is_layer = find_row(name) != nullptr;
    const bool is_container = std::find(containers.begin(), containers.end(), name) != containers.end();
    CHECK(is_layer + is_container + is_only_pytorchs(name) == 1);
    layers += is_layer;
  }
  CHECK(layers == layer_rows().size());
}
