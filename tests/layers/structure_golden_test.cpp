// Layers that move, join and resample values, and functions, against PyTorch: structure.safetensors, made by
// structure.py.
#include <map>

#include "layers/spec.h"
#include "tests/layers/golden_cases.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// What the text of a golden's function is here.
const std::map<std::string, Function>& functions() {
  using Xs = const Values&;
  static const std::map<std::string, Function> all = {
      {"a + b", [](Xs x) { return x[0] + x[1]; }},
      {"a - b", [](Xs x) { return x[0] - x[1]; }},
      {"a * b", [](Xs x) { return x[0] * x[1]; }},
      {"a / b", [](Xs x) { return x[0] / x[1]; }},
      {"a + 1.5", [](Xs x) { return x[0] + 1.5; }},
      {"a - 1.5", [](Xs x) { return x[0] - 1.5; }},
      {"a * 0.2", [](Xs x) { return x[0] * 0.2; }},
      {"a / 3", [](Xs x) { return x[0] / 3; }},
      {"1.5 + a", [](Xs x) { return 1.5 + x[0]; }},
      {"1.5 - a", [](Xs x) { return 1.5 - x[0]; }},
      {"0.2 * a", [](Xs x) { return 0.2 * x[0]; }},
      {"-a", [](Xs x) { return -x[0]; }},
      {"-2 * a + 1", [](Xs x) { return -2 * x[0] + 1; }},
      {"a * 0.2 + b", [](Xs x) { return x[0] * 0.2 + x[1]; }},
      {"torch.tanh(a / 3) * 3", [](Xs x) { return tanh(x[0] / 3) * 3; }},
      {"torch.clamp(a, -0.5, 0.7)", [](Xs x) { return clamp(x[0], -0.5, 0.7); }},
      {"torch.clamp(a, min=0.1)", [](Xs x) { return clamp(x[0], 0.1); }},
      {"torch.clamp(a, max=0.1)", [](Xs x) { return clamp(x[0], {}, 0.1); }},
      {"torch.clamp(a, 2, 1)", [](Xs x) { return clamp(x[0], 2, 1); }},
      {"F.relu(a + b)", [](Xs x) { return relu(x[0] + x[1]); }},
      {"F.leaky_relu(a)", [](Xs x) { return leaky_relu(x[0]); }},
      {"F.leaky_relu(a, 0.2)", [](Xs x) { return leaky_relu(x[0], 0.2); }},
      {"torch.sigmoid(a)", [](Xs x) { return sigmoid(x[0]); }},
      {"torch.cat([a, b, c], 0)", [](Xs x) { return cat(x, 0); }},
      {"torch.cat([a, b, c], 1)", [](Xs x) { return cat(x, 1); }},
      {"torch.cat([a, b, c], 2)", [](Xs x) { return cat(x, 2); }},
      {"torch.cat([a, b, c], 3)", [](Xs x) { return cat(x, 3); }},
      {"torch.cat([a, b, c], -3)", [](Xs x) { return cat(x, -3); }},
      {"torch.cat([a, b])", [](Xs x) { return cat(x); }},
      {"torch.cat([a, b], -1)", [](Xs x) { return cat(x, -1); }},
      {"torch.cat([torch.cat([a, b], 1), c], 1)",
       [](Xs x) {
         return cat({cat({x[0], x[1]}, 1), x[2]}, 1);
       }},
      {"F.relu(torch.cat([a, b], 1))", [](Xs x) { return relu(cat(x, 1)); }},
      {"a[1:]", [](Xs x) { return slice(x[0], 0, 1); }},
      {"a[:, 1:4]", [](Xs x) { return slice(x[0], 1, 1, 4); }},
      {"a[:, -2:]", [](Xs x) { return slice(x[0], 1, -2); }},
      {"a[:, :, 1:6:2]", [](Xs x) { return slice(x[0], 2, 1, 6, 2); }},
      {"a[:, :, :, ::3]", [](Xs x) { return slice(x[0], -1, 0, 100, 3); }},
      {"a[:, 3:2]", [](Xs x) { return slice(x[0], 1, 3, 2); }},
      {"a[:, 4:9]", [](Xs x) { return slice(x[0], 1, 4, 9); }},
      {"a.chunk(2, 1)[0]", [](Xs x) { return chunk(x[0], 2, 1)[0]; }},
      {"a.chunk(2, 1)[1]", [](Xs x) { return chunk(x[0], 2, 1)[1]; }},
      {"a.chunk(4)[3]", [](Xs x) { return chunk(x[0], 4)[3]; }},
      {"a.chunk(5, -1)[2]", [](Xs x) { return chunk(x[0], 5, -1)[2]; }},
      {"a.reshape(2, -1)",
       [](Xs x) {
         return reshape(x[0], {2, -1});
       }},
      {"a.view(6, 70)",
       [](Xs x) {
         return view(x[0], {6, 70});
       }},
      {"torch.flatten(a, 1)", [](Xs x) { return flatten(x[0], 1); }},
      {"torch.flatten(a)", [](Xs x) { return flatten(x[0]); }},
      {"a.permute(0, 2, 3, 1)",
       [](Xs x) {
         return permute(x[0], {0, 2, 3, 1});
       }},
      {"a.permute(3, 1, 0, 2)",
       [](Xs x) {
         return permute(x[0], {3, 1, 0, 2});
       }},
      {"a.permute(0, 3, 1, 2)",
       [](Xs x) {
         return permute(x[0], {0, 3, 1, 2});
       }},
      {"a.permute(2, 0, 1)",
       [](Xs x) {
         return permute(x[0], {2, 0, 1});
       }},
      {"a.permute(4, 2, 0, 3, 1)",
       [](Xs x) {
         return permute(x[0], {4, 2, 0, 3, 1});
       }},
      {"a.transpose(1, 2)", [](Xs x) { return transpose(x[0], 1, 2); }},
      {"a.transpose(-1, -3)", [](Xs x) { return transpose(x[0], -1, -3); }},
      {"a.flatten(2).transpose(1, 2)", [](Xs x) { return transpose(flatten(x[0], 2), 1, 2); }},
      {"torch.matmul(a, b)", [](Xs x) { return matmul(x[0], x[1]); }},
      {"torch.matmul(a, b.transpose(1, 2))", [](Xs x) { return matmul(x[0], transpose(x[1], 1, 2)); }},
  };
  return all;
}

