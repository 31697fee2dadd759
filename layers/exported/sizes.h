#pragma once
// Internal: the arithmetic of sizes that archives write as text, in Python's words. It comes in three kinds that one
// grammar has all of: SymPy's constructors ("Mul(Integer(2), Symbol('s4', integer=True))"), what SymPy prints ("2*s4"),
// and guards ("L['x'].size()[2] // 2 != 1"). Texts are parsed and computed with; nothing is ever run.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace upconv::internal {

/// A number that follows from sizes, or whether two such numbers compare so.
struct SizeExpression {
  enum class Kind {
    number,
    symbol,
    size,
    add,
    subtract,
    multiply,
    floor_divide,
    modulo,
    power,
    maximum,
    minimum,
    equal,
    unequal,
    less,
    less_equal,
    greater,
    greater_equal,
    conjunction,
    disjunction,
    negation
  };
  Kind kind = Kind::number;
  int64_t value = 0;                     ///< of a number, or which dimension a size is of
  std::string name;                      ///< of a symbol, or of the input that a size is of
  std::vector<SizeExpression> operands;  ///< of all others

  /// Whether it is a comparison.
  bool compares() const { return kind >= Kind::equal && kind <= Kind::greater_equal; }
  /// Calls f with the name of each symbol in it.
  void each_symbol(const std::function<void(const std::string&)>& f) const;
};

/// The expression that `text` is; nothing where it is none, or has something in it that is not known.
std::optional<SizeExpression> parse_sizes(std::string_view text);

/// As one writes it in Python: "2*s53".
std::string written(const SizeExpression& expression);

/// What symbols and sizes of inputs are in a call; nothing for those that are not known.
struct SizesOfCall {
  std::function<std::optional<int64_t>(const std::string& symbol)> symbol;
  std::function<std::optional<int64_t>(const std::string& input, int64_t dim)> size;
};

/// What it is; nothing where something is not known, divided by 0, or too large for 64 bits.
std::optional<int64_t> evaluate(const SizeExpression& expression, const SizesOfCall& call);

/// Sums, differences and products; nothing where they overflow.
std::optional<int64_t> add(int64_t a, int64_t b);
std::optional<int64_t> subtract(int64_t a, int64_t b);
std::optional<int64_t> multiply(int64_t a, int64_t b);
/// Python's quotient and remainder, which round down; nothing for a divisor of 0, or where it overflows.
std::optional<int64_t> floor_divide(int64_t a, int64_t b);
std::optional<int64_t> modulo(int64_t a, int64_t b);
/// a to the power of b, which is not negative; nothing where it overflows.
std::optional<int64_t> power(int64_t a, int64_t b);

}  // namespace upconv::internal
