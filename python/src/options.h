#pragma once
// Options as keywords: options("tune", ...) is what every function that compiles takes.
#include <upconv/upconv.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace upconv::python {

/// Throws nb::value_error, listing the words, where one is none of those that there are, and Error where `choices` is
/// no file of them.
Options options_of(const std::string& tune, const std::string& accuracy, const std::string& algorithm, int threads,
                   const std::optional<std::string>& isa, double tuning_seconds,
                   const std::optional<std::filesystem::path>& choices, const std::string& precision = "float32",
                   const std::vector<std::string>& float32 = {}, bool round_inputs = false);

}  // namespace upconv::python
