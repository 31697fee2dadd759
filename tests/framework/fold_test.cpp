#include "framework/weights/fold.h"

#include "tests/support.h"

namespace upconv {
namespace {

using testing::error_of;
using testing::golden;

/// The net of tests/golden/names.py.
Sequential normed_net() {
  return sequential(ConvTranspose2d(4, 4, 3, {.stride = 2, .padding = 1}), BatchNorm2d(4), ReLU(),
                    ConvTranspose2d(4, 6, {2, 3}, {.bias = false}), Flatten(), Linear(6 * 8 * 9, 3));
}

StateDict with(StateDict weights, const std::string& name, const Tensor& value) {
  StateDict all;
  for (const auto& [other, stored] : weights) all.add(other, other == name ? Stored::of(value) : stored);
  return all;
}

std::string refusal(const StateDict& weights) {
  Sequential net = normed_net();
  return error_of([&] { net.load_state_dict(weights); });
}

TEST_CASE("fold: weights are those that PyTorch computes in eval mode") {
  for (const char* norm : {"spectral_norm", "parametrized_spectral_norm", "weight_norm", "parametrized_weight_norm"}) {
    CAPTURE(norm);
    Sequential net = normed_net();
    net.load(UPCONV_GOLDEN "/names/" + std::string(norm) + ".safetensors");
    for (const auto& [name, stored] : golden("names/" + std::string(norm) + "_folded.safetensors")) {
      CAPTURE(name);
      const Tensor expected = stored.to_tensor();
      // PyTorch divides, or multiplies twice, in float32, by a sum that it rounded.
      testing::check_close(net.parameter(name).value(), expected,
                           [&](int64_t i) { return testing::tolerance(3, std::abs(expected.data()[i])); });
    }
    CHECK(net.parameter("1.num_batches_tracked").value().indices()[0] == 3);
  }
}

TEST_CASE("fold: u may say another dimension than the layer's own") {
  // W = [[1, 2], [3, 4], [5, 6]], u and v of its rows: a ConvTranspose2d keeps columns.
  StateDict weights;
  weights.add("weight_orig", Stored::of(Tensor({3, 2, 1, 1}, std::vector<float>{1, 2, 3, 4, 5, 6})));
  weights.add("weight_u", Stored::of(Tensor({3}, std::vector<float>{1, 0, 1})));
  weights.add("weight_v", Stored::of(Tensor({2}, std::vector<float>{1, 2})));
  ConvTranspose2d layer(3, 2, 1, {.bias = false});
  layer.load_state_dict(weights);
  CHECK(layer.weight.value().data()[5] == static_cast<float>(6.0 / 22));
}

TEST_CASE("fold: PyTorch 0.4 saved the divided weight beside its factors") {
  StateDict weights;
  weights.add("weight", Stored::of(Tensor({1, 1, 1, 1}, std::vector<float>{3})));
  weights.add("weight_orig", Stored::of(Tensor({1, 1, 1, 1}, std::vector<float>{6})));
  weights.add("weight_u", Stored::of(Tensor({1})));
  ConvTranspose2d layer(1, 1, 1, {.bias = false});
  layer.load_state_dict(weights);
  CHECK(layer.weight.value().data()[0] == 3);
  weights.add("weight_v", Stored::of(Tensor({1})));
  CHECK(error_of([&] { layer.load_state_dict(weights); }).find("unexpected: weight_orig, weight_u, weight_v") !=
        std::string::npos);
}

TEST_CASE("fold: factors that do not fit are misshapen, and named") {
  const StateDict spectral = golden("names/spectral_norm.safetensors"),
                  weight = golden("names/weight_norm.safetensors");
  CHECK(refusal(with(spectral, "0.weight_u", Tensor({5}))) ==
        "the weights do not fit Sequential:\n  misshapen: 0.weight_u: (5,) and v's (36,) fit no dimension of (4, 4, 3, "
        "3)");
  CHECK(refusal(with(spectral, "0.weight_v", Tensor({6, 6}))).find("v's (6, 6) fit no dimension") != std::string::npos);
  CHECK(refusal(with(spectral, "0.weight_orig", Tensor({4, 4, 3, 2})))
            .find("0.weight_orig: expected (4, 4, 3, 3), got (4, 4, 3, 2)") != std::string::npos);
  CHECK(refusal(with(spectral, "0.weight_orig", Tensor({4, 4, 3, 3}, DType::int64)))
            .find("0.weight_orig: expected floating point, got int64") != std::string::npos);
  CHECK(refusal(with(spectral, "0.weight_u", Tensor({4}, DType::int64)))
            .find("0.weight_u: expected floating point, got int64") != std::string::npos);
  CHECK(refusal(with(weight, "0.weight_g", Tensor({5, 1, 1, 1})))
            .find("0.weight_g: (5, 1, 1, 1) fits no dimension of (4, 4, 3, 3)") != std::string::npos);
  CHECK(refusal(with(weight, "0.weight_g", Tensor({4, 4, 1, 1}))).find("0.weight_g: (4, 4, 1, 1) fits no") !=
        std::string::npos);
  CHECK(refusal(with(weight, "0.weight_g", Tensor({1, 1, 1, 1, 4}))).find("0.weight_g: (1, 1, 1, 1, 4) fits no") !=
        std::string::npos);
}

TEST_CASE("fold: a factor alone is unexpected, and the weight missing") {
  StateDict alone;
  for (const auto& [name, stored] : golden("names/weight_norm.safetensors"))
    if (name != "3.weight_g") alone.add(name, stored);
  CHECK(refusal(alone) == "the weights do not fit Sequential:\n  missing: 3.weight\n  unexpected: 3.weight_v");
}

TEST_CASE("fold: advice about names knows of factors") {
  StateDict below;
  for (const auto& [name, stored] : golden("names/spectral_norm.safetensors")) below.add("netG." + name, stored);
  CHECK(refusal(below).ends_with("give key = \"netG\""));
}

}  // namespace
}  // namespace upconv
