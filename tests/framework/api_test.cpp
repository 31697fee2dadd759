// Networks as a newcomer writes them: nothing is silently wrong, and every honest mistake has its own words.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

const Tensor ones({1, 1, 1, 2}, std::vector<float>{1, 1});

Tensor of(float value) { return Tensor({1, 1, 1, 2}, std::vector<float>{value, value}); }

std::vector<std::string> keys(const AnyModule& module) {
  std::vector<std::string> all;
  for (const auto& [name, stored] : module.state_dict()) all.push_back(name);
  return all;
}

/// But for changes of layout at the borders.
std::string operations(const AnyModule& net, const Shape& input) {
  std::string all;
  for (const StepInfo& step : compile(net, input).steps())
    if (step.operation != "Relayout") all += (all.empty() ? "" : " ") + step.operation;
  return all;
}

struct Scale : Module {
  double k = 2;
  Value forward(Value x) const override { return x * k; }
  std::string extra_repr() const override { return std::to_string(static_cast<int>(k)); }
};

struct Pair2 : ModuleOf<std::tuple<Value, Value>(Value, Value)> {
  std::tuple<Value, Value> forward(Value a, Value b) const override { return {a + b, a - b}; }
};

}  // namespace

TEST_CASE("api: members that forward() reads count as they are, in the module and in each copy") {
  Scale a;
  CHECK(same_bits(a(ones), of(2)));
  Scale b = a;
  b.k = 10;
  CHECK(same_bits(b(ones), of(10)));
  CHECK(same_bits(a(ones), of(2)));
  a.k = 3;
  CHECK(same_bits(a(ones), of(3)));
  CHECK(same_bits(b(ones), of(10)));
}

TEST_CASE("api: what child() returns is the child, so what prints is what computes") {
  struct Net : Module {
    Scale& scale = child("scale", Scale());
    Value forward(Value x) const override { return scale(x); }
  };
  Net net;
  CHECK(same_bits(net(ones), of(2)));
  net.scale.k = 10;
  CHECK(net.str() == "Net(\n  (scale): Scale(10)\n)");
  CHECK(same_bits(net(ones), of(10)));
  const Net copy = net;
  net.scale.k = 4;
  CHECK(copy.str() == net.str());
  CHECK(same_bits(copy(ones), of(4)));

  struct ByValue : Module {
    Scale scale = child("scale", Scale());
    Value forward(Value x) const override { return scale(x); }
  };
  ByValue by_value;
  CHECK(same_bits(by_value(ones), of(2)));
  by_value.scale.k = 10;
  CHECK(error_of([&] { by_value(ones); }) ==
        "scale: forward() calls a copy of this child that was changed: the child is Scale(2), the copy Scale(10): hold "
        "what child() returns by reference");
}

TEST_CASE("api: a child that stands in three places has three names, as in PyTorch's file") {
  struct Net : Module {
    std::shared_ptr<PReLU> shared = std::make_shared<PReLU>();
    PReLU& act = child("act", shared);
    Sequential& s = child("s", Sequential().append(Identity()).append(shared).append(Identity()).append(shared));
    Value forward(Value x) const override { return s(act(x)); }
  };
  Net net;
  CHECK(keys(net) == std::vector<std::string>{"act.weight", "s.1.weight", "s.3.weight"});
  CHECK(net.named_parameters().size() == 1);
  const auto file = [](float a, float b, float c) {
    StateDict all;
    all.add("act.weight", Stored::of(Tensor({1}, std::vector<float>{a})));
    all.add("s.1.weight", Stored::of(Tensor({1}, std::vector<float>{b})));
    all.add("s.3.weight", Stored::of(Tensor({1}, std::vector<float>{c})));
    return all;
  };
  net.load_state_dict(file(0.5, 0.5, 0.5));
  CHECK(same_bits(net(of(-1)), of(-0.125)));
  CHECK(error_of([&] { net.load_state_dict(file(0.1f, 0.1f, 0.3f)); }) ==
        "the weights do not fit Net:\n  different: act.weight and s.3.weight, which are one parameter");
  CHECK(same_bits(net(of(-1)), of(-0.125)));
  CHECK(net.parameter("s.3.weight").identity() == net.act.weight.identity());
}

