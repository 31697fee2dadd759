#include "tools/write/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace upconv::tools {
namespace {

constexpr int sums = 1, products = 2, prefixes = 3;

int precedence_of(const std::string& op) { return op == "+" || op == "-" ? sums : products; }

/// That of the outermost operator of a text that stands for a number.
int precedence_of_name(const std::string& text) {
  if (text.find(" + ") != text.npos || text.find(" - ") != text.npos) return sums;
  return text.find(' ') != text.npos ? products : 9;
}

struct Printed {
  std::string text;
  int precedence;
};

Printed printed(const Expression& expression, const Naming& naming);

/// As a person writes it: "1e-8", and roots of whole numbers as such.
std::string print_real(double number) {
  constexpr double most = 1 << 16;
  const double square = std::round(number * number), inverse = std::round(1 / (number * number));
  const auto is_root_of = [](double root, double whole) {
    return whole > 1 && whole <= most && std::sqrt(whole) == root && std::round(root) != root;
  };
  if (is_root_of(number, square)) return fmt::format("std::sqrt({})", static_cast<int>(square));
  if (inverse > 1 && inverse <= most && 1 / std::sqrt(inverse) == number && is_root_of(std::sqrt(inverse), inverse))
    return fmt::format("1 / std::sqrt({})", static_cast<int>(inverse));
  std::string text = fmt::format("{}", number);
  if (const size_t zero = text.find("e-0"); zero != text.npos) text.erase(zero + 2, 1);
  return text;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : ", ") + part;
  return all;
}

bool is_initial(const ExpressionArgument& argument, const Naming& naming) {
  return argument.initial && argument.value.kind == Expression::Kind::number &&
         (argument.value.role.empty() || naming(argument.value).empty()) && argument.value.number == *argument.initial;
}

std::string arguments_of(const Expression& call, const Naming& naming) {
  std::vector<std::string> all, options;
  size_t last = 0;  // beyond the last one that must be there
  for (size_t i = 0; i < call.arguments.size(); ++i)
    if (call.arguments[i].option.empty() && !is_initial(call.arguments[i], naming)) last = i + 1;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const ExpressionArgument& argument = call.arguments[i];
    if (argument.option.empty()) {
      if (i < last) all.push_back(printed(argument.value, naming).text);
    } else if (!is_initial(argument, naming)) {
      options.push_back(fmt::format(".{} = {}", argument.option, printed(argument.value, naming).text));
    }
  }
  if (!options.empty()) all.push_back("{" + joined(options) + "}");
  return joined(all);
}

Printed printed(const Expression& expression, const Naming& naming) {
  switch (expression.kind) {
    case Expression::Kind::text:
      return {expression.text, expression.precedence};
    case Expression::Kind::number: {
      const std::string name = expression.role.empty() ? "" : naming(expression);
      if (!name.empty()) return {name, precedence_of_name(name)};
      const std::string text = print(expression.number);
      return {text, text.starts_with('-') ? prefixes : precedence_of_name(text)};
    }
    case Expression::Kind::list:
      return {expression.text + "{" + arguments_of(expression, naming) + "}", 9};
    case Expression::Kind::call:
      return {expression.text + "(" + arguments_of(expression, naming) + ")", 9};
    case Expression::Kind::infix: {
      const int own = precedence_of(expression.text);
      Printed a = printed(expression.arguments[0].value, naming), b = printed(expression.arguments[1].value, naming);
      if (a.precedence < own) a.text = "(" + a.text + ")";
      if (b.precedence <= own) b.text = "(" + b.text + ")";
      return {fmt::format("{} {} {}", a.text, expression.text, b.text), own};
    }
  }
  return {};
}

/// Where the bracket that is opened at `open` is closed.
size_t closing(const std::string& text, size_t open) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted) continue;
    if (text[i] == '(' || text[i] == '{') ++depth;
    if ((text[i] == ')' || text[i] == '}') && --depth == 0) return i;
  }
  return text.npos;
}

/// What stands between commas.
std::vector<std::string> items(const std::string& text) {
  std::vector<std::string> all;
  size_t begin = 0;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (quoted) continue;
    if (text[i] == '(' || text[i] == '{') ++depth;
    if (text[i] == ')' || text[i] == '}') --depth;
    if (text[i] == ',' && depth == 0) {
      all.push_back(text.substr(begin, i - begin));
      begin = i + 2;
    }
  }
  all.push_back(text.substr(begin));
  return all;
}

size_t last_line(const std::string& text) {
  const size_t end = text.rfind('\n');
  return end == text.npos ? text.size() : text.size() - end - 1;
}

