// People who come from other engines, where their networks painted something else: peers.safetensors, made by peers.py.
#include <cmath>

#include "layers/spec.h"
#include "tests/layers/golden_cases.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// The n-th network of the goldens: what one pastes, a file of its weights, an input, PyTorch's answer.
struct Report {
  std::string text;
  std::string weights;
  Tensor input, expected;
};

Report report(size_t n, const TemporaryFolder& folder) {
  const StateDict goldens = golden("peers.safetensors");
  for (const auto& [name, about] : goldens.metadata) {
    if (!name.starts_with("network.") || n-- > 0) continue;
    StateDict state;
    for (const auto& [key, stored] : goldens)
      if (key.starts_with(name + ".") && !key.ends_with(".input") && !key.ends_with(".output"))
        state.add(key.substr(name.size() + 1), stored);
    const std::string weights = (folder / "weights.safetensors").string();
    save_safetensors(weights, state);
    return {nlohmann::json::parse(about)["module"].get<std::string>(), weights, goldens.at(name + ".input").to_tensor(),
            goldens.at(name + ".output").to_tensor()};
  }
  FAIL("there is no such network");
  return {};
}

Tensor painted(const Report& report) {
  const std::shared_ptr<Module> net = parse_module(report.text);
  net->load(report.weights);
  return (*net)(report.input);
}

}  // namespace

TEST_CASE("I come from ncnn and OpenVINO, which took my norms, my circular padding and my Softplus for others") {
  const TemporaryFolder folder;
  const Report mine = report(0, folder);
  CAPTURE(mine.text);
  check_close(painted(mine), mine.expected, [](int64_t) { return tolerance(400, 1); });
}

TEST_CASE("I come from ONNX Runtime, behind whose max pooling the NaN that I look for was gone") {
  const TemporaryFolder folder;
  const Report mine = report(1, folder);
  const Tensor y = painted(mine);
  check_close(y, mine.expected, [](int64_t) { return tolerance(15, 1); });
  int missing = 0;
  for (int64_t i = 0; i < y.numel(); ++i) missing += std::isnan(y.data()[i]);
  CHECK(missing == 1);
}
