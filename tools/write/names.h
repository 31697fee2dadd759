#pragma once
// Names of C++ for what has names of Python.
#include <string>

namespace upconv::tools {

/// A name that is like this one; `otherwise` begins it where nothing is left of it, or a digit would.
std::string identifier_of(const std::string& name, const std::string& otherwise);
/// Whether a member, class, variable or namespace of a header may have this name: none that C++, modules or the library
/// have.
bool is_free_name(const std::string& name);

}  // namespace upconv::tools
