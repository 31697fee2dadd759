#pragma once
// Internal: what LoadOptions make of the names in a file.
#include <string>
#include <vector>

#include "state_dict.h"

namespace upconv::internal {

/// The tensors of `weights` under the names that the options give them, in the same order. `file` stands for the file
/// in messages.
StateDict renamed(StateDict weights, const LoadOptions& options, const std::string& file);

/// For a message about missing names: which option would make them of the names in `weights`, or "" where none would.
std::string naming_advice(const StateDict& weights, const std::vector<std::string>& missing);

}  // namespace upconv::internal
