// How far each algorithm's results lie from float64's, as a Markdown table over the number of input channels. Weights
// and inputs are normal random numbers; errors are divided by the rms of the outputs.
#include <fmt/ranges.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "tests/reference/reference.h"
#include "tests/reference/tile_model.h"

namespace upconv::benchmarks {
namespace {

std::vector<int64_t> channels = {16, 32, 64, 256, 1024};  // up to the program's argument, if it has one
constexpr int64_t size = 24, out_channels = 16;           // 20,000 outputs and more: their largest error is no accident
constexpr double most = 2.2;                              // times the direct sum's rms that Accuracy::standard allows

struct Kind {
  const char* name;
  Pair kernel;
  ConvTranspose2dOptions options;
};
const Kind kinds[] = {{"k4s2", 4, {.stride = 2, .padding = 1, .bias = false}},
                      {"k3s2", 3, {.stride = 2, .padding = 1, .output_padding = 1, .bias = false}},
                      {"k5s2", 5, {.stride = 2, .padding = 2, .output_padding = 1, .bias = false}},
                      {"k3s1", 3, {.padding = 1, .bias = false}},
                      {"k1x2s1", {1, 2}, {.bias = false}},
                      {"k1x3s1", {1, 3}, {.padding = {0, 1}, .bias = false}},
                      {"k1x4s1", {1, 4}, {.bias = false}},
                      {"k1x5s1", {1, 5}, {.padding = {0, 2}, .bias = false}},
                      {"k1x7s1", {1, 7}, {.padding = {0, 3}, .bias = false}},
                      {"k1x9s1", {1, 9}, {.padding = {0, 4}, .bias = false}},
                      {"k1x11s1", {1, 11}, {.padding = {0, 5}, .bias = false}},
                      {"k5s1", 5, {.padding = 2, .bias = false}}};

/// Of the outputs' rms.
struct Errors {
  double rms = 0, largest = 0;
};

Errors errors_of(const Tensor& got, const std::vector<double>& truth) {
  Errors errors;
  double power = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const double error = std::abs(got.data()[i] - truth[i]);
    errors.rms += error * error;
    errors.largest = std::max(errors.largest, error);
    power += truth[i] * truth[i];
  }
  return {std::sqrt(errors.rms / power), errors.largest / std::sqrt(power / static_cast<double>(truth.size()))};
}

/// One algorithm for one kind of layer, over the channels.
struct Row {
  std::string algorithm;
  std::vector<Accuracy> accuracy;  ///< the strictest that allows it
  std::map<Isa, std::vector<Errors>> errors;

  /// `standard`, or the number of channels from which on it is that.
  std::string accuracies() const {
    const auto first = std::find_if(accuracy.begin(), accuracy.end(), [](Accuracy a) { return a != Accuracy::fast; });
    if (first == accuracy.end()) return "`fast`";
    if (first != accuracy.begin())
      return fmt::format("`fast`, `standard` from {}", channels[static_cast<size_t>(first - accuracy.begin())]);
    return *first == Accuracy::exact ? "`exact`" : "`standard`";
  }
};

/// All algorithms for a layer, each with the strictest accuracy that allows it.
std::vector<std::pair<std::string, Accuracy>> algorithms_of(const ConvTranspose2d& layer, const Tensor& x) {
  std::vector<std::pair<std::string, Accuracy>> found;
  for (Accuracy accuracy : {Accuracy::exact, Accuracy::standard, Accuracy::fast}) {
    const std::vector<StepInfo> steps = compile(layer, x.shape(), {.accuracy = accuracy}).steps();
    for (const Candidate& candidate : steps.back().candidates)
      if (std::none_of(found.begin(), found.end(), [&](const auto& one) { return one.first == candidate.algorithm; }))
        found.emplace_back(candidate.algorithm, accuracy);
  }
  return found;
}

/// All algorithms for a kind of layer, the direct kernel, to which the others are compared, first.
std::vector<Row> measure(const Kind& kind) {
  std::vector<Row> rows;
  for (int64_t in_channels : channels) {
    Random random(0);
    const ConvTranspose2d layer(in_channels, out_channels, kind.kernel, kind.options);
    Parameter(layer.weight).set(random.randn(layer.weight.shape()));
    const Tensor x = random.randn({1, in_channels, size, size});
    const Shape output = compile(layer, x.shape()).outputs()[0].shape;
    const std::vector<double> truth =
        reference::conv_transpose2d_sums(x, layer.weight.value(), kind.options, Pair(output[2], output[3]));
    for (const auto& [algorithm, accuracy] : algorithms_of(layer, x)) {
      auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.algorithm == algorithm; });
      if (row == rows.end()) row = rows.insert(row, Row{algorithm, {}, {}});
      row->accuracy.push_back(accuracy);
      for (Isa isa : available_isas()) {
        const Options options{.accuracy = Accuracy::fast, .algorithm = algorithm, .isa = isa};
        row->errors[isa].push_back(errors_of(compile(layer, x.shape(), options)(x), truth));
      }
    }
  }
  const auto direct = std::find_if(rows.begin(), rows.end(), [](const Row& row) { return row.algorithm == "direct"; });
  std::rotate(rows.begin(), direct, std::next(direct));
  return rows;
}

/// Each cell is the rms, how many times the direct kernel's that is, and the largest, in 1e-7.
void print(const Kind& kind, const Row& row, const Row& direct, Isa isa) {
  fmt::print("| {} {} | {} |", kind.name, row.algorithm, row.accuracies());
  for (size_t i = 0; i < channels.size(); ++i) {
    const Errors &errors = row.errors.at(isa)[i], &others = direct.errors.at(isa)[i];
    fmt::print(" {:.1f} ({:.2f}x), {:.0f} |", errors.rms * 1e7, errors.rms / others.rms, errors.largest * 1e7);
  }
  fmt::print("\n");
}

int run() {
  const reference::LentTileModel model;  // whose bits are the processor's
  const Isa best = available_isas().front();
  fmt::print("| error | accuracy |");
  for (int64_t count : channels) fmt::print(" {} channels |", count);
  fmt::print("\n|---|---|");
  for (size_t i = 0; i < channels.size(); ++i) fmt::print("--:|");
  fmt::print("\n");
  std::map<Isa, double> worst;  // of Accuracy::standard, times the direct kernel's
  for (const Kind& kind : kinds) {
    const std::vector<Row> rows = measure(kind);
    for (const Row& row : rows) {
      print(kind, row, rows.front(), best);
      for (const auto& [isa, errors] : row.errors)
        for (size_t i = 0; i < errors.size(); ++i)
          if (row.accuracy[i] != Accuracy::fast)
            worst[isa] = std::max(worst[isa], errors[i].rms / rows.front().errors.at(isa)[i].rms);
    }
  }
  std::vector<std::string> ratios;
  for (const auto& [isa, ratio] : worst) ratios.push_back(fmt::format("{:.2f}x on {}", ratio, name(isa)));
  fmt::print("\nThe table is {}'s. The greatest rms that `standard` allows itself, of the direct kernel's: {}.\n",
             name(best), fmt::join(ratios, ", "));
  return std::all_of(worst.begin(), worst.end(), [](const auto& one) { return one.second <= most; }) ? 0 : 1;
}

}  // namespace
}  // namespace upconv::benchmarks

int main(int argc, char** argv) {
  using upconv::benchmarks::channels;
  if (argc > 1) std::erase_if(channels, [most = std::stoll(argv[1])](int64_t count) { return count > most; });
  return upconv::benchmarks::run();
}
