#include <algorithm>
#include <cctype>
#include <charconv>

#include "layers/exported/sizes.h"

namespace upconv::internal {
namespace {

using Kind = SizeExpression::Kind;
using Maybe = std::optional<SizeExpression>;

constexpr int max_depth = 64;
constexpr size_t max_text = 4'000;  // bytes, so that no chain of operands is deeper than a stack is

SizeExpression joined(Kind kind, SizeExpression a, SizeExpression b) {
  SizeExpression both{.kind = kind, .name = {}, .operands = {}};
  both.operands.push_back(std::move(a));
  both.operands.push_back(std::move(b));
  return both;
}

struct Spelling {
  std::string_view text;
  Kind kind;
};

// Longer ones first: "//" is no "/", "<=" no "<".
constexpr Spelling comparisons[] = {{"==", Kind::equal},         {"!=", Kind::unequal}, {"<=", Kind::less_equal},
                                    {">=", Kind::greater_equal}, {"<", Kind::less},     {">", Kind::greater}};

/// What SymPy and PyTorch call a function of numbers, and what it becomes when its arguments are taken one after
/// another.
constexpr Spelling functions[] = {{"Add", Kind::add},
                                  {"Mul", Kind::multiply},
                                  {"Pow", Kind::power},
                                  {"PowByNatural", Kind::power},
                                  {"FloorDiv", Kind::floor_divide},
                                  {"CleanDiv", Kind::floor_divide},
                                  {"Mod", Kind::modulo},
                                  {"PythonMod", Kind::modulo},
                                  {"Max", Kind::maximum},
                                  {"max", Kind::maximum},
                                  {"Min", Kind::minimum},
                                  {"min", Kind::minimum},
                                  {"Eq", Kind::equal},
                                  {"Ne", Kind::unequal},
                                  {"Lt", Kind::less},
                                  {"Le", Kind::less_equal},
                                  {"Gt", Kind::greater},
                                  {"Ge", Kind::greater_equal},
                                  {"And", Kind::conjunction},
                                  {"Or", Kind::disjunction}};

/// Reads from left to right; each function takes what it is called after, or gives nothing, which ends everything.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Maybe whole() {
    Maybe all = disjunction();
    skip_spaces();
    return rest_.empty() ? std::move(all) : std::nullopt;
  }

 private:
  /// While it lives, the text is one level deeper.
  class Deeper {
   public:
    explicit Deeper(int& depth) : depth_(++depth) {}
    ~Deeper() { --depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    explicit operator bool() const { return depth_ <= max_depth; }

   private:
    int& depth_;
  };

  void skip_spaces() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  bool takes(std::string_view text) {
    skip_spaces();
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  bool takes_word(std::string_view text) {
    const std::string_view before = rest_;
    if (takes(text) && (rest_.empty() || !is_of_name(rest_.front()))) return true;
    rest_ = before;
    return false;
  }
  static bool is_of_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

  /// Operands with a word between them: "a and b".
  template <class Operand>
  Maybe words(std::string_view word, Kind kind, Operand operand) {
    Maybe all = operand();
    while (all && takes_word(word)) {
      Maybe next = operand();
      if (!next) return {};
      all = joined(kind, *std::move(all), *std::move(next));
    }
    return all;
  }
  Maybe disjunction() {
    return words("or", Kind::disjunction, [&] { return words("and", Kind::conjunction, [&] { return negation(); }); });
  }
  Maybe negation() {
    const Deeper deeper(depth_);
    if (!deeper) return {};
    if (!takes_word("not")) return comparison();
    Maybe inner = negation();
    if (!inner) return {};
    SizeExpression outer{.kind = Kind::negation, .name = {}, .operands = {}};
    outer.operands.push_back(*std::move(inner));
    return outer;
  }

  /// a < b, and as Python has it a < b < c, which is both.
  Maybe comparison() {
    Maybe left = sum(), all;
    while (left) {
      const auto* found = std::find_if(std::begin(comparisons), std::end(comparisons),
                                       [&](const Spelling& spelling) { return takes(spelling.text); });
      if (found == std::end(comparisons)) break;
      Maybe right = sum();
      if (!right) return {};
      SizeExpression one = joined(found->kind, *std::move(left), *right);
      all = all ? joined(Kind::conjunction, *std::move(all), std::move(one)) : std::move(one);
      left = std::move(right);
    }
    return all ? std::move(all) : std::move(left);
  }

  Maybe sum() {
    Maybe all = product();
    while (all) {
      const bool plus = takes("+");
      if (!plus && !takes("-")) break;
      Maybe next = product();
      if (!next) return {};
      all = joined(plus ? Kind::add : Kind::subtract, *std::move(all), *std::move(next));
    }
    return all;
  }

  Maybe product() {
    Maybe all = factor();
    while (all) {
      skip_spaces();
      Kind kind = Kind::multiply;
      if (takes("//"))
        kind = Kind::floor_divide;
      else if (takes("%"))
        kind = Kind::modulo;
      else if (rest_.starts_with("**") || !takes("*"))
        break;
      Maybe next = factor();
      if (!next) return {};
      all = joined(kind, *std::move(all), *std::move(next));
    }
    return all;
  }

  Maybe factor() {
    const Deeper deeper(depth_);
    if (!deeper) return {};
    if (takes("-")) {
      Maybe inner = factor();
      return inner ? Maybe(joined(Kind::subtract, SizeExpression{}, *std::move(inner))) : std::nullopt;
    }
    Maybe base = atom();
    if (!base || !takes("**")) return base;
    Maybe exponent = factor();
    return exponent ? Maybe(joined(Kind::power, *std::move(base), *std::move(exponent))) : std::nullopt;
  }

  Maybe atom() {
    skip_spaces();
    if (takes("(")) {
      Maybe inner = disjunction();
      return takes(")") ? std::move(inner) : std::nullopt;
    }
    if (rest_.empty()) return {};
    if (std::isdigit(static_cast<unsigned char>(rest_.front())) != 0) return number();
    const std::string name = taken_name();
    if (name.empty()) return {};
    if (name == "L" && takes("[")) return size();
    if (takes("(")) return call(name);
    return SizeExpression{.kind = Kind::symbol, .name = name, .operands = {}};
  }

  std::string taken_name() {
    size_t length = 0;
    while (length < rest_.size() && (is_of_name(rest_[length]) || rest_[length] == '.')) ++length;
    std::string name(rest_.substr(0, length));
    rest_.remove_prefix(length);
    // A class may be written with the module that it is of.
    const size_t dot = name.rfind('.');
    return dot == std::string::npos ? name : name.substr(dot + 1);
  }

  Maybe number() {
    SizeExpression number;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number.value);
    if (error != std::errc()) return {};
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    if (!rest_.empty() && (rest_.front() == '.' || is_of_name(rest_.front()))) return {};  // 1.5, 1e3
    return number;
  }

