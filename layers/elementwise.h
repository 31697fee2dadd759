#pragma once
// Arithmetic with values in forward(), as with tensors in Python: a + b, a * 0.2 + x, tanh(x / 3) * 3. Shapes are
// broadcast as in PyTorch: aligned at their last dimensions, where sizes are equal or one of them is 1 or missing.
// Throws Error where they do not fit or a value is not float32. A number after a layer is folded into its weights, and
// a sum into what a layer stores, where nothing else reads that.
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "../framework/graph.h"

namespace upconv {

/// The sum of two elements.
[[nodiscard]] Value operator+(Value a, Value b);
/// Their difference.
[[nodiscard]] Value operator-(Value a, Value b);
/// Their product.
[[nodiscard]] Value operator*(Value a, Value b);
/// Their quotient, infinite or NaN where b is 0.
[[nodiscard]] Value operator/(Value a, Value b);

/// `number` more than each element.
[[nodiscard]] Value operator+(Value x, double number);
/// `number` less than each element.
[[nodiscard]] Value operator-(Value x, double number);
/// Each element, times `number`.
[[nodiscard]] Value operator*(Value x, double number);
/// Each element, times 1 / `number`.
[[nodiscard]] Value operator/(Value x, double number);
/// `number` more than each element.
[[nodiscard]] Value operator+(double number, Value x);
/// `number` less each element.
[[nodiscard]] Value operator-(double number, Value x);
/// Each element, times `number`.
[[nodiscard]] Value operator*(double number, Value x);
/// Each element divides `number`, rounded once: infinite where it is 0, NaN where it is NaN or both are 0.
[[nodiscard]] Value operator/(double number, Value x);
/// Each element with the other sign.
[[nodiscard]] Value operator-(Value x);

/// Python's `a += b`, and so on: `a` is the new value from then on, and who else has the old one keeps it.
inline Value& operator+=(Value& a, Value b) { return a = a + b; }
/// The same of a difference.
inline Value& operator-=(Value& a, Value b) { return a = a - b; }
/// The same of a product.
inline Value& operator*=(Value& a, Value b) { return a = a * b; }
/// The same of a quotient.
inline Value& operator/=(Value& a, Value b) { return a = a / b; }
/// The same of a number.
inline Value& operator+=(Value& a, double number) { return a = a + number; }
/// The same of a number.
inline Value& operator-=(Value& a, double number) { return a = a - number; }
/// The same of a number.
inline Value& operator*=(Value& a, double number) { return a = a * number; }
/// The same of a number.
inline Value& operator/=(Value& a, double number) { return a = a / number; }

/// The larger of two elements, NaN where one is.
[[nodiscard]] Value maximum(Value a, Value b);
/// The smaller one, NaN where one is.
[[nodiscard]] Value minimum(Value a, Value b);
/// torch.pow: NaN where a negative number has an exponent that is not whole.
[[nodiscard]] Value pow(Value base, Value exponent);
/// The same exponent for all; 2, 0.5, -0.5 and -1 are a product, roots and a quotient.
[[nodiscard]] Value pow(Value base, double exponent);
/// The square root, NaN below 0.
[[nodiscard]] Value sqrt(Value x);
/// 1 / sqrt(x).
[[nodiscard]] Value rsqrt(Value x);
/// e to the power of x.
[[nodiscard]] Value exp(Value x);
/// The natural logarithm, NaN below 0.
[[nodiscard]] Value log(Value x);
/// Without the sign.
[[nodiscard]] Value abs(Value x);
/// The sine of x in radians.
[[nodiscard]] Value sin(Value x);
/// The cosine of x in radians.
[[nodiscard]] Value cos(Value x);

/// Comparisons: 1 where it is so, 0 elsewhere and where an element is NaN (but ne, which is 1 then), float32 in the
/// place of PyTorch's boolean. a == b; a number may stand for either.
[[nodiscard]] Value eq(Value a, Value b);
/// Not a == b.
[[nodiscard]] Value ne(Value a, Value b);
/// a < b.
[[nodiscard]] Value lt(Value a, Value b);
/// a <= b.
[[nodiscard]] Value le(Value a, Value b);
/// a > b.
[[nodiscard]] Value gt(Value a, Value b);
/// a >= b.
[[nodiscard]] Value ge(Value a, Value b);
/// lt.
[[nodiscard]] inline Value operator<(Value a, Value b) { return lt(a, b); }
/// le.
[[nodiscard]] inline Value operator<=(Value a, Value b) { return le(a, b); }
/// gt.
[[nodiscard]] inline Value operator>(Value a, Value b) { return gt(a, b); }
/// ge.
[[nodiscard]] inline Value operator>=(Value a, Value b) { return ge(a, b); }
/// lt.
[[nodiscard]] Value operator<(Value a, double number);
/// le.
[[nodiscard]] Value operator<=(Value a, double number);
/// gt.
[[nodiscard]] Value operator>(Value a, double number);
/// ge.
[[nodiscard]] Value operator>=(Value a, double number);
/// torch.where: elements of a where `condition` is not 0, elements of b elsewhere; all three are broadcast.
[[nodiscard]] Value where(Value condition, Value a, Value b);

/// An element-wise function of one's own, which joins its neighbours as any other does. Make one and keep it, as a
/// static or a member: two are never taken for the same.
///
///     static const ElementwiseFunction square("square", 1, [](const float* const* x, float* y, int64_t count) {
///       for (int64_t i = 0; i < count; ++i) y[i] = x[0][i] * x[0][i];
///     });
class ElementwiseFunction {
 public:
  /// Computes `count` elements y[i] of x[0][i], x[1][i], ... On any thread, several at once; y is none of the x. What
  /// it throws ends the run.
  using Function = std::function<void(const float* const* x, float* y, int64_t count)>;
  /// `name` is what messages and profiles call it. Throws Error where it has no inputs.
  ElementwiseFunction(std::string name, int inputs, Function function);
  /// Of values that are broadcast. Throws Error where it has another number of inputs.
  [[nodiscard]] Value operator()(const Values& xs) const;
  /// Of one value.
  [[nodiscard]] Value operator()(Value x) const { return (*this)(Values{x}); }

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// torch.clamp: min(max(x, min), max), NaN kept. Throws Error where neither is given.
[[nodiscard]] Value clamp(Value x, std::optional<double> min = {}, std::optional<double> max = {});

}  // namespace upconv
