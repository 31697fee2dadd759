// Functions of values against PyTorch: functions.safetensors, made by functions.py.
#include <map>

#include "tests/layers/golden_cases.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

using Xs = const Values&;

/// Reductions of `a`, as their texts have them: "a.mean((2, 3), True)".
void add_reductions(std::map<std::string, Function>& all) {
  const std::pair<const char*, Dims> dims[] = {
      {"1", 1}, {"(2, 3)", {2, 3}}, {"(1, 2, 3)", {1, 2, 3}},       {"(0, 2)", {0, 2}}, {"-1", -1},
      {"0", 0}, {"2", 2},           {"(0, 1, 2, 3)", {0, 1, 2, 3}}, {"(1, 3)", {1, 3}}, {"(0, 2, 3)", {0, 2, 3}}};
  for (const auto& [text, dim] : dims)
    for (bool keep : {false, true}) {
      const std::string arguments = std::string(text) + ", " + (keep ? "True" : "False");
      const std::string named = std::string(text) + ", keepdim=" + (keep ? "True" : "False");
      const std::string biased = std::string(text) + ", correction=0, keepdim=" + (keep ? "True" : "False");
      all["a.mean(" + arguments + ")"] = [dim, keep](Xs x) { return mean(x[0], dim, keep); };
      all["a.amax(" + arguments + ")"] = [dim, keep](Xs x) { return amax(x[0], dim, keep); };
      all["a.amin(" + arguments + ")"] = [dim, keep](Xs x) { return amin(x[0], dim, keep); };
      all["a.sum(" + arguments + ")"] = [dim, keep](Xs x) { return sum(x[0], dim, keep); };
      all["(a * a + 1).sum(" + arguments + ")"] = [dim, keep](Xs x) { return sum(x[0] * x[0] + 1, dim, keep); };
      all["a.var(" + named + ")"] = [dim, keep](Xs x) { return var(x[0], dim, 1, keep); };
      all["a.std(" + biased + ")"] = [dim, keep](Xs x) { return upconv::std(x[0], dim, 0, keep); };
    }
}

