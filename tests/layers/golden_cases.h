#pragma once
// Files of cases whose metadata says, as JSON, what each is.
#include <nlohmann/json.hpp>

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

}  // namespace upconv::testing
