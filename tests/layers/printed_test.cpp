// Layers that prints contain: what golden files cannot say of them.
#include <map>

#include "layers/spec.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

std::string refused(const AnyModule& layer, const Shape& shape) {
  return error_of([&] { return compile(layer, shape); });
}

Tensor ramp(const Shape& shape) {
  Tensor x(shape);
  for (int64_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<float>(i);
  return x;
}

std::vector<float> numbers(const Tensor& x) { return {x.data(), x.data() + x.numel()}; }

/// The operations of the steps of such a module, but for those that change layouts.
std::vector<std::string> steps_of(const std::string& spec, const Shape& shape) {
  std::vector<std::string> names;
  for (const StepInfo& step : compile(*parse_module(spec), shape).steps())
    if (step.operation != "Relayout") names.push_back(step.operation);
  return names;
}

}  // namespace

TEST_CASE("printed: functions are what the layers are") {
  using Xs = const Values&;
  const std::pair<const char*, Function> all[] = {
      {"SELU()", [](Xs x) { return selu(x[0]); }},
      {"CELU(0.5)", [](Xs x) { return celu(x[0], 0.5); }},
      {"RReLU()", [](Xs x) { return rrelu(x[0]); }},
      {"Softsign()", [](Xs x) { return softsign(x[0]); }},
      {"Tanhshrink()", [](Xs x) { return tanhshrink(x[0]); }},
      {"Hardshrink(0.2)", [](Xs x) { return hardshrink(x[0], 0.2); }},
      {"Softshrink(0.2)", [](Xs x) { return softshrink(x[0], 0.2); }},
      {"LogSigmoid()", [](Xs x) { return logsigmoid(x[0]); }},
      {"Threshold(0.1, 2)", [](Xs x) { return threshold(x[0], 0.1, 2); }},
      {"GLU(1)", [](Xs x) { return glu(x[0], 1); }},
      {"Softmin(1)", [](Xs x) { return softmin(x[0], 1); }},
      {"LogSoftmax(1)", [](Xs x) { return log_softmax(x[0], 1); }},
      {"Softmax2d()", [](Xs x) { return softmax(x[0], 1); }},
      {"Dropout2d()", [](Xs x) { return dropout2d(x[0]); }},
      {"PixelUnshuffle(2)", [](Xs x) { return pixel_unshuffle(x[0], 2); }},
      {"ChannelShuffle(2)", [](Xs x) { return channel_shuffle(x[0], 2); }},
      {"CircularPad2d((1, 2, 3, 0))",
       [](Xs x) {
         return pad(x[0], {1, 2, 3, 0}, "circular");
       }},
      {"AdaptiveMaxPool2d((3, None))",
       [](Xs x) {
         return adaptive_max_pool2d(x[0], {3, std::nullopt});
       }},
      {"LPPool2d(2, 3, 1)", [](Xs x) { return lp_pool2d(x[0], 2, 3, 1); }},
      {"Unfold(3, padding=1)", [](Xs x) { return unfold(x[0], 3, {.padding = 1}); }},
      {"Sequential(Unfold(2), Fold((6, 8), 2))",
       [](Xs x) {
         return fold(unfold(x[0], 2), {6, 8}, 2);
       }},
      {"UpsamplingBilinear2d(5)",
       [](Xs x) { return interpolate(x[0], {.size = 5, .mode = "bilinear", .align_corners = true}); }},
      {"RMSNorm(8)", [](Xs x) { return rms_norm(x[0], {8}); }},
      {"RMSNorm(8, 0.5)",
       [](Xs x) { return rms_norm(x[0], {8}, constant(Tensor({8}, std::vector<float>(8, 1))), 0.5); }},
  };
  const Tensor x = Random(1).randn({2, 4, 6, 8});
  for (const auto& [spec, function] : all) {
    CAPTURE(spec);
    CHECK(same_bits((*parse_module(spec))(x), compile(Sandwich(function, false), types_of({x}))(std::vector{x})[0]));
  }
}

