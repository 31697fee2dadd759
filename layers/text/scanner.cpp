#include "layers/text/scanner.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "framework/number.h"

namespace upconv::internal::text {
namespace {

constexpr size_t most_shown = 60;  // bytes of somebody's text in a message

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '.'; }
bool is_number(char c) { return is_word(c) || c == '+' || c == '-'; }
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }  // in UTF-8

}  // namespace

std::string shown(std::string_view text) {
  size_t end = std::min(text.size(), most_shown);
  while (end > 0 && end < text.size() && continues_character(text[end])) --end;
  std::string out(text.substr(0, end));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return end < text.size() ? out + "..." : out;
}

std::string Scanner::place(size_t offset) const {
  const std::string_view before = text_.substr(0, offset);
  const size_t newline = before.rfind('\n');
  const std::string_view line = newline == std::string_view::npos ? before : before.substr(newline + 1);
  return fmt::format(
      "{}:{}", std::count(before.begin(), before.end(), '\n') + 1,
      line.size() - static_cast<size_t>(std::count_if(line.begin(), line.end(), continues_character)) + 1);
}

void Scanner::expected(std::string_view what) {
  if (at_end()) refuse(at_, fmt::format("expected {}, got the end", what));
  size_t end = at_ + 1;
  while (end < text_.size() && (is_number(text_[at_]) ? is_number(text_[end]) : continues_character(text_[end]))) ++end;
  refuse(at_, fmt::format("expected {}, got \"{}\"", what, shown(text_.substr(at_, end - at_))));
}

bool Scanner::next_is_child() {
  if (!next_is('(')) return false;
  const size_t colon = text_.find_first_not_of(" \t\r\n", std::min(text_.find(')', at_), text_.size() - 1) + 1);
  return colon != text_.npos && text_[colon] == ':';
}

std::string_view Scanner::word(std::string_view what) {
  const size_t start = offset();
  if (at_end() || !is_letter(text_[at_])) expected(what);
  while (at_ < text_.size() && is_word(text_[at_])) ++at_;
  return text_.substr(start, at_ - start);
}

std::string_view Scanner::keyword() {
  const size_t start = offset();
  if (at_end() || !is_letter(text_[at_])) return "";
  const std::string_view name = word("");
  if (accept('=')) return name;
  at_ = start;
  return "";
}

std::string_view Scanner::until(char close, std::string_view what) {
  const size_t start = at_, end = text_.find_first_of(std::string{close, '\n'}, at_);
  if (end == std::string_view::npos || text_[end] == '\n')
    refuse(start, fmt::format("expected {} that ends with {}, got \"{}\"", what, close,
                              shown(text_.substr(start, end - start))));
  at_ = end + 1;
  return text_.substr(start, end - start);
}

std::optional<size_t> Scanner::find_word(std::string_view text) const {
  for (size_t at = text_.find(text); at != text_.npos; at = text_.find(text, at + 1))
    if (at > 0 && is_space(text_[at - 1])) return at;
  return {};
}

Literal Scanner::literal() {
  const size_t start = offset();
  const char first = at_end() ? '\0' : text_[at_];
  PythonValue value;
  if (first == '\'' || first == '"') {
    value = string();
  } else if (first == '(' || first == '[') {
    value = tuple();
  } else if (is_letter(first)) {
    value = bare_word();
  } else if (is_number(first)) {
    value = number();
  } else {
    expected("a value");
  }
  return {std::move(value), shown(text_.substr(start, at_ - start)), start};
}

PythonValue Scanner::string() { return std::string(until(text_[at_++], "a string")); }

/// (4, 4), [4, 4], (None, 0.5), or (4), which in Python is 4.
PythonValue Scanner::tuple() {
  const size_t open = at_;
  const char close = text_[at_++] == '(' ? ')' : ']';
  Numbers numbers;
  Shape sizes;  // as long as all of them are integers
  bool comma = true;
  while (!accept(close)) {
    if (!comma || at_end()) expected(fmt::format("\",\" or \"{}\" in the tuple that begins at {}", close, place(open)));
    if (!is_number(text_[offset()])) expected("a number or None");
    const Literal element = literal();
    if (const auto* size = std::get_if<int64_t>(&element.value)) {
      if (sizes.size() == numbers.size()) sizes.push_back(*size);
      numbers.push_back(static_cast<double>(*size));
    } else if (const auto* number = std::get_if<double>(&element.value)) {
      numbers.push_back(*number);
    } else if (std::holds_alternative<std::monostate>(element.value)) {
      numbers.push_back(std::nullopt);
    } else {
      refuse(element.offset, fmt::format("expected a number or None, got \"{}\"", element.text));
    }
    comma = accept(',');
  }
  if (sizes.size() != numbers.size()) return numbers;
  if (close == ')' && sizes.size() == 1 && !comma) return sizes.front();
  return sizes;
}

/// A constant of Python, or a string that PyTorch printed without quotes: padding_mode=reflect.
PythonValue Scanner::bare_word() {
  const std::string_view name = word("a word");
  if (name == "None") return std::monostate{};
  if (name == "True" || name == "true") return true;
  if (name == "False" || name == "false") return false;
  return std::string(name);
}

PythonValue Scanner::number() {
  const size_t start = at_;
  while (at_ < text_.size() && is_number(text_[at_])) ++at_;
  const char* first = text_.data() + start + (text_[start] == '+' ? 1 : 0);
  const char* last = text_.data() + at_;
  const std::string written = shown(text_.substr(start, at_ - start));

  int64_t integer = 0;
  if (const auto [end, error] = std::from_chars(first, last, integer); end == last) {
    if (error == std::errc::result_out_of_range) refuse(start, fmt::format("\"{}\" does not fit 64 bits", written));
    if (error == std::errc{}) return integer;
  }
  const std::optional<double> real = parse_number(text_.substr(start, at_ - start));
  if (!real) refuse(start, fmt::format("expected a finite number, got \"{}\"", written));
  return *real;
}

}  // namespace upconv::internal::text
