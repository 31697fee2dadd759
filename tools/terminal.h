#pragma once
// What goes to a terminal, or to whoever reads in its place.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace upconv::tools {

/// A text with what would move a terminal's cursor, colour it or turn lines around, and what is no UTF-8, as \x1b or
/// \u{202e}. Lines stay lines.
std::string escaped(std::string_view text);

/// Columns of the terminal that stderr is; 0 where it is none, or one that cannot erase (TERM=dumb).
int progress_columns();

/// Where the caller closed stdin, stdout or stderr, the next file that is opened would be it, and what is said of a
/// picture would stand in it. Now what is written there is an error, as it ought to be.
void hold_standard_streams();

/// One line on stdout, valid JSON whatever names are in it, in ASCII: what is no UTF-8 becomes U+FFFD.
void print_json(const nlohmann::ordered_json& report);

/// One line on stderr that says what somebody may want to know beside the result. Never throws: it is what is left
/// where nothing can be written.
void note(std::string_view text);

}  // namespace upconv::tools
