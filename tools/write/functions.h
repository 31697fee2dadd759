#pragma once
// How an operation of the table is written as C++.
#include <string>
#include <string_view>

#include "tools/write/node.h"

namespace upconv::tools {

/// What values and sizes are called where an operation is written.
class Operands {
 public:
  virtual ~Operands() = default;
  /// A tensor, which may be an expression that is written here and nowhere else.
  virtual Expression value(int value) = 0;
  /// The same by a name, for who needs it twice.
  virtual Expression named(int value) = 0;
  /// A number that is known only in a call.
  virtual Expression size(int value) = 0;
  /// A function of the library, qualified where a member has its name.
  virtual std::string function(std::string_view name) = 0;
};

/// The operation as an expression; of several results, that of all of them where `several` is set. Throws Error that
/// names the operation where it cannot be written.
Expression written(const NodeView& node, Operands& operands);
/// Whether it gives a list of values, such as chunk.
bool gives_list(const NodeView& node);
/// Whether the table says how the operation is written.
bool can_be_written(std::string_view row);

}  // namespace upconv::tools
