#pragma once
// An exported program as a header that a person can go on with.
#include <string>

#include "layers/exported/runner.h"

namespace upconv::tools {

struct HeaderOptions {
  std::string name;     ///< of the whole network's struct
  std::string space;    ///< the namespace
  std::string command;  ///< that makes it
  std::string weights;  ///< the file beside it
};

struct Header {
  std::string text;
  StateDict weights;  ///< under the names that the header's parameters have
};

/// Throws Error that names the operation, and the module that it is in, where something has no C++ that reads well.
Header write_header(const internal::ExportedRunner& runner, const HeaderOptions& options);

}  // namespace upconv::tools
