#include "framework/weights/names.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "framework/fail.h"
#include "framework/suggestion.h"
#include "framework/weights/bytes.h"
#include "framework/weights/fold.h"

namespace upconv::internal {
/// After a mismatch only the last star may take
/// more, so the time is at most the product of the lengths.
bool is_match(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0;
  size_t after_star = std::string_view::npos, resumed = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      resumed = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (after_star != std::string_view::npos) {
      p = after_star;
      t = ++resumed;
    } else {
      return false;
    }
  }
  return pattern.substr(p).find_first_not_of('*') == std::string_view::npos;
}

bool is_match_or_below(const std::string& pattern, std::string_view name) {
  return is_match(pattern, name) || is_match(pattern + (pattern.ends_with('.') ? "*" : ".*"), name);
}

namespace {

constexpr size_t max_shown = 8;  // names in a message

/// A tensor on its way to its name.
struct Renaming {
  const StateDict::Entry* entry;
  std::string name;
};

/// Calls `visit` with every run of leading components of `name`, "a" and "a.b" of "a.b.c", up to `depth` of them.
template <class Visit>
void for_each_parent(std::string_view name, size_t depth, Visit visit) {
  for (size_t dot = name.find('.'); dot != name.npos && depth > 0; dot = name.find('.', dot + 1), --depth)
    visit(name.substr(0, dot));
}

/// `name` under the rule {from, to} of LoadOptions::rename; nothing where `from` does not fit.
std::optional<std::string> rewritten(const std::string& name, const std::string& from, const std::string& to) {
  if (from.empty()) return fmt::format("{}{}{}", to, to.empty() || to.ends_with('.') || name.empty() ? "" : ".", name);
  const size_t star = from.find('*');
  if (star != from.npos) {
    const std::string before = from.substr(0, star), after = from.substr(star + 1);
    if (name.size() < before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after)) return {};
    std::string result = to;
    if (const size_t place = to.find('*'); place != to.npos)
      result.replace(place, 1, name, star, name.size() - before.size() - after.size());
    return result;
  }
  if (!name.starts_with(from)) return {};
  const std::string rest = name.substr(from.size());
  if (!rest.empty() && rest[0] != '.' && !from.ends_with('.')) return {};  // the middle of a component
  return to.empty() && rest.starts_with('.') ? rest.substr(1) : to + rest;
}

class Renamer {
 public:
  Renamer(const StateDict& weights, const std::string& file) : file_(file), weights_(weights) {
    for (const StateDict::Entry& entry : weights) tensors_.push_back({&entry, entry.first});
  }

  void select(const std::string& key);
  void strip(const std::string& prefix);
  void rename(const std::vector<std::pair<std::string, std::string>>& rules);
  void ignore(const std::vector<std::string>& patterns);
  StateDict result() const;

 private:
  [[noreturn]] void fits_nothing(std::string_view option, const std::string& value) const;

  const std::string& file_;
  const StateDict& weights_;
  std::vector<Renaming> tensors_;
};

/// An option that fits no name is a slip: says what it may have meant, or else what there is.
void Renamer::fits_nothing(std::string_view option, const std::string& value) const {
  std::set<std::string> known, first;
  const bool is_suffix = value.starts_with('*');
  for (const Renaming& tensor : tensors_) {
    const std::string_view name = tensor.name;
    known.emplace(name);
    if (first.size() <= max_shown) first.insert(printable(name.substr(0, name.find('.'))));
    for_each_parent(name, name.size(), [&](std::string_view parent) {
      known.emplace(parent);
      if (is_suffix) known.insert(fmt::format("*{}", name.substr(parent.size())));
    });
  }
  std::string advice = suggestion(value, {known.begin(), known.end()});
  if (advice.empty() && first.empty()) advice = "; there are no names";
  if (advice.empty()) {
    const std::string more = first.size() > max_shown ? ", ..." : "";
    if (!more.empty()) first.erase(std::prev(first.end()));
    advice = fmt::format("; the names begin with {}{}", fmt::join(first, ", "), more);
  }
  fail("{}: {} \"{}\" fits no name{}", file_, option, value, advice);
}

void Renamer::select(const std::string& key) {
  const std::string prefix = key.ends_with('.') ? key : fmt::format("{}.", key);
  std::vector<Renaming> below;
  for (const Renaming& tensor : tensors_)
    if (tensor.name.starts_with(prefix)) below.push_back({tensor.entry, tensor.name.substr(prefix.size())});
  const bool is_there =
      std::find(weights_.outer_keys.begin(), weights_.outer_keys.end(), key) != weights_.outer_keys.end();
  if (below.empty() && is_there) fail("{}: key \"{}\": expected a dictionary of tensors, got none in it", file_, key);
  if (below.empty()) fits_nothing("key", key);
  tensors_ = std::move(below);
}

void Renamer::strip(const std::string& prefix) {
  bool fits = false;
  for (auto& [entry, name] : tensors_) {
    if (!name.starts_with(prefix)) continue;
    fits = true;
    name.erase(0, prefix.size());
    if (name.starts_with('.')) name.erase(0, 1);
  }
  if (!fits) fits_nothing("strip_prefix", prefix);
}

void Renamer::rename(const std::vector<std::pair<std::string, std::string>>& rules) {
  for (const auto& [from, to] : rules)
    for (const std::string& side : {from, to})
      if (std::count(side.begin(), side.end(), '*') > 1)
        fail("{}: rename \"{}\" to \"{}\": expected at most one * on either side", file_, from, to);
  std::vector<bool> fits(rules.size());
  std::vector<Renaming> before = tensors_;
  for (Renaming& tensor : tensors_)
    for (size_t i = 0; i < rules.size(); ++i)
      if (auto name = rewritten(tensor.name, rules[i].first, rules[i].second)) {
        fits[i] = true;
        tensor.name = std::move(*name);
        break;
      }
  const auto idle = std::find(fits.begin(), fits.end(), false);
  if (idle == fits.end()) return;
  tensors_ = std::move(before);
  fits_nothing("rename", rules[static_cast<size_t>(idle - fits.begin())].first);
}