bool fits(const std::string& text, size_t column) {
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin + (begin == 0 ? column : 0) > line_length) return false;
    begin = end + 1;
  }
  return true;
}

/// Items from `column` on, as many to a line as fit it, lines at `column`; `after` characters follow the last one.
std::string filled(const std::vector<std::string>& items, size_t column, size_t after) {
  std::string text;
  size_t at = column;
  for (size_t i = 0; i < items.size(); ++i) {
    const bool is_last = i + 1 == items.size();
    const size_t behind = is_last ? after : 1;
    std::string item = items[i];
    if (i > 0) {
      if (at + 1 + item.size() + behind <= line_length) {
        text += ' ';
        ++at;
      } else {
        text += '\n' + std::string(column, ' ');
        at = column;
      }
    }
    if (at + item.size() + behind > line_length) item = wrapped(item, at, at);
    text += item + (is_last ? "" : ",");
    at = item.find('\n') == item.npos ? at + item.size() + (is_last ? 0 : 1) : last_line(item) + (is_last ? 0 : 1);
  }
  return text;
}

}  // namespace

Expression Expression::name(std::string text) {
  return {.kind = Kind::text, .text = std::move(text), .role = {}, .arguments = {}};
}

Expression Expression::of(Number number, std::string role) {
  return {.kind = Kind::number, .text = {}, .number = number, .role = std::move(role), .arguments = {}};
}

Expression Expression::call(std::string function) {
  return {.kind = Kind::call, .text = std::move(function), .role = {}, .arguments = {}};
}

Expression Expression::list() { return {.kind = Kind::list, .text = {}, .role = {}, .arguments = {}}; }

Expression Expression::infix(Expression a, std::string op, Expression b) {
  Expression all{.kind = Kind::infix, .text = std::move(op), .role = {}, .arguments = {}};
  all.add(std::move(a)).add(std::move(b));
  return all;
}

Expression& Expression::add(Expression value) {
  arguments.push_back({std::move(value), {}, {}});
  return *this;
}
Expression& Expression::add(Expression value, Number initial) {
  arguments.push_back({std::move(value), {}, initial});
  return *this;
}
Expression& Expression::option(std::string name, Expression value, std::optional<Number> initial) {
  arguments.push_back({std::move(value), std::move(name), initial});
  return *this;
}

std::string print(const Number& number) {
  if (const auto* truth = std::get_if<bool>(&number)) return *truth ? "true" : "false";
  if (const auto* integer = std::get_if<int64_t>(&number)) return std::to_string(*integer);
  return print_real(std::get<double>(number));
}

std::string print(const Expression& expression, const Naming& naming) { return printed(expression, naming).text; }

std::string signature(const Expression& expression) {
  if (expression.kind == Expression::Kind::number)
    return expression.role.empty() ? print(expression.number)
                                   : fmt::format("#{}:{}", expression.role, expression.number.index());
  std::string all = fmt::format("{}:{}(", static_cast<int>(expression.kind), expression.text);
  for (const ExpressionArgument& argument : expression.arguments)
    all += argument.option + "=" + signature(argument.value) + ",";
  return all + ")";
}

void each_number(const Expression& expression, const std::function<void(const Expression&)>& f) {
  if (expression.kind == Expression::Kind::number && !expression.role.empty()) f(expression);
  for (const ExpressionArgument& argument : expression.arguments) each_number(argument.value, f);
}

int depth(const Expression& expression) {
  int most = 0;
  for (const ExpressionArgument& argument : expression.arguments) most = std::max(most, depth(argument.value));
  return most + (expression.kind == Expression::Kind::call || expression.kind == Expression::Kind::infix ? 1 : 0);
}

std::string wrapped(const std::string& text, size_t column, size_t indent) {
  if (column + text.size() <= line_length) return text;
  // The first brackets that reach beyond the line.
  for (size_t open = text.find_first_of("({"); open != text.npos; open = text.find_first_of("({", open + 1)) {
    const size_t close = closing(text, open);
    if (close == text.npos) break;
    if (column + close + 1 <= line_length || close == open + 1) {
      open = close;
      continue;
    }
    const std::string before = text.substr(0, open + 1), after = text.substr(close);
    const std::vector<std::string> parts = items(text.substr(open + 1, close - open - 1));
    const size_t aligned = column + before.size();
    std::string inside = filled(parts, aligned, after.size());
    if (!fits(inside, aligned)) inside = '\n' + std::string(indent + 4, ' ') + filled(parts, indent + 4, after.size());
    std::string all = before + inside;
    const size_t at = all.find('\n') == all.npos ? column + all.size() : last_line(all);
    return all + (at + after.size() > line_length ? wrapped(after, at, indent) : after);
  }
  return text;
}

}  // namespace upconv::tools