/// What the text of a golden's function is here.
const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> all = [] {
    std::map<std::string, Function> all = {
        {"a.abs()", [](Xs x) { return abs(x[0]); }},
        {"a.abs().sqrt()", [](Xs x) { return sqrt(abs(x[0])); }},
        {"(a.abs() + 0.1).rsqrt()", [](Xs x) { return rsqrt(abs(x[0]) + 0.1); }},
        {"a.exp()", [](Xs x) { return exp(x[0]); }},
        {"(a.abs() + 0.1).log()", [](Xs x) { return log(abs(x[0]) + 0.1); }},
        {"torch.sin(a * 3)", [](Xs x) { return sin(x[0] * 3); }},
        {"torch.cos(a * 3)", [](Xs x) { return cos(x[0] * 3); }},
        {"a**2", [](Xs x) { return pow(x[0], 2); }},
        {"a.abs() ** 0.5", [](Xs x) { return pow(abs(x[0]), 0.5); }},
        {"(a.abs() + 0.1) ** -0.5", [](Xs x) { return pow(abs(x[0]) + 0.1, -0.5); }},
        {"a**3", [](Xs x) { return pow(x[0], 3); }},
        {"(a.abs() + 0.1) ** 1.7", [](Xs x) { return pow(abs(x[0]) + 0.1, 1.7); }},
        {"1 / a", [](Xs x) { return 1 / x[0]; }},
        {"torch.where(a > 0, a, a * 0.3)", [](Xs x) { return where(x[0] > 0, x[0], x[0] * 0.3); }},
        {"torch.where(a <= 0.5, a, torch.sin(a))", [](Xs x) { return where(x[0] <= 0.5, x[0], sin(x[0])); }},
        {"F.silu(a)", [](Xs x) { return silu(x[0]); }},
        {"F.gelu(a)", [](Xs x) { return gelu(x[0]); }},
        {"F.gelu(a, approximate='tanh')", [](Xs x) { return gelu(x[0], "tanh"); }},
        {"F.elu(a, 0.7)", [](Xs x) { return elu(x[0], 0.7); }},
        {"F.softplus(a)", [](Xs x) { return softplus(x[0]); }},
        {"F.dropout(a, 0.5, False)", [](Xs x) { return dropout(x[0], 0.5); }},
        {"a * torch.rsqrt(torch.mean(a**2, dim=1, keepdim=True) + 1e-8)",
         [](Xs x) { return x[0] * rsqrt(mean(pow(x[0], 2), 1, true) + 1e-8); }},
        {"a * torch.rsqrt(torch.mean(a**2, dim=0, keepdim=True) + 1e-8)",
         [](Xs x) { return x[0] * rsqrt(mean(pow(x[0], 2), 0, true) + 1e-8); }},
        {"a * 2 * torch.sigmoid(a + 1) - a.abs() * 3",
         [](Xs x) { return x[0] * 2 * sigmoid(x[0] + 1) - abs(x[0]) * 3; }},
        {"torch.maximum(a, b)", [](Xs x) { return maximum(x[0], x[1]); }},
        {"torch.minimum(a, b)", [](Xs x) { return minimum(x[0], x[1]); }},
        {"(a.abs() + 0.1) ** b", [](Xs x) { return pow(abs(x[0]) + 0.1, x[1]); }},
        {"(a > b).float()", [](Xs x) { return x[0] > x[1]; }},
        {"(a >= b).float()", [](Xs x) { return x[0] >= x[1]; }},
        {"(a < b).float()", [](Xs x) { return x[0] < x[1]; }},
        {"(a <= b).float()", [](Xs x) { return x[0] <= x[1]; }},
        {"(a == a * 1).float() + (a != b).float() + (b == b).float()",
         [](Xs x) { return eq(x[0], x[0] * 1) + ne(x[0], x[1]) + eq(x[1], x[1]); }},
        {"torch.where(a > b, a, b)", [](Xs x) { return where(x[0] > x[1], x[0], x[1]); }},
        {"a * torch.tanh(b + a * b) / (1 + b * b)",
         [](Xs x) { return x[0] * tanh(x[1] + x[0] * x[1]) / (1 + x[1] * x[1]); }},
        {"torch.where(a > 0, b, c)", [](Xs x) { return where(x[0] > 0, x[1], x[2]); }},
        {"a.mean()", [](Xs x) { return mean(x[0]); }},
        {"a.sum(0)", [](Xs x) { return sum(x[0], 0); }},
        {"a.mean(-1, True)", [](Xs x) { return mean(x[0], -1, true); }},
        {"a.amax(0, True)", [](Xs x) { return amax(x[0], 0, true); }},
        {"a.std(-1)", [](Xs x) { return upconv::std(x[0], -1); }},
        {"a.var()", [](Xs x) { return var(x[0]); }},
        {"(a * b).sum(1)", [](Xs x) { return sum(x[0] * x[1], 1); }},
        {"F.normalize(a)", [](Xs x) { return normalize(x[0]); }},
        {"F.normalize(a, 3, -1)", [](Xs x) { return normalize(x[0], 3, -1); }},
        {"F.glu(a, 1)", [](Xs x) { return glu(x[0], 1); }},
        {"F.glu(a)", [](Xs x) { return glu(x[0]); }},
        {"F.softmax(a, 1)", [](Xs x) { return softmax(x[0], 1); }},
        {"F.softmax(a, -1)", [](Xs x) { return softmax(x[0], -1); }},
        {"F.prelu(a, b)", [](Xs x) { return prelu(x[0], x[1]); }},
        {"a.squeeze(2)", [](Xs x) { return squeeze(x[0], 2); }},
        {"a.squeeze(1)", [](Xs x) { return squeeze(x[0], 1); }},
        {"a.squeeze()", [](Xs x) { return squeeze(x[0]); }},
        {"a.unsqueeze(1)", [](Xs x) { return unsqueeze(x[0], 1); }},
        {"a.unsqueeze(-1)", [](Xs x) { return unsqueeze(x[0], -1); }},
        {"a.expand(2, 5, 3, 6)",
         [](Xs x) {
           return expand(x[0], {2, 5, 3, 6});
         }},
        {"a.expand(4, -1, -1, 7, -1)",
         [](Xs x) {
           return expand(x[0], {4, -1, -1, 7, -1});
         }},
        {"a.repeat(1, 2, 3, 1)",
         [](Xs x) {
           return repeat(x[0], {1, 2, 3, 1});
         }},
        {"a.repeat(2, 1, 1, 1, 2)",
         [](Xs x) {
           return repeat(x[0], {2, 1, 1, 1, 2});
         }},
        {"torch.stack([a, a * 2], 0)",
         [](Xs x) {
           return stack({x[0], x[0] * 2}, 0);
         }},
        {"torch.stack([a, a * 2], -1)",
         [](Xs x) {
           return stack({x[0], x[0] * 2}, -1);
         }},
        {"torch.stack([a, a * 2], 2)",
         [](Xs x) {
           return stack({x[0], x[0] * 2}, 2);
         }},
        {"a.split(2, 1)[2]", [](Xs x) { return split(x[0], 2, 1)[2]; }},
        {"a.split(3, 3)[0]", [](Xs x) { return split(x[0], 3, 3)[0]; }},
        {"a.split([1, 3, 1], 1)[1]",
         [](Xs x) {
           return split(x[0], {1, 3, 1}, 1)[1];
         }},
        {"a.select(1, 2)", [](Xs x) { return select(x[0], 1, 2); }},
        {"a.select(0, -1)", [](Xs x) { return select(x[0], 0, -1); }},
        {"a[:, :, :, 4]", [](Xs x) { return select(x[0], -1, 4); }},
        {"a.flip(3)", [](Xs x) { return flip(x[0], {3}); }},
        {"a.flip(1)", [](Xs x) { return flip(x[0], {1}); }},
        {"a.flip([0, 2])",
         [](Xs x) {
           return flip(x[0], {0, 2});
         }},
        {"a.flip([1, 2, 3])",
         [](Xs x) {
           return flip(x[0], {1, 2, -1});
         }},
        {"F.pad(a, (1, 2, 3, 4))",
         [](Xs x) {
           return pad(x[0], {1, 2, 3, 4});
         }},
        {"F.pad(a, (1, 2, 3, 4), value=0.5)",
         [](Xs x) {
           return pad(x[0], {1, 2, 3, 4}, "constant", 0.5);
         }},
        {"F.pad(a, (1, 2, 0, 3, 2, 1), value=0.5)",
         [](Xs x) {
           return pad(x[0], {1, 2, 0, 3, 2, 1}, "constant", 0.5);
         }},
        {"F.pad(a.view(2, 5, 7, 1, 6, 1), (0, 1, 0, 0, 0, 1)).view(2, 5, 14, 12)",
         [](Xs x) {
           return view(pad(view(x[0], {2, 5, 7, 1, 6, 1}), {0, 1, 0, 0, 0, 1}), {2, 5, 14, 12});
         }},
        {"F.pad(a, (1, 2, 3, 4), mode='reflect')",
         [](Xs x) {
           return pad(x[0], {1, 2, 3, 4}, "reflect");
         }},
        {"F.pad(a, (1, 2, 3, 4), mode='replicate')",
         [](Xs x) {
           return pad(x[0], {1, 2, 3, 4}, "replicate");
         }},
        {"F.max_pool2d(a, 3, 2, 1)", [](Xs x) { return max_pool2d(x[0], 3, {.stride = 2, .padding = 1}); }},
        {"F.avg_pool2d(a, 2)", [](Xs x) { return avg_pool2d(x[0], 2); }},
        {"F.adaptive_avg_pool2d(a, 1)", [](Xs x) { return adaptive_avg_pool2d(x[0], 1); }},
        {"F.instance_norm(a)", [](Xs x) { return instance_norm(x[0]); }},
        {"F.group_norm(a, 5)", [](Xs x) { return group_norm(x[0], 5); }},
        {"F.layer_norm(a, (7, 6))",
         [](Xs x) {
           return layer_norm(x[0], {7, 6});
         }},
        {"F.pixel_shuffle(a, 2)", [](Xs x) { return pixel_shuffle(x[0], 2); }},
        {"F.pixel_unshuffle(a, 2)", [](Xs x) { return pixel_unshuffle(x[0], 2); }},
        {"F.pixel_unshuffle(a, 3)", [](Xs x) { return pixel_unshuffle(x[0], 3); }},
        {"F.instance_norm(a, weight=b, bias=c)", [](Xs x) { return instance_norm(x[0], x[1], x[2]); }},
        {"F.batch_norm(a, b, 1 + c * c)", [](Xs x) { return batch_norm(x[0], x[1], 1 + x[2] * x[2]); }},
        {"F.group_norm(a, 1, b, c)", [](Xs x) { return group_norm(x[0], 1, x[1], x[2]); }},
        {"F.layer_norm(a, (6,), b, c)", [](Xs x) { return layer_norm(x[0], {6}, x[1], x[2]); }},
        {"F.conv2d(a, b)", [](Xs x) { return conv2d(x[0], x[1]); }},
        {"F.conv2d(a, b, c, stride=2, padding=1)",
         [](Xs x) { return conv2d(x[0], x[1], x[2], {.stride = 2, .padding = 1}); }},
        {"F.conv2d(a, b, padding='same', dilation=2)",
         [](Xs x) { return conv2d(x[0], x[1], {}, {.padding = "same", .dilation = 2}); }},
        {"F.conv2d(a, b, padding=1, groups=5)",
         [](Xs x) { return conv2d(x[0], x[1], {}, {.padding = 1, .groups = 5}); }},
        {"F.conv_transpose2d(a, b, c, stride=2, padding=1)",
         [](Xs x) { return conv_transpose2d(x[0], x[1], x[2], {.stride = 2, .padding = 1}); }},
        {"F.conv_transpose2d(a, b, groups=5)", [](Xs x) { return conv_transpose2d(x[0], x[1], {}, {.groups = 5}); }},
        {"F.linear(a, b)", [](Xs x) { return linear(x[0], x[1]); }},
        {"F.linear(a, b, c)", [](Xs x) { return linear(x[0], x[1], x[2]); }},
        {"F.scaled_dot_product_attention(a, b, c)",
         [](Xs x) { return scaled_dot_product_attention(x[0], x[1], x[2]); }},
        {"F.scaled_dot_product_attention(a, b, c, scale=0.3)",
         [](Xs x) { return scaled_dot_product_attention(x[0], x[1], x[2], {}, 0.3); }},
        {"F.conv2d(a * b, c, padding=1)", [](Xs x) { return conv2d(x[0] * x[1], x[2], {}, {.padding = 1}); }},
        {"F.instance_norm(a) * (1 + b) + c", [](Xs x) { return instance_norm(x[0]) * (1 + x[1]) + x[2]; }},
    };
    add_reductions(all);
    return all;
  }();
  return all;
}

