#include "tools/assumptions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "tools/terminal.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// Layers of one class that leave the same arguments open.
struct Kind {
  std::vector<Assumption> open;    ///< of the first of them
  std::vector<std::string> paths;  ///< of all of them
  bool alike = true;               ///< whether all print as the first

  bool is_same(const std::vector<Assumption>& other) const {
    return std::equal(open.begin(), open.end(), other.begin(), other.end(),
                      [](const Assumption& a, const Assumption& b) {
                        return a.type_name == b.type_name && a.argument == b.argument && a.taken == b.taken;
                      });
  }
};

/// "a, b and c".
std::string listed(const std::vector<std::string>& all) {
  if (all.size() < 2) return fmt::format("{}", fmt::join(all, ""));
  return fmt::format("{} and {}", fmt::join(all.begin(), all.end() - 1, ", "), all.back());
}

/// In the order in which they come first.
std::vector<Kind> kinds(const std::vector<Assumption>& assumptions) {
  std::vector<Kind> all;
  for (auto first = assumptions.begin(); first != assumptions.end();) {
    const auto last =
        std::find_if(first, assumptions.end(), [&](const Assumption& a) { return a.path != first->path; });
    const std::vector<Assumption> open(first, last);
    auto kind = std::find_if(all.begin(), all.end(), [&](const Kind& one) { return one.is_same(open); });
    if (kind == all.end()) kind = all.insert(all.end(), Kind{open, {}});
    kind->paths.push_back(printable(first->path));
    kind->alike = kind->alike && first->layer == kind->open[0].layer;
    first = last;
  }
  return all;
}

/// "3, 6, 9 and 12 more: Upsample(...) are taken with align_corners=False, ..."
std::string line(const Kind& kind, bool refused) {
  constexpr size_t most_paths = 3;
  std::vector<std::string> paths = kind.paths, values;
  if (paths.size() > most_paths + 1) {
    paths.resize(most_paths);
    paths.push_back(fmt::format("{} more", kind.paths.size() - most_paths));
  }
  for (const Assumption& one : kind.open) values.push_back(fmt::format("{}={}", one.argument, one.taken));
  const bool one_value = values.size() == 1;
  const std::string advice =
      refused     ? fmt::format("name {} in the spec, as --no-assumptions asks", one_value ? "it" : "them")
      : one_value ? fmt::format("name it in the spec if it was {}", kind.open[0].otherwise)
                  : "name them in the spec if they were others";
  return fmt::format("{}{}{}{} {} taken with {}, which PyTorch's print does not show; {}", listed(paths),
                     paths[0].empty() ? "" : ": ", kind.open[0].layer, kind.alike ? "" : " and others",
                     paths.size() == 1 ? "is" : "are", listed(values), advice);
}

}  // namespace

void tell(const std::vector<Assumption>& assumptions, bool refused) {
  std::vector<std::string> lines;
  for (const Kind& kind : kinds(assumptions)) lines.push_back(line(kind, refused));
  if (refused && !lines.empty()) fail("{}", fmt::join(lines, "\nupconv: "));
  for (const std::string& one : lines) note(one);
}

}  // namespace upconv::tools
