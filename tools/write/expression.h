#pragma once
// C++ expressions while a header is written: as trees, so that those of several modules can be compared, and numbers
// in which they differ become arguments.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace upconv::tools {

using Number = std::variant<bool, int64_t, double>;

struct Expression;

/// One of a call's arguments.
struct ExpressionArgument;

struct Expression {
  enum class Kind {
    text,    ///< as it is: a name, "x.size(0)"
    number,  ///< which may become a constructor's argument
    list,    ///< {a, b}, or Shape{a, b}
    call,    ///< f(a, b, {.c = d})
    infix    ///< a + b
  };
  Kind kind = Kind::text;
  std::string text;            ///< of a call its function, of a list its type, of infix its operator
  Number number = int64_t{0};  ///<
  std::string role;            ///< of a number: what an argument for it is called, "" where it never is one
  std::vector<ExpressionArgument> arguments;  ///< of all others
  int precedence = 9;                         ///< of text: that of its outermost operator

  static Expression name(std::string text);
  static Expression of(Number number, std::string role = "");
  static Expression call(std::string function);
  static Expression list();
  static Expression infix(Expression a, std::string op, Expression b);

  /// Adds one that is always there.
  Expression& add(Expression value);
  /// Adds one that is left out where it and all after it are what they are anyway.
  Expression& add(Expression value, Number initial);
  /// The same of one that has a name: {.stride = 2}.
  Expression& option(std::string name, Expression value, std::optional<Number> initial = {});
};

struct ExpressionArgument {
  Expression value;
  std::string option = {};
  std::optional<Number> initial = {};
};

/// What stands for numbers; "" where they are written as they are.
using Naming = std::function<std::string(const Expression& number)>;

/// In C++, on one line.
std::string print(
    const Expression& expression, const Naming& naming = [](const Expression&) { return std::string(); });
/// What two expressions share that differ in numbers with roles alone.
std::string signature(const Expression& expression);
/// Calls f with each number that has a role, in an order that those with one signature share.
void each_number(const Expression& expression, const std::function<void(const Expression&)>& f);
/// How many calls and operators it has within each other.
int depth(const Expression& expression);

std::string print(const Number& number);

/// `text` from `column` on, with line ends where it would be too long; what follows them begins at `indent`.
std::string wrapped(const std::string& text, size_t column, size_t indent);

constexpr size_t line_length = 120;

}  // namespace upconv::tools
