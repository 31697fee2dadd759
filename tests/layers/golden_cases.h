#pragma once
// Files of cases whose metadata says, as JSON, what each is.
#include <nlohmann/json.hpp>

#include "layers/spec.h"
#include "tests/layers/sandwich.h"
#include "tests/support.h"

namespace upconv::testing {

/// Calls check(what its text says, what PyTorch answered) for each case of such a file; how many there are.
template <class Check>
size_t each_golden(const std::string& file, Check check) {
  const StateDict goldens = golden(file);
  for (const auto& [name, text] : goldens.metadata) {
    CAPTURE(name);
    check(nlohmann::json::parse(text), goldens.at(name).to_tensor());
  }
  return goldens.metadata.size();
}

/// Activations of zeros, infinities, NaN and large numbers: "special.TEXT" is what PyTorch's layer of that text
/// answered to "special.input". How many there are.
inline int check_special_values(const std::string& file) {
  const StateDict goldens = golden(file);
  const Tensor x = goldens.at("special.input").to_tensor();
  int count = 0;
  for (const auto& [name, values] : goldens) {
    if (!name.starts_with("special.") || name == "special.input") continue;
    CAPTURE(name);
    const Tensor expected = values.to_tensor();
    for (Isa isa : available_isas()) {
      CAPTURE(upconv::name(isa));
      const std::shared_ptr<Module> module = parse_module(name.substr(8));
      module->set_options({.isa = isa});
      // An exponent of up to 32 costs as many units in the last place; an exponential that is not normal is zero.
      check_close((*module)(x), expected, [&](int64_t i) {
        return tolerance(15, std::abs(expected.data()[i])) + 100 * std::numeric_limits<float>::min();
      });
    }
    ++count;
  }
  return count;
}

/// Checks a case of printed.safetensors and its like: the text in `about` is a module that prints as it does in PyTorch
/// and answers as there on every instruction set, alone and inside, between neighbours that lie channels-last, where
/// `wrapped(module, inside)` is what is compiled. `rounding(text, module, x)` is added to what PyTorch's own float32
/// errs.
template <class Rounding, class Wrapped>
void check_printed_case(const nlohmann::json& about, const Tensor& expected, Rounding rounding, Wrapped wrapped) {
  constexpr double eps = std::numeric_limits<float>::epsilon();
  const std::string text = about["module"], printed = about["printed"];
  CAPTURE(text);
  const std::shared_ptr<Module> module = parse_module(text);
  CHECK(module->str() == printed);
  CHECK(parse_module(printed)->str() == printed);
  Random random(about["seed"].get<uint64_t>());
  const std::vector<Tensor> xs{random.randn(about["input"].get<Shape>())};
  CAPTURE(str(xs[0].shape()));
  randomize(*module, random);
  const double error = about["error"], rounds = rounding(text, *module, xs[0]);
  const auto bound = [&](int64_t i) { return 2 * error + 3 * eps * std::abs(expected.data()[i]) + rounds; };
  for (Isa isa : available_isas())
    for (bool inside : {false, true}) {
      CAPTURE(name(isa));
      CAPTURE(inside);
      check_close(compile(wrapped(module, inside), types_of(xs), {.isa = isa})(xs)[0], expected, bound);
    }
}

}  // namespace upconv::testing
