#pragma once
// The arguments that PyTorch's print of a layer never shows although they change what it computes.
// tests/golden/unprinted.py finds them.
#include <string_view>
#include <vector>

#include "registry.h"

namespace upconv::internal {

/// One of them.
struct Unprinted {
  std::string_view layer, argument;
  std::string_view taken;      ///< what stands for it where no value is given, in Python's words
  std::string_view otherwise;  ///< what it may have been, for a message
  /// Whether another value would give another result for some input, all else being as it is.
  bool (*matters)(const Arguments&);
};

/// All of them, those of a layer in the order of its signature.
const std::vector<Unprinted>& unprinted_arguments();

}  // namespace upconv::internal