TEST_CASE("api: a parameter in two places has two names") {
  struct Tied : Module {
    Embedding& embedding = child("embedding", Embedding(3, 2));
    Parameter decoder = add_parameter("decoder", embedding.weight);
    Value forward(Value x) const override { return linear(x, decoder); }
  };
  Tied net;
  CHECK(keys(net) == std::vector<std::string>{"decoder", "embedding.weight"});
  CHECK(net.named_parameters().size() == 1);
  StateDict weights;
  for (const char* name : {"decoder", "embedding.weight"})
    weights.add(name, Stored::of(Tensor({3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6})));
  net.load_state_dict(weights);
  CHECK(same_bits(net(Tensor({1, 2}, std::vector<float>{1, 10})), Tensor({1, 3}, std::vector<float>{21, 43, 65})));
}

TEST_CASE("api: parameters and buffers are values, folded where a number would be, and seen by the next call") {
  struct Net : Module {
    Conv2d& conv = child("conv", Conv2d(2, 3, 1));
    Parameter gamma = add_parameter("gamma", Parameter(Tensor({1}, std::vector<float>{2})));
    Parameter scale = add_parameter("scale", Parameter(Tensor({1, 3, 1, 1}, std::vector<float>{1, 2, 3})));
    Parameter mean = add_buffer("mean", Parameter(Tensor({3, 1, 1}, std::vector<float>{4, 5, 6})));
    Value forward(Value x) const override { return gamma * conv(x) * scale - mean; }
  };
  Net net;
  Random random(0);
  const Tensor x = random.randn({2, 2, 4, 5});
  const Tensor plain = net.conv(x);
  const auto check = [&](float gamma) {
    const Tensor got = net(x);
    for (int64_t i = 0; i < got.numel(); ++i) {
      const auto c = static_cast<float>(i / 20 % 3);
      CHECK(got.data()[i] == doctest::Approx(gamma * plain.data()[i] * (c + 1) - (c + 4)).epsilon(1e-5));
    }
  };
  check(2);
  net.gamma.set(Tensor({1}, std::vector<float>{-3}));
  check(-3);
  CHECK(operations(net, x.shape()) == "Conv2d");
  CHECK(keys(net) == std::vector<std::string>{"gamma", "scale", "mean", "conv.weight", "conv.bias"});
}

TEST_CASE("api: a learned constant is an input like any other, in any layout, and an output") {
  struct Net : ModuleOf<std::tuple<Value, Value>(Value)> {
    Parameter constant =
        add_parameter("const", Parameter(Tensor({1, 2, 2, 2}, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8})));
    ConvTranspose2d& conv = child("conv", ConvTranspose2d(2, 3, 2, {.bias = false}));
    std::tuple<Value, Value> forward(Value x) const override { return {conv(constant * 2) + x, constant}; }
  };
  const Net net;
  const auto [sum, same] = net(Tensor({1, 3, 3, 3}));
  CHECK(same_bits(same, net.constant.value()));
  CHECK(same_bits(sum, net.conv(Tensor({1, 2, 2, 2}, std::vector<float>{2, 4, 6, 8, 10, 12, 14, 16}))));
}

