// Layers of one dimension: against PyTorch (rows.safetensors, made by rows.py), against those of two dimensions on
// pictures of one row, and what is left of the views between them.
#include <random>

#include "tests/layers/golden_cases.h"
#include "tests/layers/sandwich.h"
#include "tests/reference/reference.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

constexpr double eps = std::numeric_limits<float>::epsilon();

/// The convolution of one dimension that changes nothing.
Conv1d row_identity(int64_t channels) {
  Conv1d layer(channels, channels, 1, {.groups = channels, .bias = false});
  layer.weight.set(Tensor({channels, 1, 1}, std::vector<float>(static_cast<size_t>(channels), 1)));
  return layer;
}

/// What such a module makes of rows; inside, between convolutions, where pictures of rows lie channels-last.
Function of(const std::shared_ptr<Module>& module, bool inside) {
  return [=](const Values& xs) {
    const auto wrapped = [&](Value x) {
      const size_t rank = x.shape().size();
      return inside && rank > 1 && numel(x.shape()) > 0 ? row_identity(x.size(-2))(x) : x;
    };
    return wrapped((*module)(wrapped(xs[0])));
  };
}

/// Positions of a resampling round as numbers of the row's length do; Winograd's sums along rows err up to twice as
/// much as direct ones.
double rounding(const std::string& text, const AnyModule& module, const Tensor& x) {
  const double terms = terms_of(module);
  const double rounds = text.find("Upsampl") != std::string::npos ? tolerance(8, 4.0 * x.size(-1)) : 0;
  return rounds + (terms > 0 ? 2 * tolerance(terms, 8) : 0);
}

void check_case(const nlohmann::json& about, const Tensor& expected) {
  check_printed_case(about, expected, rounding, [](const std::shared_ptr<Module>& module, bool inside) {
    return Sandwich(of(module, inside), false);
  });
}

/// (N, C, L) as pictures of one row.
Tensor as_pictures(const Tensor& x) { return x.reshape({x.size(0), x.size(1), 1, x.size(2)}); }

/// What the steps of a program are, and how they are computed: "Conv2d, direct; ".
std::string described(const AnyModule& net, const Shape& input, const Options& options = {}) {
  std::string all;
  for (const StepInfo& step : compile(net, input, options).steps()) {
    std::string operation = step.operation;
    if (operation.ends_with("1d")) operation.replace(operation.size() - 2, 2, "2d");
    all += operation + ", " + step.algorithm + "; ";
  }
  return all;
}

/// HiFi-GAN's blocks in small, of layers of one dimension or of two: what follows an upsampling is read by its
/// activations and by a sum, and the blocks' mean goes on.
template <class Convolution, class Transposed>
Function blocks(const Transposed& up, const std::vector<Convolution>& convolutions) {
  return [&](const Values& xs) {
    const Value x = up(leaky_relu(xs[0], 0.1));
    std::optional<Value> sum;
    for (size_t i = 0; i + 1 < convolutions.size(); i += 2) {
      const Value y = convolutions[i + 1](leaky_relu(convolutions[i](leaky_relu(x, 0.1)), 0.1)) + x;
      sum = sum ? *sum + y : y;
    }
    return tanh(*sum / 2);
  };
}

}  // namespace

TEST_CASE("rows: layers of one dimension are PyTorch's, in either layout, and print as there") {
  CHECK(each_golden("rows.safetensors", check_case) > 800);
}

