#pragma once
// Whether shards are what their manifest says, and whether a sample of their pictures is painted the same again.
#include <functional>
#include <string>
#include <vector>

#include "datasets/shards.h"

namespace upconv::datasets {

/// What was found.
struct Verified {
  int64_t shards = 0, pictures = 0, painted = 0;
  std::vector<std::string> wrong;  ///< a line for each shard or picture that is not as it should be
};

/// How a sample is painted again. Labels are those that the shards themselves tell, so the second input is never asked.
struct Again {
  Painter& painter;
  Encoding encoding;
  Inputs inputs;
};

/// Compares every shard's size and SHA-256, then the bytes of a sample of its pictures: that part of them, and at least
/// one of each shard. `progress` is told how many shards were done.
Verified verify(const Manifest& manifest, double sample, const Again& again,
                const std::function<void(int64_t shards)>& progress);

}  // namespace upconv::datasets