TEST_CASE("api: forward() of several arguments, a tuple of results, and the form of vectors") {
  const Pair2 net;
  const auto [sum, difference] = net(of(5), of(2));
  CHECK(same_bits(sum, of(7)));
  CHECK(same_bits(difference, of(3)));
  CHECK(same_bits(net(std::vector<Tensor>{of(5), of(2)})[1], of(3)));
  CHECK(error_of([&] { net(std::vector<Tensor>{of(5)}); }) == "Pair2: forward takes 2 values, got 1");
  CHECK(error_of([&] { net(std::vector<Tensor>{of(5), of(5), of(5)}); }) == "Pair2: forward takes 2 values, got 3");
  CHECK(error_of([&] { net(std::vector<Tensor>{}); }) == "Pair2: forward takes 2 values, got 0");

  struct Outer : ModuleOf<Value(Value, int64_t)> {
    Pair2& inner = child("inner", Pair2());
    Value forward(Value x, int64_t times) const override {
      for (int64_t i = 0; i < times; ++i) x = std::get<0>(inner(x, x));
      return x;
    }
  };
  const Outer outer;
  CHECK(same_bits(outer(of(1), 3), of(8)));
  CHECK(same_bits(outer(of(1), 1), of(2)));

  struct Nothing : ModuleOf<Value()> {
    Parameter constant = add_parameter("constant", Parameter(of(3)));
    Value forward() const override { return constant * 2; }
  };
  CHECK(same_bits(Nothing()(std::vector<Tensor>{})[0], of(6)));
  struct Uses : Module {
    Nothing& nothing = child("nothing", Nothing());
    Value forward(Value x) const override { return x + nothing(); }
  };
  CHECK(same_bits(Uses()(of(1)), of(7)));

  // A forward() of another signature, or without const, leaves the class abstract.
  struct NotConst : Module {
    Value forward(Value x) { return x; }
  };
  struct Other : Module {
    Value forward(Value x, Value) const { return x; }
  };
  static_assert(std::is_abstract_v<NotConst> && std::is_abstract_v<Other> && std::is_abstract_v<Module>);
}

TEST_CASE("api: ModuleList and ModuleDict are typed, named and printed as PyTorch's") {
  struct Net : Module {
    ModuleList<Linear>& blocks = child("blocks", ModuleList<Linear>{Linear(2, 2), Linear(2, 2), Linear(2, 3)});
    ModuleDict<AnyModule>& acts = child("acts", ModuleDict<AnyModule>());
    Net() {
      acts.add("relu", ReLU());
      acts.add("prelu", PReLU());
    }
    Value forward(Value x) const override {
      for (const Linear& block : blocks) x = acts["relu"](block(x));
      return x;
    }
  };
  const Net net;
  CHECK(net.str() ==
        "Net(\n"
        "  (blocks): ModuleList(\n"
        "    (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)\n"
        "    (2): Linear(in_features=2, out_features=3, bias=True)\n"
        "  )\n"
        "  (acts): ModuleDict(\n"
        "    (relu): ReLU()\n"
        "    (prelu): PReLU(num_parameters=1)\n"
        "  )\n"
        ")");
  CHECK(ModuleList<ReLU>().str() == "ModuleList()");
  CHECK(keys(net) == std::vector<std::string>{"blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias",
                                              "blocks.2.weight", "blocks.2.bias", "acts.prelu.weight"});
  CHECK(net(Tensor({4, 2})).shape() == Shape{4, 3});
  CHECK(net.blocks.size() == 3);
  CHECK(net.blocks[-1].out_features == 3);
  CHECK(&*std::next(net.blocks.begin(), 2) == &net.blocks[2]);
  CHECK(error_of([&] { static_cast<void>(net.blocks[3]); }) == "ModuleList: no child 3 among 3");
  CHECK(net.acts.contains("relu"));
  CHECK(net.acts.items()[1].first == "prelu");
  CHECK(error_of([&] { static_cast<void>(net.acts["tanh"]); }) ==
        "ModuleDict has no child \"tanh\"; it has relu, prelu");
  CHECK(error_of([&] { net.blocks(Tensor({4, 2})); }) == "ModuleList has no forward() of values");
}

