// Quotas of control groups, as they look from inside of containers. tests/quota_test.sh has a real one.
#include "framework/quota.h"

#include "tests/support.h"

using namespace upconv;
using namespace upconv::internal;
using namespace upconv::testing;

namespace {

/// A root with these files, whose folders are made.
std::optional<int> quota_of(const std::vector<std::pair<std::string, std::string>>& files) {
  const TemporaryFolder root;
  for (const auto& [file, text] : files) {
    std::filesystem::create_directories((root / file).parent_path());
    root.write(file, text);
  }
  return quota_threads(root / "");
}

const std::string groups = "proc/self/cgroup", v2 = "sys/fs/cgroup/", v1 = "sys/fs/cgroup/cpu,cpuacct/";

}  // namespace

TEST_CASE("quota: version 2, the least of a group and those around it, rounded up") {
  const std::pair<std::string, std::string> own{groups, "0::/pod/app\n"};
  CHECK(quota_of({own}) == std::nullopt);
  CHECK(quota_of({own, {v2 + "pod/app/cpu.max", "max 100000\n"}}) == std::nullopt);
  CHECK(quota_of({own, {v2 + "pod/app/cpu.max", "200000 100000\n"}}) == 2);
  CHECK(quota_of({own, {v2 + "pod/app/cpu.max", "150000 100000\n"}}) == 2);
  CHECK(quota_of({own, {v2 + "pod/app/cpu.max", "10000 100000\n"}}) == 1);
  CHECK(quota_of({own, {v2 + "pod/app/cpu.max", "max 100000\n"}, {v2 + "pod/cpu.max", "300000 100000\n"}}) == 3);
  CHECK(quota_of({own, {v2 + "pod/app/cpu.max", "100000 50000"}, {v2 + "pod/cpu.max", "300000 100000\n"}}) == 2);
  // A container of its own namespace sees itself as the root; one without sees the path of outside, which is not there.
  CHECK(quota_of({{groups, "0::/\n"}, {v2 + "cpu.max", "400000 100000\n"}}) == 4);
  CHECK(quota_of({own, {v2 + "cpu.max", "400000 100000\n"}}) == 4);
  CHECK(quota_of({own, {v2 + "unified/pod/app/cpu.max", "500000 100000\n"}}) == 5);
}

TEST_CASE("quota: version 1") {
  const std::pair<std::string, std::string> own{groups, "5:memory:/x\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/y\n0::/\n"};
  const std::pair<std::string, std::string> period{v1 + "cpu.cfs_period_us", "100000\n"};
  CHECK(quota_of({own, period, {v1 + "cpu.cfs_quota_us", "-1\n"}}) == std::nullopt);
  CHECK(quota_of({own, period, {v1 + "cpu.cfs_quota_us", "250000\n"}}) == 3);
  CHECK(quota_of({own,
                  {v1 + "docker/abc/cpu.cfs_quota_us", "100000\n"},
                  {v1 + "docker/abc/cpu.cfs_period_us", "100000\n"},
                  period,
                  {v1 + "cpu.cfs_quota_us", "250000\n"}}) == 1);
  CHECK(quota_of({{groups, "4:cpuset:/docker/abc\n"}, period, {v1 + "cpu.cfs_quota_us", "250000\n"}}) == std::nullopt);
}

TEST_CASE("quota: what makes no sense is no limit") {
  const std::pair<std::string, std::string> own{groups, "0::/\n"};
  for (const char* text : {"", "max", "0 100000", "100000 0", "-5 100000", "nan 1", "1e300 1", "words and words"})
    CHECK(quota_of({own, {v2 + "cpu.max", text}}) == std::nullopt);
  CHECK(quota_of({}) == std::nullopt);
  CHECK(quota_of({{groups, "nonsense\n::\n0:\n"}, {v2 + "cpu.max", "100000 100000"}}) == std::nullopt);
}
