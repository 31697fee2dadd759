#include "framework/quota.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace upconv::internal {
namespace {

namespace fs = std::filesystem;

/// `quota` microseconds in each `period`; nothing where that is no limit.
std::optional<int> threads_of(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return {};
  const double threads = quota / period;
  return threads < 1e6 ? std::optional(static_cast<int>(std::ceil(threads))) : std::nullopt;
}

/// Version 2: "max 100000" or "200000 100000". A word is no number, which leaves the quota 0.
std::optional<int> of_group(const fs::path& group) {
  double quota = 0, period = 0;
  std::ifstream(group / "cpu.max") >> quota >> period;
  return threads_of(quota, period);
}

/// Version 1: a quota of -1 is none.
std::optional<int> of_group_v1(const fs::path& group) {
  double quota = 0, period = 0;
  std::ifstream(group / "cpu.cfs_quota_us") >> quota;
  std::ifstream(group / "cpu.cfs_period_us") >> period;
  return threads_of(quota, period);
}

/// The least of a group's limit and those of the groups around it. Inside of a container the path is often that of
/// outside, so that only the groups near `mount` are there.
template <class Of>
void narrow(std::optional<int>& least, const fs::path& mount, const std::string& path, Of of) {
  fs::path group = mount / fs::path(path).relative_path().lexically_normal();
  for (int depth = 0; depth < 64; ++depth) {
    if (const std::optional<int> threads = of(group)) least = std::min(least.value_or(*threads), *threads);
    if (group == mount || !group.has_relative_path() || group.parent_path() == group) return;
    group = group.parent_path();
  }
}

}  // namespace

std::optional<int> quota_threads(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  std::optional<int> least;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "4:cpu,cpuacct:/path", or "0::/path" of version 2
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (line.starts_with("0::")) {
      for (const fs::path& mount : {mounts, mounts / "unified"}) narrow(least, mount, path, of_group);
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      for (const fs::path& mount : {mounts / controllers, mounts / "cpu"}) narrow(least, mount, path, of_group_v1);
    }
  }
  return least;
}

}  // namespace upconv::internal