/// The most numbers that one output adds up; 0 where it is one of the inputs.
double terms_of(const std::string& text) {
  const auto has = [&](const char* word) { return text.find(word) != std::string::npos; };
  if (has("matmul")) return 64;
  if (has("AvgPool2d")) return 42;
  if (has("bilinear") || has(" + ") || has(" - ") || has(" * ") || has(" / ") || has("sigmoid") || has("leaky"))
    return 4;
  return 0;
}

/// What the case computes, of values; the module that it may be of must live as long.
Function function_of(const nlohmann::json& about, std::shared_ptr<Module>& module) {
  if (about.contains("function")) return functions().at(about["function"].get<std::string>());
  module = parse_module(about["module"].get<std::string>());
  return [module](const Values& xs) { return (*module)(xs[0]); };
}

void check_case(const nlohmann::json& about, const Tensor& expected) {
  const std::string text = about.value("module", about.value("function", ""));
  CAPTURE(text);
  std::shared_ptr<Module> module;
  const Function function = function_of(about, module);
  Random random(about["seed"].get<uint64_t>());
  std::vector<Tensor> xs;
  for (const auto& shape : about["inputs"]) xs.push_back(random.randn(shape.get<Shape>()));
  const double terms = terms_of(text);
  double magnitude = terms;
  if (text.find("bilinear") != std::string::npos)  // positions round as numbers of their size do
    magnitude = static_cast<double>(std::max(xs[0].size(-1), xs[0].size(-2)));
  for (Isa isa : available_isas())
    for (bool inside : {false, true}) {
      CAPTURE(name(isa));
      CAPTURE(inside);
      const Program program = compile(Sandwich(function, inside), types_of(xs), {.isa = isa});
      const Tensor got = program(xs)[0];
      check_close(got, expected, [&](int64_t i) { return tolerance(terms, magnitude + std::abs(expected.data()[i])); });
      if (terms == 0) CHECK(std::equal(got.data(), got.data() + got.numel(), expected.data()));
      if (module && xs[0].dim() == 4) CHECK(stays_in_layout(program));
    }
}

}  // namespace

TEST_CASE("golden: layers and functions that move, join and resample values are PyTorch's, in either layout") {
  CHECK(each_golden("structure.safetensors", check_case) > 400);
}
