// Prints of layers with parametrizations, and of what torch.jit and torch.fx make of a module.
#include <fstream>
#include <nlohmann/json.hpp>

#include "layers/text/registry.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

const std::string normed =
    "\n  (parametrizations): ModuleDict(\n    (weight): ParametrizationList(\n      (0): _WeightNorm()\n    )\n  )\n";

/// A layer's print as torch.nn.utils.parametrizations change it.
std::string parametrized(const std::string& print) {
  const size_t open = print.find('(') + 1;
  return "Parametrized" + print.substr(0, open) + "\n  " + print.substr(open, print.size() - open - 1) + normed + ")";
}

std::string refused(const std::string& spec) {
  CAPTURE(spec);
  return error_of([&] { (void)parse_module(spec); });
}

}  // namespace

TEST_CASE("wrapper prints: a parametrized layer of any class with parameters is that layer") {
  int layers = 0;
  for (const auto& print :
       nlohmann::json::parse(std::ifstream(UPCONV_GOLDEN "/repr.json")).get<std::vector<std::string>>()) {
    if (print.find('\n') != print.npos || parse_module(print)->named_parameters().empty()) continue;
    CAPTURE(print);
    const auto layer = parse_module(parametrized(print));
    CHECK(layer->str() == print);
    CHECK(typeid(*layer) == typeid(*parse_module(print)));
    ++layers;
  }
  CHECK(layers > 50);
  CHECK(parse_module("Sequential((0): ParametrizedLinear(in_features=3, out_features=2, bias=True (parametrizations): "
                     "ModuleDict((weight): ParametrizationList((0): _SpectralNorm()) (bias): ParametrizationList((0): "
                     "_WeightNorm()))) (1): Tanh())")
            ->str() == parse_module("Sequential(Linear(3, 2), Tanh())")->str());
}

TEST_CASE("wrapper prints: parametrizations that are not folded are refused") {
  const std::string advice =
      ": only one _WeightNorm or _SpectralNorm is folded; call "
      "torch.nn.utils.parametrize.remove_parametrizations(layer, "
      "\"weight\") before you print and save";
  const auto linear = [](const std::string& list) {
    return "ParametrizedLinear(3, 2\n  (parametrizations): ModuleDict(\n    (weight): ParametrizationList(" + list +
           ")))";
  };
  CHECK_NOTHROW(parse_module(linear("(0): _WeightNorm()")));
  CHECK(refused(linear("(0): _Orthogonal()")) == "3:40: _Orthogonal of ParametrizedLinear's weight" + advice);
  CHECK(refused(linear("(0): _SpectralNorm() (1): _WeightNorm()")) ==
        "3:61: _WeightNorm of ParametrizedLinear's weight" + advice);
  CHECK(refused(linear("(0): Mine((inner): Linear(3, 2))")) == "3:40: Mine of ParametrizedLinear's weight" + advice);
  CHECK(refused(linear("_WeightNorm()")) == "3:35: expected the name of a child, such as (0):, got \"_WeightNorm\"");
  CHECK(refused(linear("(0): _WeightNorm")) == "3:51: expected \"()\" after _WeightNorm, got \")\"");
  CHECK(refused("ParametrizedLinear(3, 2 (parametrizations): Sequential())") == "1:45: expected ModuleDict");
  CHECK(refused("ParametrizedLinear(3, 2 (parametrizations) ModuleDict())") ==
        "1:44: expected \":\" after (parametrizations), got \"ModuleDict\"");
  CHECK(
      refused("Linear(3, 2 (parametrizations): ModuleDict())").starts_with("1:13: expected \",\" or \")\" in Linear"));
  CHECK(refused("ParametrizedLSTM(3, 2)").starts_with("1:1: unknown layer \"ParametrizedLSTM\""));
}

TEST_CASE("wrapper prints: a class of one's own may be called Parametrized, too") {
  const std::string print = "ParametrizedLinear(\n  (inside): Linear(in_features=3, out_features=2, bias=True)\n)";
  CHECK(parse_module(print)->str() == print);
}

TEST_CASE("wrapper prints: TorchScript's have no arguments") {
  const std::string advice =
      ", leaves all arguments out; print the Python module that was scripted or traced (the weights can stay in the "
      "TorchScript file)";
  const std::string what = "what PyTorch prints of a TorchScript module, such as this ";
  CHECK(refused("RecursiveScriptModule(original_name=Conv2d)") == "1:1: " + what + "RecursiveScriptModule" + advice);
  CHECK(refused("Sequential(\n  original_name=Sequential\n  (0): Conv2d(original_name=Conv2d)\n)") ==
        "1:1: " + what + "Sequential" + advice);
  CHECK(refused("Conv2d(original_name=Conv2d)") == "1:1: " + what + "Conv2d" + advice);
  CHECK(refused("Sequential((0): Tanh(original_name=Tanh))") == "1:17: " + what + "Tanh" + advice);
}

TEST_CASE("wrapper prints: torch.fx's end with code") {
  const std::string advice =
      "what torch.fx prints of a GraphModule ends with the code that it runs, which may do more than the layers above "
      "it; print the module that was traced";
  CHECK(refused("ReLU()\n\n\n\ndef forward(self, input):\n    return input\n") == "5:1: " + advice);
  CHECK(refused("GraphModule(\n  (0): Module()\n)\n\n\n\ndef forward(self, x):") == "7:1: " + advice);
  CHECK(refused("ReLU() def forward(self, input): return input") == "1:8: " + advice);
  CHECK_NOTHROW(parse_module("Sequential((undef forward): ReLU())"));
}
