#pragma once
// Internal: names with dots, of modules, parameters and classes.
#include <string>

namespace upconv::internal {

/// "main" of "main.3"; "" of "main".
inline std::string parent_of(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

/// "3" of "main.3"; "main" of "main".
inline std::string last_of(const std::string& path) { return path.substr(path.rfind('.') + 1); }

}  // namespace upconv::internal
