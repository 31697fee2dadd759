#pragma once
// Internal: the arguments of a layer while a call fills them.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry.h"

namespace upconv::internal::text {

/// One name of a signature, and the value it has: given, or the default.
struct Slot {
  std::string_view name;
  std::optional<Literal> value;
};

/// A row's signature, read.
class Signature {
 public:
  /// LayerRow::signature, which must outlive this.
  explicit Signature(std::string_view text);

  /// Puts a value where its keyword says, or its position where that is "". Throws Error, naming `layer`, where there
  /// is no such argument, and where it has a value already.
  void give(std::string_view layer, std::string_view keyword, size_t position, Literal value);
  /// What the layer is built from. Throws Error where an argument without a default was not given.
  Arguments arguments(std::string_view layer) const;

  const std::vector<Slot>& slots() const { return slots_; }
  /// How many may be given by position: those before "*".
  size_t positional() const { return positional_; }

 private:
  Slot& slot_for(std::string_view layer, std::string_view keyword, size_t position);

  std::string_view text_;
  std::vector<Slot> slots_;
  size_t positional_ = 0;
};

}  // namespace upconv::internal::text
