// What parameters begin with, against PyTorch: init.safetensors, made by tests/golden/init.py.
#include "framework/init.h"

#include <map>
#include <thread>

#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

Sequential layers() {
  return sequential(ConvTranspose2d(6, 4, 3), BatchNorm2d(4), Conv2d(4, 8, {3, 2}, {.groups = 2, .bias = false}),
                    ConvTranspose2d(8, 6, 2, {.groups = 2}), PReLU(), Linear(5, 7), Linear(3, 2, {.bias = false}),
                    GroupNorm(2, 6));
}

Sequential embeddings() {
  return sequential(Embedding(3, 3), Linear(3, 1), Embedding(2, 2, 1), Embedding(5, 7), Embedding(1, 3),
                    Embedding(8, 4, 0));
}

void check_network(const AnyModule& network, const std::string& name) {
  const StateDict goldens = golden("init.safetensors");
  size_t count = 0;
  for (const auto& [key, stored] : network.state_dict()) {
    CAPTURE(key);
    CHECK(same_bits(stored.to_tensor(), goldens.at(name + "/" + key).to_tensor()));
    ++count;
  }
  CHECK(count > 5);
}

/// As in pytorch/examples/dcgan.
void weights_init(const AnyModule& m) {
  if (m.type_name().starts_with("Conv")) init::normal_(m.parameter("weight"), 0.0, 0.02);
  if (m.type_name().starts_with("BatchNorm")) init::normal_(m.parameter("weight"), 1.0, 0.02);
  if (m.type_name().starts_with("BatchNorm")) init::zeros_(m.parameter("bias"));
}

}  // namespace

TEST_CASE("init: layers begin with the parameters that PyTorch gives them, bit for bit") {
  manual_seed(0);
  const Sequential first = layers();
  manual_seed(1);
  const Sequential second = embeddings();
  check_network(second, "embeddings");  // whoever is read first, it does not matter
  check_network(first, "layers");
}

TEST_CASE("init: a network that is read from its end, in parts or by many begins with the same values") {
  manual_seed(1);
  const Sequential backwards = embeddings();
  auto parameters = backwards.named_parameters();
  std::reverse(parameters.begin(), parameters.end());
  for (const auto& [name, parameter] : parameters) static_cast<void>(parameter.value());
  check_network(backwards, "embeddings");
  manual_seed(0);
  const Sequential shared = layers();
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i)
    readers.emplace_back([&] {
      for (const auto& [name, parameter] : shared.named_parameters()) static_cast<void>(parameter.value());
    });
  for (std::thread& reader : readers) reader.join();
  check_network(shared, "layers");
}

TEST_CASE("init: the functions of torch.nn.init make what PyTorch's make") {
  const StateDict goldens = golden("init.safetensors");
  manual_seed(5);
  const std::pair<const char*, std::function<void(const Parameter&)>> functions[] = {
      {"uniform_", [](const Parameter& w) { init::uniform_(w, -0.3, 0.8); }},
      {"normal_", [](const Parameter& w) { init::normal_(w, 0.1, 0.02); }},
      {"trunc_normal_", [](const Parameter& w) { init::trunc_normal_(w, 0.1, 0.5, -0.5, 0.5); }},
      {"trunc_normal_tail", [](const Parameter& w) { init::trunc_normal_(w, 0, 1, 1.5, 3); }},
      {"xavier_uniform_", [](const Parameter& w) { init::xavier_uniform_(w, 1.5); }},
      {"xavier_normal_", [](const Parameter& w) { init::xavier_normal_(w); }},
      {"kaiming_uniform_", [](const Parameter& w) { init::kaiming_uniform_(w, 0.2, init::Fan::out); }},
      {"kaiming_normal_", [](const Parameter& w) { init::kaiming_normal_(w, 0, init::Fan::in, "relu"); }},
  };
  for (const auto& [name, function] : functions)
    for (const Shape& shape : {Shape{3, 4}, Shape{7, 5, 3, 3}}) {
      CAPTURE(name);
      CAPTURE(shape.size());
      const Parameter parameter(shape, DType::float32);
      function(parameter);
      const Tensor expected = goldens.at(std::string(name) + "/" + std::to_string(shape.size())).to_tensor();
      CHECK(same_bits(parameter.value(), expected));
    }
}

TEST_CASE("init: apply() visits children before their parents, and DCGAN's weights_init paints PyTorch's noise") {
  manual_seed(6);
  const Sequential network = sequential(ConvTranspose2d(5, 4, 4, {.bias = false}), BatchNorm2d(4), ReLU());
  network.apply(weights_init);
  check_network(network, "dcgan");
  std::vector<std::string> order;
  sequential(sequential(ReLU(), Tanh()), Sigmoid()).apply([&](const AnyModule& m) { order.push_back(m.type_name()); });
  CHECK(order == std::vector<std::string>{"ReLU", "Tanh", "Sequential", "Sigmoid", "Sequential"});
}

TEST_CASE("init: without a seed two networks differ, with the same one they do not") {
  const Linear a(4, 4), b(4, 4);
  CHECK_FALSE(same_bits(a.weight.value(), b.weight.value()));
  manual_seed(3);
  const Linear c(4, 4);
  manual_seed(3);
  const Linear d(4, 4);
  CHECK(same_bits(c.weight.value(), d.weight.value()));
  CHECK(c.weight.is_initial());
  c.weight.set(Tensor({4, 4}));
  CHECK_FALSE(c.weight.is_initial());
}

TEST_CASE("init: a layer beyond 63 bits is refused before its fan overflows") {
  CHECK(error_of([] {
          static_cast<void>(parse_module("ConvTranspose2d(4, 555558, 555555550)"));
        }).ends_with("(4, 555558, 555555550, 555555550) has more elements than 63 bits can count"));
}

TEST_CASE("init: what does not fit is refused in words") {
  const Parameter vector({3}, DType::float32), counter({3}, DType::int64);
  CHECK(error_of([&] { init::xavier_normal_(vector); }) ==
        "init: a fan needs a weight of at least two dimensions, got (3,)");
  CHECK(error_of([&] { init::normal_(counter); }) == "init: expected a float32 parameter, got int64 of shape (3,)");
  CHECK(error_of([&] {
          static_cast<void>(init::calculate_gain("swish"));
        }).starts_with("init: expected a nonlinearity of linear"));
  CHECK(init::calculate_gain("conv_transpose2d") == 1);
  CHECK(init::calculate_gain("leaky_relu") == doctest::Approx(std::sqrt(2 / 1.0001)));
}
