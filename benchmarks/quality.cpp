// What bfloat16 does to pictures and to sums, as Markdown: the shipped DCGAN in each precision and accuracy beside
// float64, its layers one by one, and each algorithm's error beside the direct one's.
#include <examples/dcgan.h>
#include <fmt/ranges.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/reference/reference.h"

namespace upconv::benchmarks {
namespace {

constexpr int64_t pictures = 64;

/// x through the network, sums and norms in float64; what lies between two layers is a float, whose rounding is a
/// hundred-thousandth of what is measured here.
Tensor exact_pictures(const examples::Dcgan& net, const Tensor& latents) {
  Tensor x = latents;
  const std::vector<std::string> layers = {"0", "3", "6", "9", "12"}, norms = {"1", "4", "7", "10", ""};
  for (size_t i = 0; i < layers.size(); ++i) {
    const bool first = i == 0;
    const ConvTranspose2dOptions options{.stride = first ? 1 : 2, .padding = first ? 0 : 1, .bias = false};
    const Tensor weight = net.parameter("main." + layers[i] + ".weight").value();
    const int64_t size = first ? 4 : 2 * x.shape()[2];
    x = reference::conv_transpose2d(x, weight, {}, options, size);
    if (norms[i].empty()) break;
    const auto of = [&](const char* name) { return net.parameter("main." + norms[i] + "." + name).value(); };
    x = reference::relu(
        reference::batch_norm2d(x, of("running_mean"), of("running_var"), of("weight"), of("bias"), 1e-5));
  }
  return reference::tanh(x);
}

Image bytes_of(const Tensor& x) { return make_grid(x, {.padding = 0, .value_range = {{-1.0, 1.0}}}); }

/// The columns of a row: PSNR over [-1, 1], the largest difference of a byte, and the share that differs.
std::string compared(const Tensor& got, const Tensor& truth) {
  double squares = 0;
  for (int64_t i = 0; i < got.numel(); ++i)
    squares += std::pow(static_cast<double>(got.data()[i]) - truth.data()[i], 2);
  const double psnr = 10 * std::log10(4 * static_cast<double>(got.numel()) / squares);
  const Image a = bytes_of(got), b = bytes_of(truth);
  int most = 0;
  size_t different = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) {
    const int difference = std::abs(a.rgb[i] - b.rgb[i]);
    most = std::max(most, difference);
    different += difference > 0;
  }
  return fmt::format("{:.1f} dB | {} | {:.1f} %", psnr, most,
                     100 * static_cast<double>(different) / static_cast<double>(a.rgb.size()));
}

/// The algorithms of the rounded layers.
std::string algorithms_of(const Program& program) {
  std::vector<std::string> all;
  for (const StepInfo& step : program.steps())
    if (step.precision == Precision::bfloat16) all.push_back(step.algorithm);
  return fmt::format("{}", fmt::join(all, ", "));
}

void print_pictures(const std::string& folder) {
  examples::Dcgan net;
  net.load(UPCONV_SOURCE "/examples/weights/dcgan.safetensors");
  const Tensor latents = randn({pictures, 100, 1, 1}, 0);
  const Tensor truth = exact_pictures(net, latents);
  fmt::print("| DCGAN | PSNR | largest byte | share of bytes | rounded layers |\n|---|--:|--:|--:|---|\n");
  const auto row = [&](const std::string& what, const Options& options) {
    const Program program = compile(net, latents.shape(), options);
    const Tensor got = program(latents);
    fmt::print("| {} | {} | {} |\n", what, compared(got, truth), algorithms_of(program));
    return got;
  };
  const std::pair<const char*, Accuracy> accuracies[] = {
      {"exact", Accuracy::exact}, {"standard", Accuracy::standard}, {"fast", Accuracy::fast}};
  for (const auto& [name, accuracy] : accuracies) row(fmt::format("float32, `{}`", name), {.accuracy = accuracy});
  Tensor shown;
  for (const auto& [name, accuracy] : accuracies) {
    const Tensor got =
        row(fmt::format("bfloat16, `{}`", name), {.accuracy = accuracy, .precision = Precision::bfloat16});
    if (accuracy == Accuracy::standard) shown = got;
  }
  row("bfloat16, `exact`, first layer too",
      {.accuracy = Accuracy::exact, .precision = Precision::bfloat16, .round_inputs = true});
  const std::vector<std::string> layers = {"main.0", "main.3", "main.6", "main.9"};
  for (const std::string& layer : layers) {
    Options options{.accuracy = Accuracy::exact, .precision = Precision::bfloat16, .round_inputs = true};
    for (const std::string& other : layers)
      if (other != layer) options.float32.push_back(other);
    row(fmt::format("bfloat16, `exact`, {} alone", layer), options);
  }
  if (folder.empty()) return;
  const auto save = [&](const char* name, const Tensor& x) {
    Tensor some({16, 3, 64, 64});
    std::copy_n(x.data(), some.numel(), some.data());
    save_grid(folder + "/" + name, some, {.value_range = {{-1.0, 1.0}}});
  };
  save("dcgan-float64.png", truth);
  save("dcgan-bfloat16.png", shown);
}

struct Kind {
  const char* name;
  Pair kernel;
  ConvTranspose2dOptions options;
};
const Kind kinds[] = {{"k4s2", 4, {.stride = 2, .padding = 1, .bias = false}},
                      {"k3s2", 3, {.stride = 2, .padding = 1, .output_padding = 1, .bias = false}},
                      {"k3s1", 3, {.padding = 1, .bias = false}}};
const std::vector<int64_t> channels = {16, 64, 256};

/// The rms of the errors over that of the outputs, of normal random weights and inputs.
double error_of(const Kind& kind, int64_t in_channels, const std::string& algorithm) {
  Random random(0);
  const ConvTranspose2d layer(in_channels, 16, kind.kernel, kind.options);
  Parameter(layer.weight).set(random.randn(layer.weight.shape()));
  const Tensor x = random.randn({1, in_channels, 24, 24});
  const Program program = compile(
      layer, x.shape(),
      {.accuracy = Accuracy::fast, .precision = Precision::bfloat16, .round_inputs = true, .algorithm = algorithm});
  const Tensor got = program(x);
  const std::vector<double> truth =
      reference::conv_transpose2d_sums(x, layer.weight.value(), kind.options, Pair(got.shape()[2], got.shape()[3]));
  double squares = 0, power = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    squares += std::pow(got.data()[i] - truth[i], 2);
    power += truth[i] * truth[i];
  }
  return std::sqrt(squares / power);
}

void print_errors() {
  fmt::print("\n| error, 1e-3 |");
  for (int64_t count : channels) fmt::print(" {} channels |", count);
  fmt::print("\n|---|--:|--:|--:|\n");
  for (const Kind& kind : kinds)
    for (const char* algorithm :
         {"direct", "winograd F(2,2)", "winograd F(3,2)", "winograd F(2,3)", "winograd F(4,2)", "winograd F(4,3)"}) {
      if (kind.options.stride.h == 1 && std::string(algorithm).ends_with(",2)")) continue;
      fmt::print("| {} {} |", kind.name, algorithm);
      for (int64_t count : channels) {
        const double error = error_of(kind, count, algorithm);
        fmt::print(" {:.2f} ({:.2f}x) |", error * 1e3, error / error_of(kind, count, "direct"));
      }
      fmt::print("\n");
    }
}

}  // namespace
}  // namespace upconv::benchmarks

int main(int argc, char** argv) {
  upconv::benchmarks::print_pictures(argc > 1 ? argv[1] : "");
  upconv::benchmarks::print_errors();
}
