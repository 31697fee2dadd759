#pragma once
// What of a program's options changes its pictures, not their last bits alone.
#include <nlohmann/json.hpp>

#include "framework/options.h"

namespace upconv::datasets {

/// Accuracy, precision, and layers that stay in float32, where they are not as in Options{}; {} where all are.
nlohmann::ordered_json asked_of(const Options& options);
/// Asks the same of `options`. Throws Error where one of them has another value than asked_of() gives.
void ask(const nlohmann::ordered_json& asked, Options& options);

}  // namespace upconv::datasets
