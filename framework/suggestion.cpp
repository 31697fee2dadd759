#include "framework/suggestion.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "framework/fail.h"

namespace upconv::internal {
namespace {

constexpr size_t longest_word = 60;  // bytes; what is longer was never a slip of the fingers

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// How many letters to insert, drop or replace to come from `a` to `b`, upper case or lower.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

std::string suggestion(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > longest_word) return "";
  size_t least = 2 + word.size() / 4;  // one slip in a short word, more in a long one
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