/// Inputs 1 and up as constants, which the compiler computes with.
Function with_constants(const Function& function, const std::vector<Tensor>& xs) {
  return [=](Xs first) {
    Values all = {first[0]};
    for (size_t i = 1; i < xs.size(); ++i) all.push_back(constant(xs[i]));
    return function(all);
  };
}

void check_case(const nlohmann::json& about, const Tensor& expected) {
  const auto text = about["function"].get<std::string>();
  CAPTURE(text);
  const Function function = functions().at(text);
  Random random(about["seed"].get<uint64_t>());
  std::vector<Tensor> xs;
  for (const auto& shape : about["inputs"]) xs.push_back(random.randn(shape.get<Shape>()));
  const double error = about["error"].get<double>();
  const auto bound = [&](int64_t i) {
    return 4 * error + 4 * std::numeric_limits<float>::epsilon() * (std::abs(expected.data()[i]) + 0.1);
  };
  for (Isa isa : available_isas())
    for (bool inside : {false, true}) {
      CAPTURE(name(isa));
      CAPTURE(inside);
      check_close(compile(Sandwich(function, inside), types_of(xs), {.isa = isa})(xs)[0], expected, bound);
      if (xs.size() == 1) continue;
      const Sandwich known(with_constants(function, xs), inside);
      check_close(compile(known, types_of({xs[0]}), {.isa = isa})(std::span(xs).first(1))[0], expected, bound);
    }
}

}  // namespace

TEST_CASE("golden: functions of values are PyTorch's, in either layout, of inputs and of constants") {
  CHECK(each_golden("functions.safetensors", check_case) > 300);
}
