#include "layers/exported/sizes.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "framework/weights/bytes.h"

namespace upconv::internal {
namespace {

using Kind = SizeExpression::Kind;
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
