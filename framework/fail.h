#pragma once
// Internal: how the library's own files format and throw. Public headers include error.h only.
#include <fmt/format.h>

#include <string>

#include "error.h"

namespace upconv::internal {

/// Throws Error with a formatted text.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// How a message about the module at `path` begins: "main.3: ", or with nothing at the root.
inline std::string beginning(const std::string& path) { return path.empty() ? "" : path + ": "; }

}  // namespace upconv::internal
