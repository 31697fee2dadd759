#pragma once
// How much memory this process has, for tests and benchmarks of what grows.
#include <cstdint>
#include <fstream>
#include <string>

namespace upconv::testing {

/// Bytes of the process's memory that no file backs; 0 where the system does not say.
inline int64_t anonymous_memory() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string word; rollup >> word;)
    if (word == "Anonymous:") {
      int64_t kilobytes = 0;
      rollup >> kilobytes;
      return kilobytes << 10;
    }
  return 0;
}

}  // namespace upconv::testing
