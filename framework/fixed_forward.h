#pragma once
// Internal: forward() of modules that hold nobody's code, whose programs are found without writing it down.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "parameter.h"

namespace upconv::internal {

/// A forward() that writes the same for inputs of the same types until one of its parameters changes.
class FixedForward {
 public:
  FixedForward() = default;
  virtual ~FixedForward() = default;
  FixedForward(const FixedForward&) = delete;
  FixedForward& operator=(const FixedForward&) = delete;

  /// All that it reads, directly or by what it made of them.
  virtual const std::vector<Parameter>& parameters() const = 0;

  /// The versions that they have now.
  std::vector<uint64_t> versions() const {
    std::vector<uint64_t> all;
    all.reserve(parameters().size());
    for (const Parameter& parameter : parameters()) all.push_back(parameter.version());
    return all;
  }
  /// Whether they have these.
  bool has_versions(const std::vector<uint64_t>& wanted) const {
    return std::equal(parameters().begin(), parameters().end(), wanted.begin(), wanted.end(),
                      [](const Parameter& parameter, uint64_t version) { return parameter.version() == version; });
  }
};

}  // namespace upconv::internal