TEST_CASE("api: a Sequential is indexed and sliced") {
  const Sequential net = sequential(Linear(2, 3), ReLU(), Linear(3, 4));
  CHECK(net[1].type_name() == "ReLU");
  CHECK(net.at<Linear>(-1).out_features == 4);
  CHECK(error_of([&] { static_cast<void>(net.at<Linear>(1)); }) ==
        "Sequential: child 1 is ReLU, not what at() was asked for");
  CHECK(error_of([&] { static_cast<void>(net[-4]); }) == "Sequential: no child -4 among 3");
  const Sequential tail = net.slice(1);
  CHECK(tail.size() == 2);
  CHECK(tail.named_children()[0].first == "1");
  CHECK(net.slice(0, -1).size() == 2);
  const Tensor x = Random(0).randn({2, 2});
  CHECK(same_bits(tail(net[0](x)), net(x)));
  CHECK(same_bits(net.slice(0, 0)(x), x));
}

TEST_CASE("api: mistakes have words, and end nothing") {
  struct Moved : Module {
    Scale& scale = child("scale", Scale());
    Value forward(Value x) const override { return scale(x); }
  };
  Moved from;
  const Moved to = std::move(from);
  CHECK(same_bits(to(ones), of(2)));
  CHECK(error_of([&] { from(ones); }) == "Moved: this module was moved from: use the one that it was moved to");
  CHECK(error_of([&] { static_cast<void>(from.str()); }).starts_with("Moved: this module was moved from"));

  struct Keeps : Module {
    mutable Value kept;
    Value forward(Value x) const override {
      const Value before = std::exchange(kept, x);
      return before.shape() == x.shape() ? before + x : x;
    }
  };
  const Keeps keeps;
  CHECK(error_of([&] { keeps(ones); }).starts_with("a Value that belongs to no graph"));
  CHECK(error_of([&] { keeps(ones); }) ==
        "a Value of a forward() that is over: values live no longer, keep what made them");

  struct Stranger : Module {
    Linear linear = Linear(2, 2);
    Value forward(Value x) const override { return linear(x); }
  };
  CHECK(error_of([&] {
          Stranger()(Tensor({1, 2}));
        }) ==
        "forward() calls Linear, whose parameter \"weight\" nobody has set, and which is not a child of Stranger: did "
        "you forget child()?");
  struct Outer : Module {
    Stranger& inner = child("inner", Stranger());
    Value forward(Value x) const override { return inner(x); }
  };
  CHECK(error_of([&] { Outer()(Tensor({1, 2})); }).starts_with("inner: forward() calls Linear"));

  struct Empty : Module {
    Parameter gamma = add_parameter("gamma", Parameter(Shape{3}));
    Parameter lost = Parameter(Shape{2});
    bool uses_lost = false;
    Value forward(Value x) const override { return uses_lost ? x * lost : x * gamma; }
  };
  Empty empty;
  CHECK(error_of([&] {
          empty(Tensor({1, 3}));
        }) == "Empty: the parameter \"gamma\" of shape (3,) has no values: load a file, or set it");
  empty.uses_lost = true;
  CHECK(
      error_of([&] {
        empty(Tensor({1, 2}));
      }) ==
      "Empty: forward() uses a parameter of shape (2,) that has no values and no name in it: did you forget child() or "
      "add_parameter()?");
  CHECK(error_of([&] {
          static_cast<void>(compile(empty, Shape{1, 2}));
        }).starts_with("Empty: forward() uses a parameter"));

  CHECK(error_of([] { static_cast<void>(Value(Parameter(Shape{1}))); }) ==
        "a parameter becomes a value inside forward(), and nowhere else");
  CHECK(error_of([] { static_cast<void>(cat({})); }) == "cat: expected at least one value, got none");
  CHECK(error_of([&] { static_cast<void>(compile(Scale(), Shape{1}, {.threads = -1})); }) ==
        "Options::threads must not be negative, got -1; 0 means all");

  struct Labels : ModuleOf<Value(Value)> {
    Embedding& table = child("table", Embedding(4, 3));
    Value forward(Value x) const override { return table(x); }
  };
  const Labels labels;
  const Tensor good({2}, std::vector<int64_t>{0, 3}), bad({2}, std::vector<int64_t>{0, 4});
  CHECK(labels(good).shape() == Shape{2, 3});
  CHECK(error_of([&] { labels(bad); }) == "table: Embedding expected indices from 0 to 3, got 4 at position 1");
  CHECK(same_bits(labels(good), labels(good)));
  struct Misshapen : Module {
    Parameter weight = add_parameter("weight", Parameter(Tensor({4, 3})));
    bool transposed = false;
    Value forward(Value x) const override { return transposed ? conv_transpose2d(x, weight) : conv2d(x, weight); }
  };
  struct Around : Module {
    Misshapen& inner = child("inner", Misshapen());
    Value forward(Value x) const override { return inner(x); }
  };
  const Around around;
  const Tensor picture({1, 3, 4, 4});
  CHECK(error_of([&] { around(picture); }) ==
        "inner: conv2d expected a weight (out_channels, in_channels / groups, kH, kW), got (4, 3)");
  around.inner.transposed = true;
  CHECK(error_of([&] { around(picture); }) ==
        "inner: conv_transpose2d expected a weight (in_channels, out_channels / groups, kH, kW), got (4, 3)");
  struct Strided : Module {
    Parameter weight = add_parameter("weight", Parameter(Tensor({4, 3, 1, 1})));
    Value forward(Value x) const override { return conv2d(x, weight, {}, {.stride = 0}); }
  };
  CHECK(error_of([&] { sequential(Strided())(picture); }).starts_with("0: Conv2d: stride must"));
  struct Twice : Module {
    Twice() {
      add_parameter("a", Parameter(Shape{1}));
      CHECK(error_of([&] { add_buffer("a", Parameter(Shape{1})); }) == "Twice has a parameter \"a\" already");
      CHECK(error_of([&] { child("a", ReLU()); }) == "Twice has a parameter \"a\" already");
    }
    Value forward(Value x) const override { return x; }
  };
  Twice();
}

