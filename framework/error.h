#pragma once
#include <stdexcept>
#include <string>

namespace upconv {

/// The one exception of the library. Its text says what was wrong, where (layer path, file, tensor, argument), what was
/// expected and what came.
class Error : public std::runtime_error {
 public:
  /// With `what` as its text.
  explicit Error(const std::string& what) : std::runtime_error(what) {}
};

}  // namespace upconv
