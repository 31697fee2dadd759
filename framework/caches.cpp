#include "framework/caches.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace upconv::internal {
namespace {

namespace fs = std::filesystem;

/// The first word of a file, "" where there is none.
std::string word_of(const fs::path& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

/// "512K" or "1M".
int64_t bytes_of(const std::string& size) {
  int64_t number = 0;
  char unit = ' ';
  std::istringstream(size) >> number >> unit;
  return unit == 'M' ? number << 20 : unit == 'K' ? number << 10 : number;
}

/// How many processors a list such as "0-3" or "0,4" has; 1 where it cannot be read.
int64_t length_of(const std::string& list) {
  int64_t count = 0;
  std::istringstream ranges(list);
  for (std::string range; std::getline(ranges, range, ',');) {
    int64_t first = 0, last = 0;
    char dash = ' ';
    std::istringstream numbers(range);
    if (!(numbers >> first)) continue;
    if (!(numbers >> dash >> last)) last = first;
    if (last >= first) count += last - first + 1;
  }
  return count > 0 ? count : 1;
}

/// What the C library knows.
int64_t of_sysconf() {
#ifdef _SC_LEVEL2_CACHE_SIZE
  return ::sysconf(_SC_LEVEL2_CACHE_SIZE);
#else
  return 0;  // macOS's has no such question
#endif
}

/// What macOS says: of its fast cores where it has two kinds.
int64_t of_sysctl() {
#if defined(__APPLE__)
  const auto ask = [](const char* name) {
    int64_t value = 0;
    size_t size = sizeof value;
    return ::sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
  };
  const int64_t fast = ask("hw.perflevel0.l2cachesize"), cores = ask("hw.perflevel0.cpusperl2");
  return fast > 0 && cores > 0 ? fast / cores : ask("hw.l2cachesize");
#else
  return 0;  // Linux has files
#endif
}

}  // namespace

int64_t l2_bytes_of_sysfs(const fs::path& root) {
  const fs::path caches = root / "sys/devices/system/cpu/cpu0/cache";
  for (int index = 0; index < 8; ++index) {
    const fs::path cache = caches / ("index" + std::to_string(index));
    if (word_of(cache / "level") != "2" || word_of(cache / "type") == "Instruction") continue;
    return bytes_of(word_of(cache / "size")) / length_of(word_of(cache / "shared_cpu_list"));
  }
  return 0;
}

int64_t l2_cache_bytes(const fs::path& root) {
  for (const int64_t bytes : {of_sysconf(), l2_bytes_of_sysfs(root), of_sysctl()})
    if (bytes > 0) return bytes;
  return 0;
}

int64_t l2_bytes() {
  constexpr int64_t least = 512 << 10;
  static const int64_t bytes = std::max(least, l2_cache_bytes());
  return bytes;
}

}  // namespace upconv::internal
