// Sizes of caches, as Linux tells them in files.
#include "framework/caches.h"

#include "tests/support.h"

using namespace upconv;
using namespace upconv::internal;
using namespace upconv::testing;

namespace {

/// One of the first processor's caches.
struct Cache {
  std::string level, type, size, shared;
};

int64_t l2_of(const std::vector<Cache>& caches) {
  const TemporaryFolder root;
  for (size_t i = 0; i < caches.size(); ++i) {
    const std::string folder = "sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
    std::filesystem::create_directories(root / folder);
    root.write(folder + "level", caches[i].level + "\n");
    root.write(folder + "type", caches[i].type + "\n");
    root.write(folder + "size", caches[i].size + "\n");
    root.write(folder + "shared_cpu_list", caches[i].shared + "\n");
  }
  return l2_bytes_of_sysfs(root / "");
}

}  // namespace

TEST_CASE("caches: L2 as /sys has it, a core's share of what several have together") {
  const Cache data{"1", "Data", "64K", "0"}, code{"1", "Instruction", "64K", "0"}, l3{"3", "Unified", "32768K", "0-63"};
  CHECK(l2_of({data, code, {"2", "Unified", "1024K", "0"}, l3}) == 1 << 20);
  CHECK(l2_of({data, code, {"2", "Unified", "1M", "0"}, l3}) == 1 << 20);
  CHECK(l2_of({data, code, {"2", "Unified", "1024K", "0-3"}}) == 256 << 10);
  CHECK(l2_of({data, code, {"2", "Unified", "2048K", "0,4"}}) == 1 << 20);
  CHECK(l2_of({data, code, {"2", "Unified", "1024K", ""}}) == 1 << 20);
  CHECK(l2_of({code, {"2", "Instruction", "512K", "0"}, {"2", "Data", "256K", "0"}}) == 256 << 10);
}

TEST_CASE("caches: where nothing is said there are 0 bytes") {
  CHECK(l2_of({}) == 0);
  CHECK(l2_of({{"1", "Data", "64K", "0"}}) == 0);
  CHECK(l2_of({{"2", "Unified", "", "0"}}) == 0);
}