TEST_CASE("rows: a chain of them takes the steps of pictures of one row, and gives their bits") {
  const std::pair<const char*, const char*> chains[] = {
      {"Sequential(Conv1d(6, 20, 3, padding=1), LeakyReLU(0.1), Conv1d(20, 20, 7, padding=9, dilation=3), "
       "BatchNorm1d(20), ReLU(), ConvTranspose1d(20, 6, 4, 2, 1), Tanh())",
       "Sequential(Conv2d(6, 20, (1, 3), padding=(0, 1)), LeakyReLU(0.1), Conv2d(20, 20, (1, 7), padding=(0, 9), "
       "dilation=(1, 3)), BatchNorm2d(20), ReLU(), ConvTranspose2d(20, 6, (1, 4), (1, 2), (0, 1)), Tanh())"},
      {"Sequential(ReflectionPad1d(3), Conv1d(6, 20, 7), InstanceNorm1d(20, affine=True), GELU(), MaxPool1d(2), "
       "ZeroPad1d((1, 2)), Conv1d(20, 40, 4), PReLU(40), AvgPool1d(3, 2), Conv1d(40, 3, 1, bias=False))",
       "Sequential(ReflectionPad2d((3, 3, 0, 0)), Conv2d(6, 20, (1, 7)), InstanceNorm2d(20, affine=True), GELU(), "
       "MaxPool2d((1, 2)), ZeroPad2d((1, 2, 0, 0)), Conv2d(20, 40, (1, 4)), PReLU(40), AvgPool2d((1, 3), (1, 2)), "
       "Conv2d(40, 3, 1, bias=False))"},
      {"Sequential(Softsign(), Softshrink(), Conv1d(6, 20, 3, padding='same'), Hardswish(), Softsign(), "
       "Upsample(scale_factor=2), Conv1d(20, 20, 5, padding=2), AdaptiveAvgPool1d(7), CircularPad1d(1), Tanh(), "
       "ConstantPad1d(1, 0.5), Conv1d(20, 7, 3))",
       "Sequential(Softsign(), Softshrink(), Conv2d(6, 20, (1, 3), padding='same'), Hardswish(), Softsign(), "
       "Upsample(scale_factor=(1.0, 2.0)), Conv2d(20, 20, (1, 5), padding=(0, 2)), AdaptiveAvgPool2d((1, 7)), "
       "CircularPad2d((1, 1, 0, 0)), Tanh(), ConstantPad2d((1, 1, 0, 0), 0.5), Conv2d(20, 7, (1, 3)))"},
  };
  for (const auto& [rows, pictures] : chains)
    for (int64_t length : {12, 150}) {
      CAPTURE(std::string(rows));
      const std::shared_ptr<Module> of_rows = parse_module(rows), of_pictures = parse_module(pictures);
      for (const auto& module : {of_rows, of_pictures}) {
        Random random(3);
        randomize(*module, random);
      }
      const Tensor x = Random(4).randn({2, 6, length}), picture = as_pictures(x);
      for (Isa isa : available_isas()) {
        CAPTURE(name(isa));
        CHECK(described(*of_rows, x.shape(), {.isa = isa}) == described(*of_pictures, picture.shape(), {.isa = isa}));
        const Tensor y = compile(*of_rows, x.shape(), {.isa = isa})(x);
        const Tensor expected = compile(*of_pictures, picture.shape(), {.isa = isa})(picture);
        CHECK(same_bits(y, expected.reshape(y.shape())));
      }
    }
}

TEST_CASE("rows: activations that several read, sums and means between them are absorbed as between pictures") {
  ConvTranspose1d up(24, 20, 4, {.stride = 2, .padding = 1});
  ConvTranspose2d up2(24, 20, {1, 4}, {.stride = {1, 2}, .padding = {0, 1}});
  std::vector<Conv1d> rows;
  std::vector<Conv2d> pictures;
  for (int64_t dilation : {1, 1, 3, 1}) {
    rows.emplace_back(20, 20, 3, Conv1dOptions{.padding = dilation, .dilation = dilation});
    pictures.emplace_back(20, 20, Pair(1, 3), Conv2dOptions{.padding = {0, dilation}, .dilation = {1, dilation}});
  }
  Random random(5), again(5);
  randomize(up, random);
  randomize(up2, again);
  for (Conv1d& layer : rows) randomize(layer, random);
  for (Conv2d& layer : pictures) randomize(layer, again);
  const Tensor x = Random(6).randn({1, 24, 40}), picture = as_pictures(x);
  const Sandwich of_rows(blocks(up, rows), false), of_pictures(blocks(up2, pictures), false);
  const Program one = compile(of_rows, types_of({x})), two = compile(of_pictures, types_of({picture}));
  CHECK(one.steps().size() == two.steps().size());
  const Tensor y = one(std::vector{x})[0];
  CHECK(same_bits(y, two(std::vector{picture})[0].reshape(y.shape())));
}

TEST_CASE("rows: numbers for channels and concatenations meet convolutions as those of pictures do") {
  Conv1d first(6, 32, 3, {.padding = 1}), second(38, 5, 3);
  Random random(7);
  randomize(first, random);
  randomize(second, random);
  const Tensor scale = random.randn({32, 1}), x = random.randn({2, 6, 50});
  // A factor and a sum for each channel are folded into the weights; the concatenation is read as its parts.
  const Sandwich net(
      [&](const Values& xs) {
        const Value y = relu(first(xs[0]) * constant(scale) + constant(scale));
        return second(cat({y, xs[0]}, 1));
      },
      false);
  std::vector<std::string> operations;
  for (const StepInfo& step : compile(net, types_of({x})).steps())
    if (step.operation != "Relayout") operations.push_back(step.operation);
  CHECK(operations == std::vector<std::string>{"Conv1d", "Conv1d"});
}