TEST_CASE("printed: what layers refuse when they are made") {
  CHECK(error_of([] { CELU(0.0); }) == "CELU: alpha must not be 0, got 0.0");
  CHECK(error_of([] { Softshrink(-1); }) == "Softshrink: lambd must be at least 0, got -1");
  CHECK(error_of([] { RReLU(0.5, 0.25); }) == "RReLU: lower must be at most upper, got 0.5 and 0.25");
  CHECK(error_of([] { FeatureAlphaDropout(2); }) == "FeatureAlphaDropout: p must be between 0 and 1, got 2");
  CHECK(error_of([] { SyncBatchNorm(0); }) == "SyncBatchNorm: num_features must be positive, got 0");
  CHECK(error_of([] { RMSNorm(Shape{}); }) == "RMSNorm: normalized_shape must have at least one size, got ()");
  CHECK(error_of([] { PixelUnshuffle(0); }) ==
        "PixelUnshuffle: downscale_factor must be positive and at most 32768, got 0");
  CHECK(error_of([] { ChannelShuffle(0); }) == "ChannelShuffle: groups must be positive, got 0");
  CHECK(error_of([] { AdaptiveMaxPool2d(2, true); }) ==
        "AdaptiveMaxPool2d: return_indices must be False, as indices are not computed, got True");
  CHECK(error_of([] { LPPool2d(0, 2); }) == "LPPool2d: norm_type must be finite and not 0, got 0");
  CHECK(error_of([] { Unfold(2, {.stride = 0}); }) == "Unfold: stride must be positive and at most 1073741824, got 0");
  CHECK(error_of([] { Fold(0, 2); }) == "Fold: output_size must be positive and at most 1073741824, got 0");
  CHECK(error_of([] { UpsamplingNearest2d(); }) == "UpsamplingNearest2d: expected size or scale_factor, got neither");
}

TEST_CASE("printed: shapes that layers refuse, with the path") {
  CHECK(refused(sequential(ReLU(), BatchNorm1d(3)), {2, 3, 4, 5}) ==
        "1: BatchNorm1d expected a 2-D (N, C) or 3-D (N, C, L) input, got (2, 3, 4, 5)");
  CHECK(refused(BatchNorm1d(3), {2, 4}) == "BatchNorm1d expected 3 channels, got 4 in (2, 4)");
  CHECK(refused(BatchNorm1d(3, {.track_running_stats = false}), {1, 3}) ==
        "BatchNorm1d expected more than 1 value per channel, got (1, 3)");
  CHECK(refused(InstanceNorm1d(3), {3}) == "InstanceNorm1d expected a 2-D (C, L) or 3-D (N, C, L) input, got (3,)");
  CHECK(refused(InstanceNorm1d(3), {2, 3, 1}) == "InstanceNorm1d expected more than 1 spatial element, got (2, 3, 1)");
  CHECK(refused(InstanceNorm1d(3, {.affine = true}), {2, 5, 4}) ==
        "InstanceNorm1d expected 3 channels, got 5 in (2, 5, 4)");
  CHECK(refused(SyncBatchNorm(3), {3}) == "SyncBatchNorm expected at least 2 dimensions (N, C, ...), got (3,)");
  CHECK(refused(RMSNorm(4), {3}) == "RMSNorm expected an input whose last dimensions are (4,), got (3,)");
  CHECK(refused(Softmax2d(), {3, 4}) == "Softmax2d expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got (3, 4)");
  CHECK(refused(LogSoftmax(2), {3, 4}) == "expected dim of LogSoftmax within the 2 dimensions of (3, 4), got 2");
  CHECK(refused(GLU(), {2, 3}) == "glu expected an even size in dimension 1, got (2, 3)");
  CHECK(refused(Dropout1d(), {4}) == "Dropout1d expected a 2-D (C, L) or 3-D (N, C, L) input, got (4,)");
  CHECK(refused(PixelUnshuffle(3), {1, 4, 6}) ==
        "PixelUnshuffle expected a height and width divisible by 3, the downscale_factor, got (1, 4, 6)");
  CHECK(refused(ChannelShuffle(3), {1, 4, 4}) ==
        "ChannelShuffle expected channels divisible by 3, the groups, got 4 in (1, 4, 4)");
  CHECK(refused(CircularPad2d(3), {1, 2, 4}) ==
        "CircularPad2d expected paddings of at most the height of 2, got 3 for (1, 2, 4)");
  CHECK(refused(CircularPad2d({-1, 4, 0, 0}), {1, 2, 4}) ==
        "CircularPad2d expected paddings of at most the width of 3, got 4 for (1, 2, 3)");
  CHECK(refused(LPPool2d(2, 5), {1, 4, 4}) == "AvgPool2d the output would be empty: (0, 0) for an input of (1, 4, 4)");
  CHECK(refused(Unfold(6), {3, 5, 5}) ==
        "Unfold expected room for a window within the padded height and width, got (3, 5, 5)");
  CHECK(refused(Unfold(3), {5, 5}) == "Unfold expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got (5, 5)");
  CHECK(refused(Fold(5, 3), {26, 9}) ==
        "Fold expected rows divisible by 9, the product of kernel_size, got 26 in (26, 9)");
  CHECK(refused(Fold(5, 3), {27, 8}) == "Fold expected 9 columns, the windows of output_size (5, 5), got 8 in (27, 8)");
  CHECK(refused(Fold(2, 5), {25, 1}) == "Fold expected room for a window within the padded output_size (2, 2)");
}

