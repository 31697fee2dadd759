#include "layers/spec.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "framework/containers.h"
#include "framework/fail.h"
#include "framework/suggestion.h"
#include "layers/text/registry.h"

namespace upconv {

using namespace internal;

namespace {

// What no network needs and a hostile text could use up: time, stack, memory.
constexpr size_t most_bytes = 1 << 20;
constexpr int most_modules = 2048;
constexpr int most_depth = 100;
constexpr size_t most_shown = 60;  // bytes of somebody's text in a message

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '.'; }
bool is_number(char c) { return is_word(c) || c == '+' || c == '-'; }
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }  // in UTF-8

/// `text` for a message: short, on one line, whole characters.
std::string shown(std::string_view text) {
  size_t end = std::min(text.size(), most_shown);
  while (end > 0 && end < text.size() && continues_character(text[end])) --end;
  std::string out(text.substr(0, end));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, ' ');
  return end < text.size() ? out + "..." : out;
}

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
  double real = 0;
  const auto [end, error] = std::from_chars(first, last, real);
  if (end != last || error != std::errc{} || !std::isfinite(real))
    refuse(start, fmt::format("expected a finite number, got \"{}\"", written));
  return real;
}

/// A class of the user's own whose one child is all that it runs.
class Wrapper : public Module {
 public:
  Wrapper(std::string_view type_name, const NamedModule& only) : type_name_(type_name), only_(only.module) {
    add_child(only.name, only.module);
  }
  Value forward(Value x) const override { return (*only_)(x); }
  std::string type_name() const override { return type_name_; }

 private:
  std::string type_name_;
  std::shared_ptr<const AnyModule> only_;
};

/// One name of a signature, and the value it has: given, or the default.
struct Slot {
  std::string_view name;
  std::optional<Literal> value;
  bool given = false;
};

/// A row's signature while a call fills it.
struct Signature {
  explicit Signature(std::string_view text);
  Slot* find(std::string_view name);
  std::vector<std::string_view> names() const;

  std::vector<Slot> slots;
  size_t positional = 0;  ///< how many may be given by position: those before "*"
};

Signature::Signature(std::string_view text) {
  Scanner scan(text);
  bool by_name_only = false;
  for (; !scan.at_end(); scan.accept(',')) {
    if (scan.accept('*')) {
      by_name_only = true;
      continue;
    }
    slots.push_back({scan.word("a name"), {}});
    if (scan.accept('=')) slots.back().value = scan.literal();
    if (!by_name_only) ++positional;
  }
}

Slot* Signature::find(std::string_view name) {
  const auto found = std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.name == name; });
  return found == slots.end() ? nullptr : &*found;
}

std::vector<std::string_view> Signature::names() const {
  std::vector<std::string_view> all;
  for (const Slot& slot : slots) all.push_back(slot.name);
  return all;
}

std::vector<std::string_view> known_layers() {
  std::vector<std::string_view> names;
  for (const LayerRow& row : layer_rows()) names.push_back(row.name);
  names.push_back("Sequential");
  return names;
}