TEST_CASE("api: a step that throws ends the run, on whichever thread it is, and the next run is good") {
  static const ElementwiseFunction picky("picky", 1, [](const float* const* x, float* y, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      if (x[0][i] > 1e6f) throw Error("too large");
      y[i] = x[0][i] * 2;
    }
  });
  struct Net : Module {
    Value forward(Value x) const override { return tanh(picky(x)) + x; }
  };
  const Net net;
  Tensor x({1 << 20});
  const Tensor good = net(x);
  for (int64_t at : {int64_t{0}, int64_t{777777}, x.numel() - 1}) {
    Tensor bad = x.clone();
    bad.data()[at] = 1e9f;
    for (int threads : {1, 2}) {
      const Program program = compile(net, x.shape(), {.threads = threads});
      CHECK(error_of([&] { program(bad); }).ends_with("too large"));
      CHECK(same_bits(program(x), good));
    }
  }
}

TEST_CASE("api: chains of element-wise functions are one step") {
  struct PixelNorm : Module {
    Value forward(Value x) const override { return x * rsqrt(mean(x * x, 1, true) + 1e-8); }
  };
  CHECK(operations(PixelNorm(), {2, 16, 8, 8}) == "mean add mul");
  struct Chain : Module {
    Value forward(Value x) const override {
      const Value y = x * 3 + 1;
      return where(y > 0, sin(y) * x, abs(x)) / maximum(y, x);
    }
  };
  CHECK(operations(Chain(), {2, 16, 8, 8}) == "div");
}

