#pragma once
// Internal: what a misspelt name was meant to be.
#include <string>
#include <string_view>
#include <vector>

namespace upconv::internal {

/// "; did you mean X?" where one of `known` is close enough to be meant, "" where none is.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace upconv::internal