TEST_CASE("rows: functions are what the layers are") {
  using Xs = const Values&;
  const std::pair<const char*, Function> all[] = {
      {"MaxPool1d(3, 2, 1)", [](Xs x) { return max_pool1d(x[0], 3, {.stride = 2, .padding = 1}); }},
      {"AvgPool1d(3, 2, 1)", [](Xs x) { return avg_pool1d(x[0], 3, {.stride = 2, .padding = 1}); }},
      {"AdaptiveAvgPool1d(5)", [](Xs x) { return adaptive_avg_pool1d(x[0], 5); }},
      {"AdaptiveMaxPool1d(5)", [](Xs x) { return adaptive_max_pool1d(x[0], 5); }},
      {"ZeroPad1d((1, 2))",
       [](Xs x) {
         return pad(x[0], {1, 2});
       }},
      {"ConstantPad1d((1, 2), 0.5)",
       [](Xs x) {
         return pad(x[0], {1, 2}, "constant", 0.5);
       }},
      {"ReflectionPad1d((1, 2))",
       [](Xs x) {
         return pad(x[0], {1, 2}, "reflect");
       }},
      {"ReplicationPad1d((1, 2))",
       [](Xs x) {
         return pad(x[0], {1, 2}, "replicate");
       }},
      {"CircularPad1d((1, 2))",
       [](Xs x) {
         return pad(x[0], {1, 2}, "circular");
       }},
      {"InstanceNorm1d(6)", [](Xs x) { return instance_norm(x[0]); }},
      {"Upsample(scale_factor=1.5, mode='linear', align_corners=True)",
       [](Xs x) { return interpolate(x[0], {.scale_factor = 1.5, .mode = "linear", .align_corners = true}); }},
      {"Upsample(11)", [](Xs x) { return interpolate(x[0], {.size = 11}); }},
  };
  const Tensor x = Random(1).randn({2, 6, 9});
  for (const auto& [spec, function] : all) {
    CAPTURE(spec);
    CHECK(same_bits((*parse_module(spec))(x), compile(Sandwich(function, false), types_of({x}))(std::vector{x})[0]));
  }
  // Those whose weights are values: constants are the layer's, inputs are packed by each run.
  Conv1d layer(6, 8, 3, {.stride = 2, .padding = 1, .dilation = 2, .groups = 2});
  ConvTranspose1d transposed(6, 8, 4, {.stride = 3, .padding = 1, .groups = 2});
  Random random(2);
  randomize(layer, random);
  randomize(transposed, random);
  const auto check = [&](const AnyModule& module, const Parameter& weight, const Parameter& bias, auto function) {
    const std::vector<Tensor> xs{x, weight.value(), bias.value()};
    const Tensor expected = compile(module, x.shape())(x);
    const double most = network_tolerance(module, expected, 8);
    const Sandwich known([&](Xs in) { return function(in[0], constant(xs[1]), constant(xs[2])); }, false);
    const Sandwich asked([&](Xs in) { return function(in[0], in[1], in[2]); }, false);
    check_close(compile(known, types_of({x}))(std::vector{x})[0], expected, [&](int64_t) { return most; });
    check_close(compile(asked, types_of(xs))(xs)[0], expected, [&](int64_t) { return most; });
  };
  check(layer, layer.weight, layer.bias, [&](Value a, Value w, Value b) { return conv1d(a, w, b, layer.options); });
  check(transposed, transposed.weight, transposed.bias,
        [&](Value a, Value w, Value b) { return conv_transpose1d(a, w, b, transposed.options); });
}

