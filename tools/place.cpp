#include "tools/place.h"

#if defined(__APPLE__)
#include <mach-o/dyld.h>

#include <climits>
#endif

namespace upconv::tools {

std::filesystem::path program_folder() {
  std::error_code unreadable;
#if defined(__APPLE__)  // which has no /proc
  char name[PATH_MAX];
  uint32_t size = sizeof name;
  if (_NSGetExecutablePath(name, &size) != 0) return {};
  return std::filesystem::canonical(name, unreadable).parent_path();
#else
  return std::filesystem::read_symlink("/proc/self/exe", unreadable).parent_path();
#endif
}

}  // namespace upconv::tools
