#pragma once
// Numbers in texts. Standard functions either follow the program's locale, in which "0.5" may be 0, or are not there:
// libc++ has had from_chars for floating point since LLVM 20.
#include <optional>
#include <string_view>

namespace upconv::internal {

/// The finite number that the whole text is, "0.5" or "1e-05", whatever the program's locale; nothing where it is none.
std::optional<double> parse_number(std::string_view text);

}  // namespace upconv::internal