TEST_CASE("rows: arguments out of range are refused in words of their own") {
  using C = Conv1dOptions;
  using T = ConvTranspose1dOptions;
  CHECK(error_of([] { Conv1d(4, 4, 0); }) == "Conv1d: kernel_size must be positive and at most 1099511627776, got 0");
  CHECK(error_of([] { Conv1d(3, 4, 3, C{.groups = 2}); }) ==
        "Conv1d: in_channels must be divisible by groups, got 3 and 2");
  CHECK(error_of([] { Conv1d(4, 4, 3, C{.padding = -1}); }) ==
        "Conv1d: padding must be at least 0 and at most 1099511627776, got -1");
  CHECK(error_of([] { Conv1d(4, 4, 3, C{.padding = "full"}); }) ==
        "Conv1d: padding must be 'same', 'valid' or a size, got 'full'");
  CHECK(error_of([] { Conv1d(4, 4, 3, C{.padding = ""}); }) ==
        "Conv1d: padding must be 'same', 'valid' or a size, got ''");
  CHECK(error_of([] { Conv1d(4, 4, 3, C{.stride = 2, .padding = "same"}); }) ==
        "Conv1d: padding='same' needs a stride of 1, got 2");
  CHECK(error_of([] { Conv1d(4, 4, 3, C{.padding_mode = "mirror"}); }) ==
        "Conv1d: padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', got 'mirror'");
  CHECK(error_of([] { ConvTranspose1d(4, 4, 3, T{.stride = 0}); }) ==
        "ConvTranspose1d: stride must be positive and at most 1099511627776, got 0");
  CHECK(error_of([] { ConvTranspose1d(4, 4, 3, T{.padding_mode = "reflect"}); }) ==
        "ConvTranspose1d: padding_mode must be 'zeros', the only one there is, got 'reflect'");
  CHECK(error_of([] { MaxPool1d(3, {.padding = 2}); }) ==
        "MaxPool1d: padding must be at most half of kernel_size, got 2 and 3");
  CHECK(error_of([] { MaxPool1d(3, {.return_indices = true}); }) ==
        "MaxPool1d: return_indices must be False, as indices are not computed, got True");
  CHECK(error_of([] { AvgPool1d(0); }) == "AvgPool1d: kernel_size must be positive and at most 2147483648, got 0");
  CHECK(error_of([] { AdaptiveAvgPool1d(-1); }) ==
        "AdaptiveAvgPool1d: output_size must be at least 0 and at most 2147483648, got -1");
}

TEST_CASE("rows: shapes that layers refuse, with the path and in their own rank") {
  const auto refused = [](const auto& layer, const Shape& shape) {
    return error_of([&] { return compile(sequential(Identity(), layer), shape); });
  };
  CHECK(refused(Conv1d(3, 4, 3), {1, 3, 4, 5}) ==
        "1: Conv1d expected a 2-D (C, L) or 3-D (N, C, L) input, got (1, 3, 4, 5)");
  CHECK(refused(Conv1d(3, 4, 3), {2, 5, 7}) == "1: Conv1d expected 3 channels, got 5 in (2, 5, 7)");
  CHECK(refused(Conv1d(3, 4, 3), {2, 3, 0}) == "1: Conv1d expected a length of at least 1, got (2, 3, 0)");
  CHECK(refused(Conv1d(3, 4, 3, {.padding = 1, .dilation = 4}), {3, 5}) ==
        "1: Conv1d the kernel reaches over 9 elements, more than the padded input's 7");
  CHECK(refused(Conv1d(3, 4, 3, {.padding = 5, .padding_mode = "reflect"}), {3, 5}) ==
        "1: Conv1d expected a padding of at most 4 with padding_mode 'reflect', got 5 for a length of 5");
  CHECK(refused(ConvTranspose1d(3, 4, 1, {.padding = 3}), {2, 3, 5}) ==
        "1: ConvTranspose1d the output would be empty: -1 for an input of (2, 3, 5)");
  CHECK(
      refused(ConvTranspose1d(3, 4, 3, {.stride = 2, .output_padding = 2}), {3, 5}) ==
      "1: ConvTranspose1d output_padding must be smaller than stride or dilation, got 2 with stride 2 and dilation 1");
  CHECK(refused(ReflectionPad1d(5), {3, 5}) ==
        "1: ReflectionPad1d expected paddings smaller than the length of 5, got 5 for (1, 3, 5)");
  CHECK(refused(ZeroPad1d({-3, -3}), {2, 3, 5}) ==
        "1: ZeroPad1d expected to crop no more than the length of 5, got paddings (-3, -3) for (2, 3, 5)");
  CHECK(refused(MaxPool1d(7), {2, 3, 5}) == "1: MaxPool1d the output would be empty: 0 for an input of (2, 3, 5)");
  CHECK(refused(AvgPool1d(2), {5}) == "1: AvgPool1d expected a 2-D (C, L) or 3-D (N, C, L) input, got (5,)");
  CHECK(refused(BatchNorm1d(3), {2, 5, 4}) == "1: BatchNorm1d expected 3 channels, got 5 in (2, 5, 4)");
  CHECK(refused(Upsample({.scale_factor = 2, .mode = "linear"}), {1, 3, 4, 5}) ==
        "1: Upsample expected a 3-D input (N, C, L) for mode 'linear', got (1, 3, 4, 5)");
  CHECK(refused(Upsample({.scale_factor = 2, .mode = "bilinear"}), {3, 4, 5}) ==
        "1: Upsample expected a 4-D input (N, C, H, W) for mode 'bilinear', got (3, 4, 5)");
  CHECK(refused(Upsample({.size = {2, 3}}), {3, 4, 5}) ==
        "1: Upsample expected one size or scale_factor for a 3-D input (N, C, L), got two");
}

