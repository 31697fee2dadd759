// The weights of modules: which of a file's go where.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "framework/module_state.h"
#include "framework/weights/bytes.h"
#include "framework/weights/fold.h"
#include "framework/weights/names.h"

namespace upconv {

using namespace internal;

namespace {

/// Whether two handles' values are the same, however they were saved.
bool same_values(const Stored& a, const Stored& b) {
  if (a.bytes.data() == b.bytes.data() && a.dtype == b.dtype) return true;
  const Tensor x = a.to_tensor(), y = b.to_tensor();
  return x.dtype() == y.dtype() &&
         std::memcmp(x.bytes(), y.bytes(), static_cast<size_t>(x.numel()) * size_of(x.dtype())) == 0;
}

/// What training counts and nothing at inference reads. PyTorch up to 0.4 did not save that of BatchNorm, and what an
/// AveragedModel averages has none.
bool is_count(std::string_view name) { return name == "num_batches_tracked" || name == "n_averaged"; }

}  // namespace

/// What of a state dict goes where in a module, and what does not.
struct AnyModule::Matching {
  struct Found {
    std::string name;
    Parameter parameter;
    Stored stored;
  };
  std::map<const void*, Found> found;  // by the parameter's identity
  std::vector<std::string> missing, unexpected, misshapen, unreadable, different;
  std::set<std::string> known;

  /// The wrappers that a state dict lacks, as it was saved from what they hold.
  static std::vector<Wrapped> absent(const StateDict& state_dict, const AnyModule& module);
  /// Looks for the values of one parameter or buffer, or for the factors that they are to be computed of.
  void match(const StateDict& state_dict, const std::string& name, const Parameter& parameter, int64_t output_dim);
  void check(const std::string& name, const Parameter& parameter, const Stored& stored);
  /// Whether a tensor with several names, by save_model, is loaded under another of them.
  bool is_known_otherwise(const StateDict& state_dict, const std::string& name, const Stored& stored) const;
};

void AnyModule::Matching::match(const StateDict& state_dict, const std::string& name, const Parameter& parameter,
                                int64_t output_dim) {
  known.insert(name);
  if (const Stored* stored = state_dict.find(name)) {
    for (std::string& stale : stale_factors(state_dict, name)) known.insert(std::move(stale));
    return check(name, parameter, *stored);
  }
  const std::optional<Factors> factors = find_factors(state_dict, name);
  if (!factors && is_count(name.substr(name.rfind('.') + 1))) return;
  if (!factors) return missing.push_back(name);
  known.insert(factors->names.begin(), factors->names.end());
  try {
    check(name, parameter, fold(state_dict, *factors, parameter.shape(), output_dim));
  } catch (const Error& error) {
    misshapen.push_back(error.what());
  }
}

void AnyModule::Matching::check(const std::string& name, const Parameter& parameter, const Stored& stored) {
  const bool floats = parameter.dtype() == DType::float32;
  if (!stored.unreadable.empty()) {
    unreadable.push_back(fmt::format("{} ({})", name, stored.unreadable));
  } else if (stored.shape != parameter.shape()) {
    misshapen.push_back(
        fmt::format("{} (expected {}, got {})", name, upconv::str(parameter.shape()), upconv::str(stored.shape)));
  } else if (floats != is_floating(stored.dtype) && !(floats && stored.dtype == DType::boolean)) {
    misshapen.push_back(fmt::format("{} (expected {}, got {})", name, floats ? "floating point" : "integers",
                                    upconv::name(stored.dtype)));
  } else {
    const auto [first, is_first] = found.try_emplace(parameter.identity(), Found{name, parameter, stored});
    if (!is_first && !same_values(first->second.stored, stored))
      different.push_back(fmt::format("{} and {}, which are one parameter", first->second.name, name));
  }
}

bool AnyModule::Matching::is_known_otherwise(const StateDict& state_dict, const std::string& name,
                                             const Stored& stored) const {
  return state_dict.has_aliases() && std::any_of(known.begin(), known.end(), [&](const std::string& other) {
           const Stored* same = state_dict.find(other);
           return same != nullptr && same->bytes.data() == stored.bytes.data() &&
                  (state_dict.is_alias(name) || state_dict.is_alias(other));
         });
}

void AnyModule::load(const std::filesystem::path& path, const LoadOptions& options) {
  load_state_dict(upconv::load_state_dict(path, options), options.strict);
}

void AnyModule::load(std::span<const std::byte> bytes, const LoadOptions& options) {
  load_state_dict(upconv::load_state_dict(bytes, "weights in memory", nullptr, options), options.strict);
}

std::vector<Wrapped> AnyModule::Matching::absent(const StateDict& state_dict, const AnyModule& module) {
  std::vector<Wrapped> wrapped;
  std::vector<std::string> names;
  State::each_place("", module, [&](const std::string& path, const AnyModule& module) {
    for (const auto& [name, child] : module.state().children)
      if (is_wrapper(module.type_name(), name)) wrapped.push_back({joined(path, name), module.type_name()});
  });
  if (wrapped.empty()) return {};
  State::each_place("", module, [&](const std::string& path, const AnyModule& module) {
    for (const State::Named& named : module.state().parameters)
      if (!is_count(named.name)) names.push_back(joined(path, named.name));
  });
  return absent_wrappers(state_dict, names, wrapped);
}

void AnyModule::load_state_dict(const StateDict& state_dict, bool strict) {
  const std::vector<Wrapped> absent = Matching::absent(state_dict, *this);
  Matching matching;
  for (const bool buffers : {false, true})
    State::each_place("", *this, [&](const std::string& path, const AnyModule& module) {
      for (const State::Named& named : module.state().parameters)
        if (named.buffer == buffers)
          matching.match(state_dict, unwrapped(joined(path, named.name), absent), named.parameter, module.output_dim());
    });
  for (const auto& [name, stored] : state_dict)
    if (!matching.known.contains(name) && !matching.is_known_otherwise(state_dict, name, stored))
      matching.unexpected.push_back(printable(name));

  std::string problems;
  auto report = [&](const char* what, const std::vector<std::string>& names) {
    constexpr size_t shown = 12;  // of what may be hundreds, where it is another network's file
    if (names.empty()) return;
    problems += fmt::format("\n  {}: {}", what, fmt::join(std::span(names).first(std::min(shown, names.size())), ", "));
    if (names.size() > shown) problems += fmt::format(" and {} more", names.size() - shown);
  };
  if (strict) report("missing", matching.missing);
  if (strict) report("unexpected", matching.unexpected);
  report("misshapen", matching.misshapen);
  report("unreadable", matching.unreadable);
  report("different", matching.different);
  if (!problems.empty()) {
    const std::string advice = strict ? naming_advice(state_dict, matching.missing) : "";
    fail("the weights do not fit {}:{}{}{}", type_name(), problems, advice.empty() ? "" : "\n", advice);
  }
  for (auto& [identity, found] : matching.found) found.parameter.set(std::move(found.stored));
}

StateDict AnyModule::state_dict() const {
  StateDict all;
  State::each_place("", *this, [&](const std::string& path, const AnyModule& module) {
    for (bool buffers : {false, true})
      for (const State::Named& named : module.state().parameters)
        if (named.buffer == buffers && named.parameter.has_value())
          all.add(joined(path, named.name), named.parameter.stored());
  });
  return all;
}

}  // namespace upconv