void Renamer::ignore(const std::vector<std::string>& patterns) {
  std::vector<bool> ignored(tensors_.size());
  for (const std::string& pattern : patterns) {
    bool fits = false;
    for (size_t i = 0; i < tensors_.size(); ++i)
      if (is_match_or_below(pattern, tensors_[i].name)) ignored[i] = fits = true;
    if (!fits) fits_nothing("ignore", pattern);
  }
  std::vector<Renaming> kept;
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (!ignored[i]) kept.push_back(std::move(tensors_[i]));
  tensors_ = std::move(kept);
}

StateDict Renamer::result() const {
  StateDict weights;
  std::map<std::string_view, std::string_view> from;
  for (const auto& [entry, name] : tensors_) {
    const auto [other, is_new] = from.try_emplace(name, entry->first);
    if (!is_new)
      fail("{}: {} and {} would both become {}", file_, shown(other->second), shown(entry->first), shown(name));
    weights_.is_alias(entry->first) ? weights.add_alias(name, entry->second) : weights.add(name, entry->second);
  }
  return weights;
}

/// Whether a module that asks for `key` finds it.
bool has(const StateDict& weights, const std::string& key) {
  return weights.find(key) != nullptr || find_factors(weights, key).has_value();
}

}  // namespace

StateDict renamed(StateDict weights, const LoadOptions& options, const std::string& file) {
  if (options.key.empty() && options.strip_prefix.empty() && options.rename.empty() && options.ignore.empty())
    return weights;
  Renamer renamer(weights, file);
  if (!options.key.empty()) renamer.select(options.key);
  if (!options.strip_prefix.empty()) renamer.strip(options.strip_prefix);
  renamer.rename(options.rename);
  renamer.ignore(options.ignore);
  StateDict result = renamer.result();
  result.metadata = std::move(weights.metadata);
  return result;
}

bool is_wrapper(std::string_view type, std::string_view child) {
  static constexpr std::pair<std::string_view, std::string_view> wrappers[] = {
      {"DataParallel", "module"},
      {"DistributedDataParallel", "module"},
      {"AveragedModel", "module"},
      {"OptimizedModule", "_orig_mod"},
      {"FullyShardedDataParallel", "_fsdp_wrapped_module"}};
  return std::find(std::begin(wrappers), std::end(wrappers), std::pair(type, child)) != std::end(wrappers);
}

std::string unwrapped(std::string name, const std::vector<Wrapped>& wrapped) {
  // Inner ones first, so that the paths of outer ones still fit.
  for (auto one = wrapped.rbegin(); one != wrapped.rend(); ++one) {
    const std::string& path = one->path;
    if (name.size() <= path.size() || name[path.size()] != '.' || !name.starts_with(path)) continue;
    const size_t component = path.rfind('.') + 1;  // 0 where there is no dot
    name.erase(component, path.size() + 1 - component);
  }
  return name;
}

std::vector<Wrapped> absent_wrappers(const StateDict& weights, const std::vector<std::string>& names,
                                     const std::vector<Wrapped>& wrapped) {
  std::set<std::string> classes;
  for (const Wrapped& one : wrapped) classes.insert(one.wrapper);
  std::vector<std::string> found;  // what the names are in the file
  std::vector<Wrapped> left_out;
  for (size_t subset = 0; subset < size_t{1} << classes.size(); ++subset) {
    std::vector<Wrapped> absent;
    for (const Wrapped& one : wrapped)
      if (subset >> std::distance(classes.begin(), classes.find(one.wrapper)) & 1) absent.push_back(one);
    std::vector<std::string> saved;
    for (const std::string& name : names) saved.push_back(unwrapped(name, absent));
    if (saved == found ||
        !std::all_of(saved.begin(), saved.end(), [&](const std::string& name) { return has(weights, name); }))
      continue;
    if (!found.empty()) return {};
    found = std::move(saved);
    left_out = std::move(absent);
  }
  return left_out;
}

std::string naming_advice(const StateDict& weights, const std::vector<std::string>& missing) {
  constexpr size_t max_depth = 4;  // of the dictionaries in a checkpoint
  constexpr size_t max_keys = 10'000;
  if (missing.empty()) return "";
  std::set<std::string> keys;
  for (const auto& [name, stored] : weights)
    for_each_parent(name, max_depth, [&](std::string_view parent) {
      if (keys.size() < max_keys) keys.emplace(parent);
    });
  std::vector<std::string> fitting;
  for (const std::string& key : keys)
    if (std::all_of(missing.begin(), missing.end(),
                    [&](auto& name) { return has(weights, fmt::format("{}.{}", key, name)); }))
      fitting.push_back(shown(key));
  if (fitting.size() > max_shown) fitting.resize(max_shown);
  if (!fitting.empty())
    return fmt::format("what is missing is there below a name: give key = {}", fmt::join(fitting, " or "));

  std::string advice;
  for_each_parent(missing[0], max_depth, [&](std::string_view parent) {
    const std::string prefix = fmt::format("{}.", parent);
    if (advice.empty() && std::all_of(missing.begin(), missing.end(), [&](const std::string& name) {
          return name.starts_with(prefix) && has(weights, name.substr(prefix.size()));
        }))
      advice = fmt::format("what is missing is there without \"{0}\": give rename = {{{{\"\", \"{0}\"}}}}", prefix);
  });
  return advice;
}

}  // namespace upconv::internal