TEST_CASE("rows: a transposed convolution gives the output_size that is asked for") {
  const ConvTranspose1d layer(2, 3, 4, {.stride = 3, .padding = 1});
  const Tensor x = Random(1).randn({2, 2, 5});
  CHECK(layer(x, {16}).shape() == Shape{2, 3, 16});
  CHECK(layer(x, {2, 3, 14}).shape() == Shape{2, 3, 14});
  CHECK(error_of([&] { return layer(x, {17}); }) ==
        "ConvTranspose1d output_size 17 is out of range: valid are 14 to 16 for an input of (2, 2, 5)");
  CHECK(error_of([&] { return layer(x, {3, 14}); }) == "ConvTranspose1d output_size must have 1 or 3 elements, got 2");
}

TEST_CASE(
    "rows: long ones, which are cut into strips, against the reference, whatever the threads and the neighbours") {
  std::mt19937 engine(22);
  const auto pick = [&](std::initializer_list<int64_t> from) { return std::data(from)[engine() % from.size()]; };
  for (int run = 0; run < 40; ++run) {
    const int64_t groups = pick({1, 1, 1, 2}), IC = groups * pick({1, 7, 16, 33, 64}),
                  OC = groups * pick({1, 5, 32, 40});
    const int64_t kernel = pick({1, 3, 4, 7, 11}), stride = pick({1, 1, 2, 3}), dilation = pick({1, 1, 2, 5});
    const int64_t length = pick({90, 333, 1000, 2500}), N = pick({1, 2});
    Random random(static_cast<uint64_t>(run));
    const Tensor x = random.randn({N, IC, length});
    const auto check = [&](auto layer, auto options, auto reference, double terms) {
      CAPTURE(layer.str());
      CAPTURE(str(x.shape()));
      randomize(layer, random);
      const Tensor weight = layer.weight.value(), bias = layer.bias.value();
      const Shape& w = weight.shape();
      const Sandwich lone([&](const Values& xs) { return layer(xs[0]); }, false);
      const Sandwich inside([&](const Values& xs) { return row_identity(OC)(layer(row_identity(IC)(xs[0]))); }, false);
      const Shape out = compile(lone, types_of({x})).outputs().front().shape;
      const Tensor expected =
          reference(as_pictures(x), weight.reshape({w[0], w[1], 1, w[2]}), bias, options, Pair(1, out[2]));
      const double bound = tolerance(terms, largest(expected), 4);
      for (Isa isa : available_isas()) {
        CAPTURE(name(isa));
        const Options one{.accuracy = Accuracy::exact, .threads = 1, .isa = isa};
        const Options two{.accuracy = Accuracy::exact, .threads = 2, .isa = isa};
        const Tensor y = compile(lone, types_of({x}), one)(std::vector{x})[0];
        check_close(y, expected.reshape(out), [&](int64_t) { return bound; });
        CHECK(same_bits(y, compile(lone, types_of({x}), two)(std::vector{x})[0]));
        const Tensor between = compile(inside, types_of({x}), two)(std::vector{x})[0];
        check_close(between, expected.reshape(out), [&](int64_t) { return bound; });
      }
    };
    const double terms = static_cast<double>(IC / groups * kernel);
    const std::string mode = std::data({"zeros", "zeros", "reflect", "circular"})[engine() % 4];
    const int64_t padding = pick({0, 1, dilation * (kernel - 1) / 2, 20});
    check(Conv1d(IC, OC, kernel, {stride, padding, dilation, groups, true, mode}),
          Conv2dOptions{.stride = {1, stride},
                        .padding = {0, padding},
                        .dilation = {1, dilation},
                        .groups = groups,
                        .padding_mode = mode},
          reference::conv2d, terms);
    const int64_t crop = pick({0, 1, 4});
    check(ConvTranspose1d(IC, OC, kernel, {.stride = stride, .padding = crop, .groups = groups, .dilation = dilation}),
          ConvTranspose2dOptions{
              .stride = {1, stride}, .padding = {0, crop}, .groups = groups, .dilation = {1, dilation}},
          reference::conv_transpose2d, terms);
  }
}
