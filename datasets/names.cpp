#include "datasets/names.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "framework/fail.h"
#include "framework/weights/bytes.h"

namespace upconv::datasets {

using internal::fail;

namespace {

/// The digits that "05d" asks for, or -1 where it is no such text.
int width_of(std::string_view format) {
  if (!format.ends_with('d')) return -1;
  format.remove_suffix(1);
  if (format.starts_with('0')) format.remove_prefix(1);
  int width = 0;
  const auto [end, error] = std::from_chars(format.data(), format.data() + format.size(), width);
  constexpr int most = 18;
  return error == std::errc{} && end == format.data() + format.size() && width >= 1 && width <= most ? width : -1;
}

}  // namespace

ShardNames::ShardNames(std::string pattern) : pattern_(std::move(pattern)) {
  const size_t open = pattern_.find('{'), close = pattern_.find('}');
  const std::string field = open != pattern_.npos && close != pattern_.npos && open < close
                                ? pattern_.substr(open + 1, close - open - 1)
                                : "";
  if (field.starts_with("shard:"))
    width_ = width_of(std::string_view(field).substr(6));
  else if (field != "shard")
    width_ = -1;
  before_ = pattern_.substr(0, open);
  if (width_ >= 0) behind_ = pattern_.substr(close + 1);
  if (width_ < 0 || behind_.find_first_of("{}") != behind_.npos)
    fail("expected the names of shards, such as fake-{{shard:05d}}.tar, got {}", internal::shown(pattern_));
}

std::string ShardNames::name(int64_t shard) const { return fmt::format("{}{:0{}}{}", before_, shard, width_, behind_); }

Range part_of(const Range& all, int64_t shard, int64_t shards) {
  const int64_t least = all.count / shards, longer = all.count % shards;
  return {all.first + shard * least + std::min(shard, longer), least + (shard < longer ? 1 : 0)};
}

}  // namespace upconv::datasets
