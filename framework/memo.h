#pragma once
// Internal: what is made of a parameter's values, kept beside them.
#include <functional>
#include <memory>
#include <string>

#include "parameter.h"

namespace upconv::internal {

class Memo {
 public:
  /// What `make` made of `parameter` for `key`, made once per version: packed weights live here, so that programs of
  /// all shapes share them. Thread-safe.
  static std::shared_ptr<const void> of(const Parameter& parameter, const std::string& key,
                                        const std::function<std::shared_ptr<const void>()>& make);
  /// Drops what nobody else holds: packed weights of algorithms that were tried and not taken.
  static void drop_unused(const Parameter& parameter);
};

}  // namespace upconv::internal