const LayerRow* find_row(std::string_view name) {
  const std::vector<LayerRow>& rows = layer_rows();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const LayerRow& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

std::string_view without_prefix(std::string_view name) {
  for (std::string_view prefix : {"torch.nn.", "nn."})
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  return name;
}

/// What stands before the items in a module's parentheses, and where.
struct Head {
  std::string_view name;
  size_t start, open;  ///< of the name and of the "("
  int depth;
};

/// A child and where it begins.
struct Child {
  NamedModule module;
  size_t offset;
};

/// Reads modules. Recursive, so it counts the depth.
class Parser {
 public:
  explicit Parser(std::string_view text) : scan_(text) {}
  std::shared_ptr<Module> whole();

 private:
  std::shared_ptr<Module> module(int depth);
  std::shared_ptr<Module> sequential(const Head& head);
  std::shared_ptr<Module> wrapper(const Head& head);
  std::vector<Child> children(const Head& head);
  std::shared_ptr<Module> layer(const Head& head, const LayerRow& row);
  Arguments arguments(const Head& head, const LayerRow& row);
  Slot& slot_for(std::string_view keyword, size_t position, Signature& signature, const LayerRow& row);

  /// Reads items to the ")", each with `read`. Commas divide them, except before the "(" of a printed child's name.
  template <class Read>
  void each_item(const Head& head, bool printed_children, Read read);
  /// What `make` returns; its errors get a place: the argument's that is to blame, or else `offset`.
  template <class Make>
  auto placed(size_t offset, Make make);
  [[noreturn]] void refuse_unknown(std::string_view name, size_t start);

  Scanner scan_;
  int modules_ = 0;
};

template <class Read>
void Parser::each_item(const Head& head, bool printed_children, Read read) {
  auto refuse_open = [&] {
    scan_.expected(fmt::format("\",\" or \")\" in {}, whose \"(\" is at {}", head.name, scan_.place(head.open)));
  };
  while (!scan_.accept(')')) {
    if (scan_.at_end()) refuse_open();
    read();
    if (!scan_.accept(',') && !scan_.next_is(')') && !(printed_children && scan_.next_is('('))) refuse_open();
  }
}

template <class Make>
auto Parser::placed(size_t offset, Make make) {
  try {
    return make();
  } catch (const ArgumentError& error) {
    scan_.refuse(error.offset, error.what());
  } catch (const Error& error) {
    scan_.refuse(offset, error.what());
  }
}

std::shared_ptr<Module> Parser::whole() {
  if (scan_.at_end())
    scan_.refuse(0, "the text is empty; expected a layer, such as Sequential(Linear(100, 784), Tanh())");
  std::shared_ptr<Module> all = module(1);
  if (!scan_.at_end()) scan_.expected("nothing more after the module");
  return all;
}

std::shared_ptr<Module> Parser::module(int depth) {
  const size_t start = scan_.offset();
  if (depth > most_depth) scan_.refuse(start, fmt::format("modules nest deeper than {}", most_depth));
  if (++modules_ > most_modules) scan_.refuse(start, fmt::format("there are more than {} modules", most_modules));

  const std::string_view written = scan_.word("a layer, such as ReLU()");
  const Head head{without_prefix(written), start, scan_.offset(), depth};
  const LayerRow* row = find_row(head.name);
  const bool opened = scan_.accept('(');
  if (!opened && (row || head.name == "Sequential")) scan_.expected(fmt::format("\"(\" after {}", head.name));
  if (row) return layer(head, *row);
  if (head.name == "Sequential") return sequential(head);
  if (head.name == "ModuleList" || head.name == "ModuleDict")
    scan_.refuse(start,
                 fmt::format("{} cannot be built: what PyTorch prints of it does not say how its modules run, and "
                             "folds equal ones; write Sequential where they run one after another",
                             head.name));
  if (opened && scan_.next_is('(') && written.find('.') == std::string_view::npos) return wrapper(head);
  refuse_unknown(written, start);
}

void Parser::refuse_unknown(std::string_view name, size_t start) {
  const std::vector<std::string_view> known = known_layers();
  std::string hint = suggestion(without_prefix(name), known);
  if (hint.empty())
    hint = fmt::format("; known are {}, and a class of your own that prints one child", fmt::join(known, ", "));
  scan_.refuse(start, fmt::format("unknown layer \"{}\"{}", shown(name), hint));
}

std::shared_ptr<Module> Parser::sequential(const Head& head) {
  auto all = std::make_shared<Sequential>();
  for (Child& child : children(head)) placed(child.offset, [&] { all->append(std::move(child.module)); });
  return all;
}

std::shared_ptr<Module> Parser::wrapper(const Head& head) {
  const std::vector<Child> all = children(head);
  if (all.size() != 1)
    scan_.refuse(head.start,
                 fmt::format("\"{}\" prints {} children, but not how its forward joins them; a class of your "
                             "own must have exactly one{}",
                             shown(head.name), all.size(), suggestion(head.name, known_layers())));
  return placed(all[0].offset, [&] { return std::make_shared<Wrapper>(head.name, all[0].module); });
}

std::vector<Child> Parser::children(const Head& head) {
  std::vector<Child> all;
  each_item(head, true, [&] {
    const size_t offset = scan_.offset();
    std::string name = std::to_string(all.size());
    if (scan_.accept('(')) {
      name = scan_.until(')', "a child's name");
      if (!scan_.accept(':')) scan_.expected(fmt::format("\":\" after ({})", shown(name)));
    }
    all.push_back({NamedModule(std::move(name), module(head.depth + 1)), offset});
  });
  return all;
}

std::shared_ptr<Module> Parser::layer(const Head& head, const LayerRow& row) {
  const Arguments bound = arguments(head, row);
  return placed(head.start, [&] { return row.build(bound); });
}

Arguments Parser::arguments(const Head& head, const LayerRow& row) {
  Signature signature(row.signature);
  size_t position = 0;
  bool keywords = false;
  each_item(head, false, [&] {
    const size_t offset = scan_.offset();
    const std::string_view keyword = scan_.keyword();
    if (keyword.empty() && keywords)
      scan_.expected(fmt::format("name=value in {}, as after any argument that is given by name", row.name));
    keywords = !keyword.empty();
    Literal value = scan_.literal();
    placed(offset, [&] {
      Slot& slot = slot_for(keyword, position, signature, row);
      if (std::exchange(slot.given, true)) fail("{}: {} is given twice", row.name, slot.name);
      slot.value = std::move(value);
    });
    ++position;
  });

  Arguments::Values values;
  for (Slot& slot : signature.slots) {
    if (!slot.value)
      scan_.refuse(head.start, fmt::format("{}: {} is missing; it takes ({})", row.name, slot.name, row.signature));
    values.emplace(slot.name, std::move(*slot.value));
  }
  return Arguments(row.name, std::move(values));
}

/// Where an argument goes: by its keyword, or by its position where that is "".
Slot& Parser::slot_for(std::string_view keyword, size_t position, Signature& signature, const LayerRow& row) {
  if (keyword.empty()) {
    if (position < signature.positional) return signature.slots[position];
    fail("{}: more than {} arguments by position; it takes ({})", row.name, signature.positional, row.signature);
  }
  if (Slot* slot = signature.find(keyword)) return *slot;
  const std::string hint = suggestion(keyword, signature.names());
  fail("{}: unknown argument \"{}\"{}", row.name, shown(keyword),
       hint.empty() ? fmt::format("; it takes ({})", row.signature) : hint);
}

}  // namespace

std::shared_ptr<Module> parse_module(std::string_view spec) {
  if (spec.size() > most_bytes) fail("1:1: the text has {} bytes, more than the {} allowed", spec.size(), most_bytes);
  return Parser(spec).whole();
}

}  // namespace upconv