  std::optional<std::string> text() {
    skip_spaces();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return {};
    const size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) return {};
    std::string inner(rest_.substr(1, end - 1));
    if (inner.find('\\') != std::string::npos) return {};
    rest_.remove_prefix(end + 1);
    return inner;
  }

  /// ['x'].size()[2], without the first bracket. What lies in a list or dictionary, ['xs'][0], is the input xs_0.
  Maybe size() {
    std::optional<std::string> name = text();
    if (!name || !takes("]")) return {};
    while (takes("[")) {
      skip_spaces();
      const Maybe index = rest_.starts_with('\'') || rest_.starts_with('"') ? std::nullopt : number();
      const std::optional<std::string> key = index ? std::to_string(index->value) : text();
      if (!key || !takes("]")) return {};
      *name += "_" + *key;
    }
    if (!takes(".size()") || !takes("[")) return {};
    Maybe dim = number();
    if (!dim || !takes("]")) return {};
    return SizeExpression{.kind = Kind::size, .value = dim->value, .name = *std::move(name), .operands = {}};
  }

  /// Symbol('s4', positive=True), without the bracket
  Maybe symbol() {
    std::optional<std::string> name = text();
    while (name && takes(",")) {
      skip_spaces();
      if (taken_name().empty() || !takes("=") || taken_name().empty()) return {};
    }
    if (!name || !takes(")")) return {};
    return SizeExpression{.kind = Kind::symbol, .name = *std::move(name), .operands = {}};
  }

  Maybe call(const std::string& name) {
    if (name == "Symbol") return symbol();
    std::vector<SizeExpression> arguments;
    do {
      Maybe argument = disjunction();
      if (!argument) return {};
      arguments.push_back(*std::move(argument));
    } while (takes(","));
    if (!takes(")")) return {};
    if (name == "Integer" && arguments.size() == 1) return arguments[0];
    const auto* found = std::find_if(std::begin(functions), std::end(functions),
                                     [&](const Spelling& spelling) { return spelling.text == name; });
    if (found == std::end(functions) || arguments.size() < 2) return {};
    const bool takes_many = found->kind == Kind::add || found->kind == Kind::multiply || found->kind == Kind::maximum ||
                            found->kind == Kind::minimum || found->kind == Kind::conjunction ||
                            found->kind == Kind::disjunction;
    if (!takes_many && arguments.size() != 2) return {};
    SizeExpression all = std::move(arguments[0]);
    for (size_t i = 1; i < arguments.size(); ++i) all = joined(found->kind, std::move(all), std::move(arguments[i]));
    return all;
  }

  std::string_view rest_;
  int depth_ = 0;
};

}  // namespace

std::optional<SizeExpression> parse_sizes(std::string_view text) {
  return text.size() > max_text ? std::nullopt : Parser(text).whole();
}

}  // namespace upconv::internal
