#include "options.h"

#include <nanobind/nanobind.h>

#include <array>
#include <utility>

namespace upconv::python {
namespace {

namespace nb = nanobind;

template <class T, size_t count>
T one_of(const char* argument, const std::string& word,
         const std::array<std::pair<std::string_view, T>, count>& words) {
  std::string all;
  for (const auto& [name, value] : words) {
    if (word == name) return value;
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  throw nb::value_error((std::string(argument) + ": expected one of " + all + ", got " + word).c_str());
}

constexpr std::array<std::pair<std::string_view, Tune>, 3> tunes = {
    {{"latency", Tune::latency}, {"throughput", Tune::throughput}, {"measured", Tune::measured}}};
constexpr std::array<std::pair<std::string_view, Accuracy>, 3> accuracies = {
    {{"exact", Accuracy::exact}, {"standard", Accuracy::standard}, {"fast", Accuracy::fast}}};
constexpr std::array<std::pair<std::string_view, Precision>, 2> precisions = {
    {{"float32", Precision::float32}, {"bfloat16", Precision::bfloat16}}};

Isa isa_of(const std::string& word) {
  std::string all;
  for (Isa known : available_isas()) {
    if (word == name(known)) return known;
    all += (all.empty() ? "" : ", ") + std::string(name(known));
  }
  throw nb::value_error(("isa: this machine has " + all + ", got " + word).c_str());
}

}  // namespace

Options options_of(const std::string& tune, const std::string& accuracy, const std::string& algorithm, int threads,
                   const std::optional<std::string>& isa, double tuning_seconds,
                   const std::optional<std::filesystem::path>& choices, const std::string& precision,
                   const std::vector<std::string>& float32, bool round_inputs) {
  Options options{.tune = one_of("tune", tune, tunes),
                  .accuracy = one_of("accuracy", accuracy, accuracies),
                  .precision = one_of("precision", precision, precisions),
                  .float32 = float32,
                  .round_inputs = round_inputs,
                  .algorithm = algorithm,
                  .tuning_seconds = tuning_seconds,
                  .choices = choices ? std::make_shared<const Choices>(Choices::load(*choices)) : nullptr,
                  .threads = threads};
  if (isa) options.isa = isa_of(*isa);
  return options;
}

}  // namespace upconv::python