TEST_CASE("api: what a style does to a normalised picture is done to its statistics") {
  struct Styled : ModuleOf<Value(Value, Value)> {
    Value forward(Value x, Value style) const override {
      const Values s = chunk(style, 2, 1);
      return leaky_relu(instance_norm(x) * (1 + s[0]) + s[1], 0.2);
    }
  };
  const std::vector<Type> inputs{{{2, 3, 9, 9}}, {{2, 6, 1, 1}}};
  std::vector<std::string> passes;  // over the picture
  for (const StepInfo& step : compile(Styled(), inputs).steps())
    if (step.operation == "InstanceNorm2d") passes.push_back(step.algorithm);
  CHECK(passes == std::vector<std::string>{"moments", "statistics", "modulate", "modulate", "normalise"});
}

TEST_CASE("api: numbers beside infinite and missing elements are themselves, alone and in a chain") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x({4}, std::vector<float>{infinity, -infinity, nan, 2});
  struct Net : Module {
    int which = 0;
    Value forward(Value x) const override {
      switch (which) {
        case 0:
          return x > 0;
        case 1:
          return x <= 1;
        case 2:
          return 4 / x;
        case 3:
          return maximum(4 / x, x > 0) + 1;
        case 4:
          return maximum(constant(Tensor({4}, std::vector<float>{1, 1, 1, 1})), x);
        case 5:
          return minimum(constant(Tensor({4}, std::vector<float>{1, 1, 1, 1})), x);
        case 6:
          return where(x, x * 0 + 7, x);
        case 7:
          return amax(x);
        default:
          return ne(x, x);
      }
    }
  };
  Net net;
  const auto check = [&](const std::vector<float>& expected) {
    for (Isa isa : available_isas()) {
      CAPTURE(upconv::name(isa));
      const Tensor got = compile(net, x.shape(), {.isa = isa})(x);
      for (size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(net.which);
        CAPTURE(i);
        const float g = got.data()[i];
        CHECK((g == expected[i] || (std::isnan(g) && std::isnan(expected[i]))));
      }
    }
    ++net.which;
  };
  check({1, 0, 0, 1});
  check({0, 1, 0, 0});
  check({0, 0, nan, 2});
  check({2, 1, nan, 3});
  check({infinity, 1, nan, 2});
  check({1, -infinity, nan, 1});
  check({nan, nan, nan, 7});
  check({nan});
  check({0, 0, 1, 0});
}

TEST_CASE("api: brace forms that people type") {
  static_cast<void>(Upsample({.size = {64, 48}}));
  static_cast<void>(Upsample({.size = 64}));
  static_cast<void>(Upsample({.scale_factor = {2, 1}}));
  static_cast<void>(Upsample({.scale_factor = 2, .mode = "bilinear"}));
  static_cast<void>(Linear(3, 4, {.bias = false}));
  static_cast<void>(Linear(3, 4, false));
  static_cast<void>(AvgPool2d({2, 3}, {.stride = {2, 1}}));
  static_cast<void>(MaxPool2d(3, {.stride = 2, .padding = {1, 0}}));
  static_cast<void>(Conv2d(3, 4, {3, 1}, {.stride = {2, 1}, .padding = {1, 0}}));
  static_cast<void>(Conv2d(3, 4, 3, {.padding = "same"}));
  static_cast<void>(ConvTranspose2d(3, 4, {4, 2}, {.stride = {2, 1}, .output_padding = 0}));
  CHECK(Upsample({.size = {64, 48}}).extra_repr() == "size=(64, 48), mode='nearest'");
  CHECK(Upsample({.scale_factor = {2, 1}}).extra_repr() == "scale_factor=(2.0, 1.0), mode='nearest'");
  struct Net : Module {
    Value forward(Value x) const override {
      return interpolate(interpolate(x, {.size = {6, 4}}), {.scale_factor = {2, 0.5}});
    }
  };
  CHECK(Net()(Tensor({1, 1, 3, 3})).shape() == Shape{1, 1, 12, 2});
  // What must not compile: a size in the place of a flag, a flag that no layer has.
  static_assert(!std::is_constructible_v<Linear, int64_t>);
  static_assert(!std::is_constructible_v<Upsample>);
  static_assert(!std::is_convertible_v<Tensor, Value>);
}
