#pragma once
// Which pictures are in which shard, and what the shards are called.
#include <cstdint>
#include <string>

namespace upconv::datasets {

/// "fake-{shard:05d}.tar": the names of shards.
class ShardNames {
 public:
  /// Throws Error where the text has no {shard} in it, or something else in braces.
  explicit ShardNames(std::string pattern);
  std::string name(int64_t shard) const;
  const std::string& pattern() const { return pattern_; }

 private:
  std::string pattern_, before_, behind_;
  int width_ = 0;
};

/// Pictures first, first + 1, ...
struct Range {
  int64_t first, count;
};

/// What shard `shard` of `shards` has of `all`: each as many as the others, or one more.
Range part_of(const Range& all, int64_t shard, int64_t shards);

}  // namespace upconv::datasets
