#include "layers/exported/sizes.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

#include "framework/weights/bytes.h"

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

std::optional<int64_t> computed(Kind kind, int64_t a, int64_t b) {
  switch (kind) {
    case Kind::add:
      return add(a, b);
    case Kind::subtract:
      return subtract(a, b);
    case Kind::multiply:
      return multiply(a, b);
    case Kind::floor_divide:
      return floor_divide(a, b);
    case Kind::modulo:
      return modulo(a, b);
    case Kind::power:
      return power(a, b);
    case Kind::maximum:
      return std::max(a, b);
    case Kind::minimum:
      return std::min(a, b);
    case Kind::equal:
      return a == b;
    case Kind::unequal:
      return a != b;
    case Kind::less:
      return a < b;
    case Kind::less_equal:
      return a <= b;
    case Kind::greater:
      return a > b;
    case Kind::greater_equal:
      return a >= b;
    default:
      return {};
  }
}

/// Python's precedence of an operation: what binds less stands in parentheses.
int precedence(const SizeExpression& expression) {
  switch (expression.kind) {
    case Kind::disjunction:
      return 0;
    case Kind::conjunction:
      return 1;
    case Kind::negation:
      return 2;
    case Kind::add:
    case Kind::subtract:
      return 4;
    case Kind::multiply:
    case Kind::floor_divide:
    case Kind::modulo:
      return 5;
    case Kind::power:
      return 6;
    default:
      return expression.compares() ? 3 : 7;
  }
}

std::string_view sign(Kind kind) {
  switch (kind) {
    case Kind::add:
      return " + ";
    case Kind::subtract:
      return " - ";
    case Kind::multiply:
      return "*";
    case Kind::floor_divide:
      return " // ";
    case Kind::modulo:
      return " % ";
    case Kind::power:
      return "**";
    case Kind::equal:
      return " == ";
    case Kind::unequal:
      return " != ";
    case Kind::less:
      return " < ";
    case Kind::less_equal:
      return " <= ";
    case Kind::greater:
      return " > ";
    case Kind::greater_equal:
      return " >= ";
    case Kind::conjunction:
      return " and ";
    case Kind::disjunction:
      return " or ";
    default:
      return ", ";
  }
}

}  // namespace

void SizeExpression::each_symbol(const std::function<void(const std::string&)>& f) const {
  if (kind == Kind::symbol) f(name);
  for (const SizeExpression& operand : operands) operand.each_symbol(f);
}

std::optional<SizeExpression> parse_sizes(std::string_view text) {
  return text.size() > max_text ? std::nullopt : Parser(text).whole();
}

std::optional<int64_t> evaluate(const SizeExpression& expression, const SizesOfCall& call) {
  switch (expression.kind) {
    case Kind::number:
      return expression.value;
    case Kind::symbol:
      return call.symbol(expression.name);
    case Kind::size:
      return call.size(expression.name, expression.value);
    default:
      break;
  }
  const std::optional<int64_t> a = evaluate(expression.operands[0], call);
  if (!a) return {};
  if (expression.kind == Kind::negation) return *a == 0;
  // As in Python: what decides ends it.
  if (expression.kind == Kind::conjunction && *a == 0) return 0;
  if (expression.kind == Kind::disjunction && *a != 0) return 1;
  const std::optional<int64_t> b = evaluate(expression.operands[1], call);
  if (!b) return {};
  if (expression.kind == Kind::conjunction || expression.kind == Kind::disjunction) return *b != 0;
  return computed(expression.kind, *a, *b);
}

std::string written(const SizeExpression& expression) {
  const auto& operands = expression.operands;
  switch (expression.kind) {
    case Kind::number:
      return std::to_string(expression.value);
    case Kind::symbol:
      return printable(expression.name);
    case Kind::size:
      return fmt::format("{}.size({})", printable(expression.name), expression.value);
    case Kind::negation:
      return fmt::format("not ({})", written(operands.at(0)));
    case Kind::maximum:
    case Kind::minimum: {
      std::vector<std::string> all;
      for (const SizeExpression& operand : operands) all.push_back(written(operand));
      return fmt::format("{}({})", expression.kind == Kind::maximum ? "max" : "min", fmt::join(all, ", "));
    }
    default:
      break;
  }
  const auto is_negative = [](const SizeExpression& one) { return one.kind == Kind::number && one.value < 0; };
  // SymPy writes s - 1 as -1 + s.
  if (expression.kind == Kind::add && operands.size() == 2 && is_negative(operands[0]) && !is_negative(operands[1]) &&
      operands[0].value != std::numeric_limits<int64_t>::min())
    return fmt::format("{} - {}", written(operands[1]), -operands[0].value);
  std::string text;
  for (size_t i = 0; i < operands.size(); ++i) {
    const int own = precedence(expression), inner = precedence(operands[i]);
    const bool in_parentheses =
        inner < own || (i > 0 && inner == own && expression.kind != Kind::add && expression.kind != Kind::multiply) ||
        (i > 0 && is_negative(operands[i]));
    text += i == 0 ? "" : sign(expression.kind);
    text += in_parentheses ? "(" + written(operands[i]) + ")" : written(operands[i]);
  }
  return text;
}

std::optional<int64_t> add(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::nullopt : std::optional(sum);
}
std::optional<int64_t> subtract(int64_t a, int64_t b) {
  int64_t difference = 0;
  return __builtin_sub_overflow(a, b, &difference) ? std::nullopt : std::optional(difference);
}
std::optional<int64_t> multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::nullopt : std::optional(product);
}

std::optional<int64_t> floor_divide(int64_t a, int64_t b) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return {};
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

std::optional<int64_t> modulo(int64_t a, int64_t b) {
  if (b == 0) return {};
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

std::optional<int64_t> power(int64_t a, int64_t b) {
  if (b < 0) return {};
  if (a == 0 || a == 1) return b == 0 ? 1 : a;
  if (a == -1) return b % 2 == 0 ? 1 : -1;
  int64_t result = 1;  // at most 63 rounds: the size doubles with each
  for (; b > 0; --b)
    if (__builtin_mul_overflow(result, a, &result)) return {};
  return result;
}

}  // namespace upconv::internal
