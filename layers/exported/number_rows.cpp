// Sizes, and the numbers that shapes are computed from.
#include <algorithm>
#include <climits>
#include <cmath>
#include <functional>

#include "framework/fail.h"
#include "layers/exported/rows.h"
#include "layers/exported/sizes.h"

namespace upconv::internal {
namespace {

using Items = std::vector<Item>;

/// Of numbers, which are known when a call is written down.
Item number_item(const NodeCall& call, bool integral, double value, std::optional<int64_t> integer) {
  if (!integral) return value;
  if (!integer) call.refuse("the number does not fit 64 bits, or something is divided by 0");
  return *integer;
}

template <class OfIntegers, class OfNumbers>
Items numbers(const NodeCall& call, OfIntegers of_integers, OfNumbers of_numbers) {
  const bool integral = call.is_integral("a") && call.is_integral("b");
  const std::optional<int64_t> integer =
      integral ? of_integers(call.integer("a"), call.integer("b")) : std::optional<int64_t>();
  return {number_item(call, integral, integral ? 0 : of_numbers(call.number("a"), call.number("b")), integer)};
}

template <class Compare>
Items number_comparison(const NodeCall& call) {
  return {static_cast<int64_t>(Compare()(call.number("a"), call.number("b")))};
}

template <class Function>
Items bits(const NodeCall& call, Function function) {
  return {function(call.integer("a"), call.integer("b"))};
}

int64_t shift(const NodeCall& call) {
  const int64_t places = call.integer("b");
  if (places < 0) call.refuse("expected a shift by at least 0 places, got {}", places);
  return places;
}

Items number_power(const NodeCall& call) {
  if (call.is_integral("a") && call.is_integral("b") && call.integer("b") >= 0)
    return {number_item(call, true, 0, power(call.integer("a"), call.integer("b")))};
  return {std::pow(call.number("a"), call.number("b"))};
}

}  // namespace

std::vector<OperationRow> number_rows() {
  return {
      {"sym_size.int", "Tensor self, int dim",
       [](const NodeCall& c) -> Items {
         return {
             c.operand("self").value.size(static_cast<int>(std::clamp<int64_t>(c.integer("dim"), INT_MIN, INT_MAX)))};
       }},
      {"sym_numel", "Tensor self", [](const NodeCall& c) -> Items { return {numel(c.operand("self").value.shape())}; }},
      {"_operator.add", "Scalar a, Scalar b", [](const NodeCall& c) { return numbers(c, add, std::plus<>()); }},
      {"_operator.sub", "Scalar a, Scalar b", [](const NodeCall& c) { return numbers(c, subtract, std::minus<>()); }},
      {"_operator.mul", "Scalar a, Scalar b",
       [](const NodeCall& c) { return numbers(c, multiply, std::multiplies<>()); }},
      {"_operator.floordiv", "Scalar a, Scalar b",
       [](const NodeCall& c) {
         return numbers(c, floor_divide, [](double a, double b) { return std::floor(a / b); });
       }},
      {"_operator.mod", "Scalar a, Scalar b",
       [](const NodeCall& c) {
         return numbers(c, modulo, [](double a, double b) { return a - std::floor(a / b) * b; });
       }},
      {"_operator.truediv", "Scalar a, Scalar b",
       [](const NodeCall& c) -> Items { return {c.number("a") / c.number("b")}; }},
      {"_operator.pow", "Scalar a, Scalar b", number_power},
      {"_operator.neg", "Scalar a",
       [](const NodeCall& c) -> Items {
         return {number_item(c, c.is_integral("a"), -c.number("a"),
                             c.is_integral("a") ? subtract(0, c.integer("a")) : std::nullopt)};
       }},
      {"_operator.and_", "Scalar a, Scalar b", [](const NodeCall& c) { return bits(c, std::bit_and<>()); }},
      {"_operator.or_", "Scalar a, Scalar b", [](const NodeCall& c) { return bits(c, std::bit_or<>()); }},
      {"_operator.lshift", "Scalar a, Scalar b",
       [](const NodeCall& c) -> Items {
         const std::optional<int64_t> factor = power(2, shift(c));
         const std::optional<int64_t> y = factor ? multiply(c.integer("a"), *factor) : std::nullopt;
         return {number_item(c, true, 0, y)};
       }},
      {"_operator.rshift", "Scalar a, Scalar b",
       [](const NodeCall& c) -> Items { return {c.integer("a") >> std::min<int64_t>(shift(c), 63)}; }},
      {"_operator.eq", "Scalar a, Scalar b", number_comparison<std::equal_to<>>},
      {"_operator.ne", "Scalar a, Scalar b", number_comparison<std::not_equal_to<>>},
      {"_operator.lt", "Scalar a, Scalar b", number_comparison<std::less<>>},
      {"_operator.le", "Scalar a, Scalar b", number_comparison<std::less_equal<>>},
      {"_operator.gt", "Scalar a, Scalar b", number_comparison<std::greater<>>},
      {"_operator.ge", "Scalar a, Scalar b", number_comparison<std::greater_equal<>>},
      {"torch.sym_float", "Scalar a", [](const NodeCall& c) -> Items { return {c.number("a")}; }},
      {"torch.sym_not", "Scalar a",
       [](const NodeCall& c) -> Items { return {static_cast<int64_t>(c.number("a") == 0)}; }},
      {"torch.sym_ite", "Scalar b, Scalar t, Scalar f",
       [](const NodeCall& c) -> Items {
         const std::string_view chosen = c.number("b") != 0 ? "t" : "f";
         if (c.is_integral("t") && c.is_integral("f")) return {c.integer(chosen)};
         return {c.number(chosen)};
       }},
      {"torch.sym_max", "Scalar a, Scalar b",
       [](const NodeCall& c) {
         return numbers(
             c, [](int64_t a, int64_t b) { return std::optional(std::max(a, b)); },
             [](double a, double b) { return std::max(a, b); });
       }},
      {"torch.sym_min", "Scalar a, Scalar b",
       [](const NodeCall& c) {
         return numbers(
             c, [](int64_t a, int64_t b) { return std::optional(std::min(a, b)); },
             [](double a, double b) { return std::min(a, b); });
       }},
      {"torch._sym_sqrt", "Scalar a", [](const NodeCall& c) -> Items { return {std::sqrt(c.number("a"))}; }},
      {"math.trunc", "Scalar x", [](const NodeCall& c) -> Items { return {whole(std::trunc(c.number("x")))}; }},
      {"_assert_tensor_metadata",
       "any a, any size=None, any stride=None, any dtype=None, any device=None, any layout=None",
       [](const NodeCall&) -> Items { return {}; }},
      {"_assert_scalar", "Scalar self, any assert_msg",
       [](const NodeCall& c) -> Items {
         if (c.number("self") == 0) c.refuse("the program asserts what is not so: {}", c.shown_text("assert_msg"));
         return {};
       }},
  };
}

}  // namespace upconv::internal
