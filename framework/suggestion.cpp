#include "framework/suggestion.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "framework/fail.h"

namespace upconv::internal {
namespace {

constexpr size_t longest_word = 60;  // bytes; what is longer was never a slip of the fingers

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// How many letters to insert, drop or replace, or neighbours to swap, to come from `a` to `b`, upper case or lower.
size_t edit_distance(std::string_view a, std::string_view b) {
  const auto same = [&](size_t i, size_t j) { return lower(a[i]) == lower(b[j]); };
  std::vector<size_t> before, last(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    std::vector<size_t> row{i + 1};
    for (size_t j = 0; j < b.size(); ++j) {
      size_t least = std::min({last[j] + (same(i, j) ? 0 : 1), row[j] + 1, last[j + 1] + 1});
      if (i > 0 && j > 0 && same(i, j - 1) && same(i - 1, j)) least = std::min(least, before[j - 1] + 1);
      row.push_back(least);
    }
    before = std::exchange(last, std::move(row));
  }
  return last.back();
}

}  // namespace

std::string suggestion(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > longest_word) return "";
  size_t least = 2 + word.size() / 8;  // one slip in a short word, more in a long one
  std::string_view best;
  for (std::string_view candidate : known) {
    if (candidate.size() >= word.size() + least) continue;  // too far, and perhaps as long as a file
    if (const size_t distance = edit_distance(word, candidate); distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best.empty() ? "" : fmt::format("; did you mean {}?", best);
}

}  // namespace upconv::internal
