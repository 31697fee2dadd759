#pragma once
// Internal: the words and values of Python that a spec is made of.
#include <optional>
#include <string>
#include <string_view>

#include "../../framework/fail.h"
#include "registry.h"

namespace upconv::internal::text {

/// `text` for a message: short, on one line, whole characters.
std::string shown(std::string_view text);

/// As Python has it.
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Reads words and values of Python one by one. Knows nothing of modules.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  /// Where the next word begins.
  size_t offset() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_;
  }
  bool at_end() { return offset() == text_.size(); }
  bool next_is(char c) { return !at_end() && text_[at_] == c; }
  bool next_is(std::string_view text) { return !at_end() && text_.substr(at_).starts_with(text); }
  /// Whether a child's name comes next, "(name):", not a tuple.
  bool next_is_child();
  bool accept(char c) {
    const bool found = next_is(c);
    if (found) ++at_;
    return found;
  }

  /// A name, dots included; `what` it is for the message where there is none.
  std::string_view word(std::string_view what);
  /// The name in "name=", or "" and nothing is read.
  std::string_view keyword();
  /// What stands before the next `close`, as it is; the child's name in "(name):".
  std::string_view until(char close, std::string_view what);
  Literal literal();
  /// Where `text` stands first in the whole text, after a space.
  std::optional<size_t> find_word(std::string_view text) const;

  /// Throws Error that begins with line:column of `offset`.
  [[noreturn]] void refuse(size_t offset, std::string_view message) const { fail("{}: {}", place(offset), message); }
  /// Refuses what comes next.
  [[noreturn]] void expected(std::string_view what);
  /// "3:14", both from 1, in characters.
  std::string place(size_t offset) const;

 private:
  PythonValue string();
  PythonValue tuple();
  PythonValue bare_word();
  PythonValue number();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace upconv::internal::text