TEST_CASE("printed: batch norms are folded where they follow a layer whose channels are theirs") {
  CHECK(steps_of("Sequential(Linear(7, 12), BatchNorm1d(12), SELU())", {4, 7}) == std::vector<std::string>{"Linear"});
  CHECK(steps_of("Sequential(Linear(7, 12), BatchNorm1d(5))", {3, 5, 7}) ==
        std::vector<std::string>{"Linear", "BatchNorm1d"});
  CHECK(steps_of("Sequential(Linear(7, 5), InstanceNorm1d(5, track_running_stats=True))", {5, 7}) ==
        std::vector<std::string>{"Linear", "InstanceNorm1d"});
  CHECK(steps_of("Sequential(Conv2d(3, 4, 3), SyncBatchNorm(4), Softsign())", {2, 3, 5, 6}) ==
        std::vector<std::string>{"Conv2d"});
}

TEST_CASE("printed: activations are applied where a convolution stores") {
  for (const std::string activation : {"SELU()", "CELU()", "RReLU()", "Softsign()", "Tanhshrink()", "Hardshrink()",
                                       "Softshrink()", "LogSigmoid()", "Threshold(0.1, 2)"})
    CHECK(steps_of("Sequential(ConvTranspose2d(3, 4, 4, 2, 1), " + activation + ")", {2, 3, 5, 6}) ==
          std::vector<std::string>{"ConvTranspose2d"});
  CHECK(steps_of("Sequential(CircularPad2d(1), Conv2d(3, 4, 3), Dropout2d())", {2, 3, 5, 6}) ==
        std::vector<std::string>{"Conv2d"});
}

TEST_CASE("printed: state dictionaries have PyTorch's names") {
  const auto names = [](const AnyModule& module) {
    std::string all;
    for (const auto& [name, parameter] : module.named_parameters()) all += name + " ";
    for (const auto& [name, buffer] : module.named_buffers()) all += name + " ";
    return all;
  };
  CHECK(names(BatchNorm1d(3)) == "weight bias running_mean running_var num_batches_tracked ");
  CHECK(names(SyncBatchNorm(3, {.affine = false})) == "running_mean running_var num_batches_tracked ");
  CHECK(names(InstanceNorm1d(3)) == "");
  CHECK(names(RMSNorm(3)) == "weight ");
  CHECK(names(RMSNorm(3, {}, false)) == "");
}

TEST_CASE("printed: a number that is missing reaches what reads it, and nothing else") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  Tensor x = ramp({1, 2, 6, 6});
  x.data()[0] = nan;  // a corner of the first channel
  const std::map<std::string, int64_t> counts = {
      {"AdaptiveMaxPool2d(3)", 1},
      {"AdaptiveMaxPool2d(4)", 1},
      {"LPPool2d(2, 2)", 1},
      {"CircularPad2d(1)", 4},
      {"PixelUnshuffle(2)", 1},
      {"ChannelShuffle(2)", 1},
      {"Unfold(2)", 1},
      {"Unfold(3, padding=1)", 4},
      {"Softmax2d()", 2},
      {"LogSoftmax(-1)", 6},
      {"SyncBatchNorm(2)", 1},
      {"RMSNorm(6)", 6},
      {"UpsamplingNearest2d(12)", 4},
      {"Sequential(Unfold(2), Fold(6, 2))", 1},
      // 12 of 6: the first five rows and columns lie within two pixels of the corner.
      {"Upsample(12, mode='bicubic')", 25}};
  for (const auto& [spec, count] : counts)
    for (Isa isa : available_isas()) {
      CAPTURE(spec);
      const std::shared_ptr<Module> module = parse_module(spec);
      module->set_options({.isa = isa});
      const std::vector<float> y = numbers((*module)(x));
      CHECK(std::count_if(y.begin(), y.end(), [](float v) { return std::isnan(v); }) == count);
    }
}

TEST_CASE("printed: an inplace activation takes the place of its input for who reads that later") {
  const Tensor x = ramp({2, 3});
  const auto twice = [](const Values& xs) {
    const Value y = xs[0] - 2;
    return y + threshold(y, 1, -7, true);
  };
  CHECK(numbers(compile(Sandwich(twice, false), types_of({x}))(std::vector{x})[0]) ==
        std::vector<float>{-14, -14, -14, -14, 4, 6});
}
