// Arithmetic, comparisons and types.
#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/fail.h"
#include "layers/elementwise.h"
#include "layers/exported/rows.h"
#include "layers/functional.h"
#include "layers/integers.h"

namespace upconv::internal {
namespace {

using Items = std::vector<Item>;

Value as_integer(const Operand& x) { return converted(x, DType::int64).value; }

/// The rest of a division that is rounded down, with the sign of the divisor.
float rest_of(float a, float b) {
  const float rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/// Those that have no other use in the library, element by element in the C library's precision: by their address, so
/// that none costs the program a loop of its own.
struct Seldom {
  const char* name;
  float (*of_one)(float);
  float (*of_two)(float, float);
};
constexpr Seldom seldom[] = {
    {"floor", [](float x) { return std::floor(x); }, nullptr},
    {"trunc", [](float x) { return std::trunc(x); }, nullptr},
    {"ceil", [](float x) { return std::ceil(x); }, nullptr},
    {"round", [](float x) { return std::nearbyint(x); }, nullptr},
    {"sign", [](float x) { return static_cast<float>((x > 0) - (x < 0)); }, nullptr},
    {"erf", [](float x) { return std::erf(x); }, nullptr},
    {"expm1", [](float x) { return std::expm1(x); }, nullptr},
    {"log1p", [](float x) { return std::log1p(x); }, nullptr},
    {"log2", [](float x) { return std::log2(x); }, nullptr},
    {"log10", [](float x) { return std::log10(x); }, nullptr},
    {"exp2", [](float x) { return std::exp2(x); }, nullptr},
    {"tan", [](float x) { return std::tan(x); }, nullptr},
    {"atan", [](float x) { return std::atan(x); }, nullptr},
    {"sinh", [](float x) { return std::sinh(x); }, nullptr},
    {"cosh", [](float x) { return std::cosh(x); }, nullptr},
    {"asin", [](float x) { return std::asin(x); }, nullptr},
    {"acos", [](float x) { return std::acos(x); }, nullptr},
    {"asinh", [](float x) { return std::asinh(x); }, nullptr},
    {"acosh", [](float x) { return std::acosh(x); }, nullptr},
    {"atanh", [](float x) { return std::atanh(x); }, nullptr},
    {"erfc", [](float x) { return std::erfc(x); }, nullptr},
    {"frac", [](float x) { return x - std::trunc(x); }, nullptr},
    {"sinc", [](float x) { return x == 0 ? 1.0F : std::sin(3.14159265F * x) / (3.14159265F * x); }, nullptr},
    {"isnan", [](float x) { return std::isnan(x) ? 1.0F : 0.0F; }, nullptr},
    {"isinf", [](float x) { return std::isinf(x) ? 1.0F : 0.0F; }, nullptr},
    {"isfinite", [](float x) { return std::isfinite(x) ? 1.0F : 0.0F; }, nullptr},
    {"remainder", nullptr, rest_of},
    {"fmod", nullptr, [](float a, float b) { return std::fmod(a, b); }},
    {"atan2", nullptr, [](float a, float b) { return std::atan2(a, b); }},
};

Value seldom_of(std::string_view name, const Values& xs) {
  static const std::vector<ElementwiseFunction> functions = [] {
    std::vector<ElementwiseFunction> all;
    for (const Seldom& one : seldom)
      all.emplace_back(one.name, one.of_one ? 1 : 2, [&one](const float* const* in, float* y, int64_t count) {
        for (int64_t i = 0; i < count; ++i) y[i] = one.of_one ? one.of_one(in[0][i]) : one.of_two(in[0][i], in[1][i]);
      });
    return all;
  }();
  size_t at = 0;
  while (seldom[at].name != name) ++at;
  return functions[at](xs);
}

Value floor_of(Value x) { return seldom_of("floor", {x}); }
Value trunc_of(Value x) { return seldom_of("trunc", {x}); }
Value ceil_of(Value x) { return seldom_of("ceil", {x}); }
Value round_of(Value x) { return seldom_of("round", {x}); }

/// Of the operand self.
Items seldom_row(const NodeCall& call, std::string_view name, DType type = DType::float32) {
  return one(seldom_of(name, {as_float(call.operand("self"))}), type);
}

Value integer(const NodeCall& call, int64_t number) { return call.graph().constant(Tensor({}, {number})); }

/// A number as a tensor without dimensions, in the type that PyTorch would compute in beside `other`.
Operand number_operand(const NodeCall& call, std::string_view name, DType other) {
  if (other != DType::float32 && call.is_integral(name)) return {integer(call, call.integer(name)), DType::int64};
  return {call.graph().constant(Tensor({}, {static_cast<float>(call.number(name))})), DType::float32};
}

/// Two operands in one type.
struct Sides {
  Operand a, b;
  bool integers() const { return a.type == DType::int64; }
};

/// As PyTorch promotes types: float32 before int64 before boolean.
Sides promoted(const Operand& a, const Operand& b) {
  const DType type = a.type == DType::float32 || b.type == DType::float32 ? DType::float32
                     : a.type == DType::int64 || b.type == DType::int64   ? DType::int64
                                                                          : DType::boolean;
  return {converted(a, type), converted(b, type)};
}

/// The operands `self` and `other`, one of which may be a number.
Sides sides(const NodeCall& call, std::string_view first = "self", std::string_view second = "other") {
  if (call.number_or_tensor(first)) {
    const Operand b = call.operand(second);
    return promoted(number_operand(call, first, b.type), b);
  }
  const Operand a = call.operand(first);
  return promoted(a, call.number_or_tensor(second) ? number_operand(call, second, a.type) : call.operand(second));
}

/// A function of float32 where a number may stand for either side, which is folded into the neighbours of the other.
template <class Function>
Items float_function(const NodeCall& call, std::string_view first, std::string_view second, Function function) {
  if (const auto number = call.number_or_tensor(first)) return one(function(*number, as_float(call.operand(second))));
  if (const auto number = call.number_or_tensor(second)) return one(function(as_float(call.operand(first)), *number));
  return one(function(as_float(call.operand(first)), as_float(call.operand(second))));
}

/// Whether both sides are integers, or truths, and numbers among them are whole.
bool is_integral(const NodeCall& call, std::string_view name) {
  return call.number_or_tensor(name) ? call.is_integral(name) : call.operand(name).type != DType::float32;
}
bool are_integral(const NodeCall& call) { return is_integral(call, "self") && is_integral(call, "other"); }

/// first + alpha * second, or first - alpha * second: the names of the arguments that they are.
Items sum_of(const NodeCall& call, bool minus, std::string_view first = "self", std::string_view second = "other") {
  const double alpha = call.number("alpha");
  if (are_integral(call)) {
    const Sides both = sides(call, first, second);
    const auto is_truth = [&](std::string_view name) {  // numbers are integers, but for True and False
      return call.number_or_tensor(name) ? call.is_truth(name) : call.operand(name).type == DType::boolean;
    };
    if (is_truth(first) && is_truth(second)) {
      if (minus || alpha != 1) call.refuse("expected a sum of truths with an alpha of 1");
      return one(maximum(as_float(converted(both.a, DType::boolean)), as_float(converted(both.b, DType::boolean))),
                 DType::boolean);
    }
    Value b = as_integer(both.b);
    if (alpha != 1) b = integer_function(IntegerFunction::multiply, b, integer(call, call.integer("alpha")));
    return one(integer_function(minus ? IntegerFunction::subtract : IntegerFunction::add, as_integer(both.a), b),
               DType::int64);
  }
  if (const auto number = call.number_or_tensor(second))
    return one(as_float(call.operand(first)) + (minus ? -alpha : alpha) * *number);
  Value b = as_float(call.operand(second));
  if (alpha != 1) b = b * alpha;
  if (const auto number = call.number_or_tensor(first)) return one(minus ? *number - b : *number + b);
  const Value a = as_float(call.operand(first));
  return one(minus ? a - b : a + b);
}

Items product_of(const NodeCall& call) {
  if (!are_integral(call)) return float_function(call, "self", "other", [](auto a, auto b) { return a * b; });
  const Sides both = sides(call);
  if (both.a.type == DType::boolean) return one(both.a.value * both.b.value, DType::boolean);
  return one(integer_function(IntegerFunction::multiply, both.a.value, both.b.value), DType::int64);
}

Items quotient_of(const NodeCall& call) {
  return float_function(call, "self", "other", [](auto a, auto b) { return a / b; });
}

Items integer_pair(const NodeCall& call, IntegerFunction function) {
  const Sides both = sides(call);
  return one(integer_function(function, as_integer(both.a), as_integer(both.b)), DType::int64);
}

/// The quotient of integers without its fraction: one more than the rounded down one where that is negative and not
/// exact.
Items truncated_quotient(const NodeCall& call) {
  const Sides both = sides(call);
  const Value a = as_integer(both.a), b = as_integer(both.b);
  const Value down = integer_function(IntegerFunction::floor_divide, a, b);
  const Value zero = integer(call, 0);
  const Value is_inexact =
      integer_function(IntegerFunction::unequal, integer_function(IntegerFunction::multiply, down, b), a);
  const Value is_negative = integer_function(IntegerFunction::less, down, zero);
  return one(integer_function(IntegerFunction::add, down, to_int64(is_inexact * is_negative)), DType::int64);
}

Items rounded_quotient(const NodeCall& call) {
  const std::string mode = call.is_none("rounding_mode") ? "" : call.text("rounding_mode");
  if (mode.empty()) return quotient_of(call);
  if (mode != "floor" && mode != "trunc")
    call.refuse("expected a rounding_mode of 'floor', 'trunc' or None, got '{}'", mode);
  const bool floors = mode == "floor";
  if (are_integral(call)) return floors ? integer_pair(call, IntegerFunction::floor_divide) : truncated_quotient(call);
  const Value quotient = std::get<Operand>(quotient_of(call)[0]).value;
  return one(floors ? floor_of(quotient) : trunc_of(quotient));
}

Items floor_quotient(const NodeCall& call) {
  if (are_integral(call)) return integer_pair(call, IntegerFunction::floor_divide);
  return one(floor_of(std::get<Operand>(quotient_of(call)[0]).value));
}

/// Of integers, the rest of the quotient that is rounded in the same way.
Items rest(const NodeCall& call) {
  if (are_integral(call)) return integer_pair(call, IntegerFunction::remainder);
  const Sides both = sides(call);
  return one(seldom_of("remainder", {as_float(both.a), as_float(both.b)}));
}
Items truncated_rest(const NodeCall& call) {
  const Sides both = sides(call);
  if (!are_integral(call)) return one(seldom_of("fmod", {as_float(both.a), as_float(both.b)}));
  const Value a = as_integer(both.a), b = as_integer(both.b);
  const Value quotient = std::get<Operand>(truncated_quotient(call)[0]).value;
  const Value whole = integer_function(IntegerFunction::multiply, quotient, b);
  return one(integer_function(IntegerFunction::subtract, a, whole), DType::int64);
}

template <IntegerFunction of_integers, Value (*of_floats)(Value, Value)>
Items compared(const NodeCall& call) {
  const Sides both = sides(call);
  return one(both.integers() ? integer_function(of_integers, both.a.value, both.b.value)
                             : of_floats(both.a.value, both.b.value),
             DType::boolean);
}

template <IntegerFunction of_integers, Value (*of_floats)(Value, Value)>
Items larger_or_smaller(const NodeCall& call) {
  const Sides both = sides(call);
  if (both.integers()) return one(integer_function(of_integers, both.a.value, both.b.value), DType::int64);
  return one(of_floats(both.a.value, both.b.value), both.a.type);
}

// Truths are 0 and 1, so that these are arithmetic.
Items logical_and(const NodeCall& call) {
  return one(truth(call, "self").value * truth(call, "other").value, DType::boolean);
}
Items logical_or(const NodeCall& call) {
  return one(maximum(truth(call, "self").value, truth(call, "other").value), DType::boolean);
}
Items logical_xor(const NodeCall& call) {
  return one(ne(truth(call, "self").value, truth(call, "other").value), DType::boolean);
}
Items logical_not(const NodeCall& call) { return one(1 - truth(call, "self").value, DType::boolean); }

/// The bitwise ones are these where they are of truths.
template <Items (*logical)(const NodeCall&)>
Items of_truths(const NodeCall& call) {
  if (call.operand("self").type != DType::boolean)
    call.refuse("expected booleans, got {}", name(call.operand("self").type));
  return logical(call);
}

/// a where the condition is 1, b where it is 0, which are of one type.
Items either(const NodeCall& call, Value condition, const Operand& a, const Operand& b) {
  if (a.type != DType::int64) return one(where(condition, a.value, b.value), a.type);
  // By arithmetic, which is exact here: condition * a + (1 - condition) * b.
  const Value mask = to_int64(condition), unit = integer(call, 1);
  const Value first = integer_function(IntegerFunction::multiply, mask, a.value);
  const Value second =
      integer_function(IntegerFunction::multiply, integer_function(IntegerFunction::subtract, unit, mask), b.value);
  return one(integer_function(IntegerFunction::add, first, second), DType::int64);
}

Items chosen(const NodeCall& call) {
  const Sides both = sides(call);
  return either(call, truth(call, "condition").value, both.a, both.b);
}

Items masked_fill(const NodeCall& call) {
  const Operand self = call.operand("self");
  const Operand value =
      call.number_or_tensor("value") ? number_operand(call, "value", self.type) : call.operand("value");
  return either(call, truth(call, "mask").value, converted(value, self.type), self);
}

/// The functions of one float32 value.
template <Value (*function)(Value)>
Items unary(const NodeCall& call) {
  return one(function(as_float(call.operand("self"))));
}

/// Those that leave integers as they are.
template <Value (*function)(Value)>
Items rounded(const NodeCall& call) {
  const Operand x = call.operand("self");
  return x.type == DType::int64 ? one(x) : one(function(as_float(x)));
}
Items sign(const NodeCall& call) {
  const Operand x = call.operand("self");
  const Value y = seldom_of("sign", {as_float(x)});
  return x.type == DType::int64 ? one(to_int64(y), x.type) : one(y, x.type);
}

/// What is no number becomes one: NaN, and what is beyond all numbers.
Items made_finite(const NodeCall& call) {
  const Operand given = call.operand("self");
  if (given.type != DType::float32) return one(given);
  const Value x = given.value;
  constexpr float largest = std::numeric_limits<float>::max();
  const auto number = [&](std::string_view name, float otherwise) {
    const double value = call.optional_number(name).value_or(otherwise);
    return call.graph().constant(Tensor({}, {static_cast<float>(value)}));
  };
  const auto infinity = [&](float sign) {
    return call.graph().constant(Tensor({}, {sign * std::numeric_limits<float>::infinity()}));
  };
  const Value y =
      where(eq(x, infinity(1)), number("posinf", largest), where(eq(x, infinity(-1)), number("neginf", -largest), x));
  return one(where(seldom_of("isnan", {x}), number("nan", 0), y));
}

Items logit(const NodeCall& call) {
  Value x = as_float(call.operand("self"));
  if (const auto eps = call.optional_number("eps")) x = clamp(x, *eps, 1 - *eps);
  return one(log(x / (1 - x)));
}

Value reciprocal_of(Value x) { return 1 / x; }

Items negated(const NodeCall& call) {
  const Operand x = call.operand("self");
  if (x.type == DType::float32) return one(-x.value);
  const Value zero = integer(call, 0);
  return one(integer_function(IntegerFunction::subtract, zero, as_integer(x)), DType::int64);
}

Items without_sign(const NodeCall& call) {
  const Operand x = call.operand("self");
  if (x.type != DType::int64) return one(abs(as_float(x)), x.type);
  const Operand minus = std::get<Operand>(negated(call)[0]);
  return one(integer_function(IntegerFunction::maximum, x.value, minus.value), DType::int64);
}

Items clamped(const NodeCall& call, std::optional<std::string_view> least, std::optional<std::string_view> most) {
  const Operand x = call.operand("self");
  const bool has_least = least && !call.is_none(*least), has_most = most && !call.is_none(*most);
  const bool is_integral = (!has_least || call.is_integral(*least)) && (!has_most || call.is_integral(*most));
  if (x.type == DType::int64 && is_integral) {
    Value y = x.value;
    if (has_least) y = integer_function(IntegerFunction::maximum, y, number_operand(call, *least, x.type).value);
    if (has_most) y = integer_function(IntegerFunction::minimum, y, number_operand(call, *most, x.type).value);
    return one(y, DType::int64);
  }
  return one(clamp(as_float(x), has_least ? std::optional(call.number(*least)) : std::nullopt,
                   has_most ? std::optional(call.number(*most)) : std::nullopt));
}

Items squared(const NodeCall& call) {
  const Operand x = call.operand("self");
  if (x.type == DType::float32) return one(x.value * x.value);
  const Value integer = as_integer(x);
  return one(integer_function(IntegerFunction::multiply, integer, integer), DType::int64);
}

/// An integer to the power of one that is not negative, which stays one.
Items raised_integer(const NodeCall& call) {
  const int64_t exponent = call.integer("exponent");
  if (exponent < 0 || exponent > 64) call.refuse("expected an exponent of 0 to 64 for integers, got {}", exponent);
  const Value x = as_integer(call.operand("self"));
  Value y = expand(integer(call, 1), x.shape());
  for (int64_t i = 0; i < exponent; ++i) y = integer_function(IntegerFunction::multiply, y, x);
  return one(y, DType::int64);
}

Items raised(const NodeCall& call) {
  if (call.number_or_tensor("exponent") && is_integral(call, "self") && call.is_integral("exponent"))
    return raised_integer(call);
  if (const auto exponent = call.number_or_tensor("exponent"))
    return one(pow(as_float(call.operand("self")), *exponent));
  if (const auto base = call.number_or_tensor("self")) {
    const Value exponent = as_float(call.operand("exponent"));
    return one(pow(call.graph().constant(Tensor({}, {static_cast<float>(*base)})), exponent));
  }
  return one(pow(as_float(call.operand("self")), as_float(call.operand("exponent"))));
}

Items converted_to(const NodeCall& call) {
  const Operand x = call.operand("self");
  const std::optional<DType> type = call.optional_type("dtype");
  return one(type ? converted(x, *type) : x);
}

}  // namespace

int64_t whole(double value) {
  if (!(value >= -0x1p63 && value < 0x1p63) || value != std::floor(value))
    fail("expected a whole number of 64 bits, got {}", value);
  return static_cast<int64_t>(value);
}

Operand converted(const Operand& x, DType type) {
  const std::optional<DType> computed = computed_type(type);
  if (!computed) fail("expected float32, int64, int32 or bool to compute in, got {}", name(type));
  type = *computed;
  if (type == x.type) return x;
  if (type == DType::float32) return {as_float(x), type};
  if (type == DType::int64) return {to_int64(x.value), type};
  Graph& graph = x.value.graph();
  if (x.type == DType::int64)
    return {integer_function(IntegerFunction::unequal, x.value, graph.constant(Tensor({}, {int64_t{0}}))), type};
  return {ne(x.value, graph.constant(Tensor({}, {0.0F}))), type};
}

Value as_float(const Operand& x) { return x.type == DType::int64 ? to_float32(x.value) : x.value; }

std::vector<OperationRow> arithmetic_rows() {
  using F = IntegerFunction;
  return {
      {"add.Tensor", "Tensor self, Operand other, Scalar alpha=1", [](const NodeCall& c) { return sum_of(c, false); }},
      {"add.Scalar", "Tensor self, Scalar other, Scalar alpha=1", [](const NodeCall& c) { return sum_of(c, false); }},
      {"sub.Tensor", "Operand self, Operand other, Scalar alpha=1", [](const NodeCall& c) { return sum_of(c, true); }},
      {"sub.Scalar", "Tensor self, Scalar other, Scalar alpha=1", [](const NodeCall& c) { return sum_of(c, true); }},
      {"rsub.Scalar", "Tensor self, Scalar other, Scalar alpha=1",
       [](const NodeCall& c) { return sum_of(c, true, "other", "self"); }},
      {"rsub.Tensor", "Tensor self, Tensor other, Scalar alpha=1",
       [](const NodeCall& c) { return sum_of(c, true, "other", "self"); }},
      {"subtract.Tensor", "Operand self, Operand other, Scalar alpha=1",
       [](const NodeCall& c) { return sum_of(c, true); }},
      {"multiply.Tensor", "Operand self, Operand other", product_of},
      {"divide.Tensor", "Operand self, Operand other", quotient_of},
      {"true_divide.Tensor", "Operand self, Operand other", quotient_of},
      {"mul.Tensor", "Operand self, Operand other", product_of},
      {"mul.Scalar", "Tensor self, Scalar other", product_of},
      {"div.Tensor", "Operand self, Operand other", quotient_of},
      {"div.Scalar", "Tensor self, Scalar other", quotient_of},
      {"div.Tensor_mode", "Operand self, Operand other, str? rounding_mode=None", rounded_quotient},
      {"div.Scalar_mode", "Tensor self, Scalar other, str? rounding_mode=None", rounded_quotient},
      {"floor_divide", "Tensor self, Operand other", floor_quotient},
      {"floor_divide.Scalar", "Tensor self, Scalar other", floor_quotient},
      {"addcmul", "Tensor self, Tensor tensor1, Tensor tensor2, Scalar value=1",
       [](const NodeCall& c) {
         const double factor = c.number("value");
         const Value product = c.value("tensor1") * c.value("tensor2");
         return one(c.value("self") + (factor == 1 ? product : product * factor));
       }},
      {"addcdiv", "Tensor self, Tensor tensor1, Tensor tensor2, Scalar value=1",
       [](const NodeCall& c) {
         const double factor = c.number("value");
         const Value quotient = c.value("tensor1") / c.value("tensor2");
         return one(c.value("self") + (factor == 1 ? quotient : quotient * factor));
       }},
      {"lerp.Scalar", "Tensor self, Tensor end, Scalar weight",
       [](const NodeCall& c) {
         const double weight = c.number("weight");
         const Value a = c.value("self"), b = c.value("end");
         // As PyTorch computes it: from the nearer end.
         return one(weight < 0.5 ? a + (b - a) * weight : b - (b - a) * (1 - weight));
       }},
      {"lerp.Tensor", "Tensor self, Tensor end, Tensor weight",
       [](const NodeCall& c) {
         const Value a = c.value("self"), b = c.value("end"), weight = c.value("weight");
         return one(where(weight < 0.5, a + (b - a) * weight, b - (b - a) * (1 - weight)));
       }},
      {"pow.Tensor_Scalar", "Tensor self, Scalar exponent", raised},
      {"pow.Tensor_Tensor", "Tensor self, Tensor exponent", raised},
      {"pow.Scalar", "Scalar self, Tensor exponent", raised},
      {"maximum", "Tensor self, Tensor other", larger_or_smaller<F::maximum, maximum>},
      {"minimum", "Tensor self, Tensor other", larger_or_smaller<F::minimum, minimum>},
      {"max.other", "Tensor self, Tensor other", larger_or_smaller<F::maximum, maximum>},
      {"min.other", "Tensor self, Tensor other", larger_or_smaller<F::minimum, minimum>},
      {"clamp", "Tensor self, Scalar? min=None, Scalar? max=None",
       [](const NodeCall& c) { return clamped(c, "min", "max"); }},
      {"clip", "Tensor self, Scalar? min=None, Scalar? max=None",
       [](const NodeCall& c) { return clamped(c, "min", "max"); }},
      {"clamp_min", "Tensor self, Scalar min", [](const NodeCall& c) { return clamped(c, "min", {}); }},
      {"clamp_max", "Tensor self, Scalar max", [](const NodeCall& c) { return clamped(c, {}, "max"); }},
      {"neg", "Tensor self", negated},
      {"abs", "Tensor self", without_sign},
      {"sqrt", "Tensor self", unary<sqrt>},
      {"rsqrt", "Tensor self", unary<rsqrt>},
      {"exp", "Tensor self", unary<exp>},
      {"log", "Tensor self", unary<log>},
      {"sin", "Tensor self", unary<sin>},
      {"cos", "Tensor self", unary<cos>},
      {"reciprocal", "Tensor self", unary<reciprocal_of>},
      {"square", "Tensor self", squared},
      {"floor", "Tensor self", rounded<floor_of>},
      {"ceil", "Tensor self", rounded<ceil_of>},
      {"round", "Tensor self", rounded<round_of>},
      {"trunc", "Tensor self", rounded<trunc_of>},
      {"sign", "Tensor self", sign},
      {"sgn", "Tensor self", sign},
      {"erf", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "erf"); }},
      {"expm1", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "expm1"); }},
      {"log1p", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "log1p"); }},
      {"log2", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "log2"); }},
      {"log10", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "log10"); }},
      {"exp2", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "exp2"); }},
      {"tan", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "tan"); }},
      {"atan", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "atan"); }},
      {"sinh", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "sinh"); }},
      {"cosh", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "cosh"); }},
      {"asin", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "asin"); }},
      {"acos", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "acos"); }},
      {"asinh", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "asinh"); }},
      {"acosh", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "acosh"); }},
      {"atanh", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "atanh"); }},
      {"erfc", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "erfc"); }},
      {"frac", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "frac"); }},
      {"sinc", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "sinc"); }},
      {"isnan", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "isnan", DType::boolean); }},
      {"isinf", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "isinf", DType::boolean); }},
      {"isfinite", "Tensor self", [](const NodeCall& c) { return seldom_row(c, "isfinite", DType::boolean); }},
      {"nan_to_num", "Tensor self, float? nan=None, float? posinf=None, float? neginf=None", made_finite},
      {"logit", "Tensor self, float? eps=None", logit},
      {"positive", "Tensor self", [](const NodeCall& c) { return one(c.operand("self")); }, true},
      {"atan2", "Tensor self, Tensor other",
       [](const NodeCall& c) {
         return one(seldom_of("atan2", {as_float(c.operand("self")), as_float(c.operand("other"))}));
       }},
      {"remainder.Scalar", "Tensor self, Scalar other", rest},
      {"remainder.Tensor", "Tensor self, Tensor other", rest},
      {"fmod.Scalar", "Tensor self, Scalar other", truncated_rest},
      {"fmod.Tensor", "Tensor self, Tensor other", truncated_rest},
      {"eq.Tensor", "Tensor self, Tensor other", compared<F::equal, eq>},
      {"eq.Scalar", "Tensor self, Scalar other", compared<F::equal, eq>},
      {"ne.Tensor", "Tensor self, Tensor other", compared<F::unequal, ne>},
      {"ne.Scalar", "Tensor self, Scalar other", compared<F::unequal, ne>},
      {"lt.Tensor", "Tensor self, Tensor other", compared<F::less, lt>},
      {"lt.Scalar", "Tensor self, Scalar other", compared<F::less, lt>},
      {"le.Tensor", "Tensor self, Tensor other", compared<F::less_equal, le>},
      {"le.Scalar", "Tensor self, Scalar other", compared<F::less_equal, le>},
      {"gt.Tensor", "Tensor self, Tensor other", compared<F::greater, gt>},
      {"gt.Scalar", "Tensor self, Scalar other", compared<F::greater, gt>},
      {"ge.Tensor", "Tensor self, Tensor other", compared<F::greater_equal, ge>},
      {"ge.Scalar", "Tensor self, Scalar other", compared<F::greater_equal, ge>},
      {"logical_and", "Tensor self, Tensor other", logical_and},
      {"logical_or", "Tensor self, Tensor other", logical_or},
      {"logical_xor", "Tensor self, Tensor other", logical_xor},
      {"logical_not", "Tensor self", logical_not},
      {"bitwise_and.Tensor", "Tensor self, Tensor other", of_truths<logical_and>},
      {"bitwise_or.Tensor", "Tensor self, Tensor other", of_truths<logical_or>},
      {"bitwise_xor.Tensor", "Tensor self, Tensor other", of_truths<logical_xor>},
      {"bitwise_not", "Tensor self", of_truths<logical_not>},
      {"__and__.Tensor", "Tensor self, Tensor other", of_truths<logical_and>},
      {"__or__.Tensor", "Tensor self, Tensor other", of_truths<logical_or>},
      {"__xor__.Tensor", "Tensor self, Tensor other", of_truths<logical_xor>},
      {"where.self", "Tensor condition, Tensor self, Tensor other", chosen},
      {"where.ScalarOther", "Tensor condition, Tensor self, Scalar other", chosen},
      {"where.Scalar", "Tensor condition, Scalar self, Scalar other",
       [](const NodeCall& c) {
         const DType type = c.is_integral("self") && c.is_integral("other") ? DType::int64 : DType::float32;
         const auto [y, n] = Sides{number_operand(c, "self", type), number_operand(c, "other", type)};
         if (!c.is_truth("self") || !c.is_truth("other")) return either(c, truth(c, "condition").value, y, n);
         return either(c, truth(c, "condition").value, converted(y, DType::boolean), converted(n, DType::boolean));
       }},
      {"where.ScalarSelf", "Tensor condition, Scalar self, Tensor other", chosen},
      {"masked_fill.Scalar", "Tensor self, Tensor mask, Operand value", masked_fill},
      {"masked_fill.Tensor", "Tensor self, Tensor mask, Operand value", masked_fill},

      {"to.dtype", "Tensor self, ScalarType dtype, any non_blocking=False, any copy=False, any memory_format=None",
       converted_to, true},
      {"to.dtype_layout",
       "Tensor self, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None, any "
       "non_blocking=False, any copy=False, any memory_format=None",
       converted_to, true},
      {"to.device",
       "Tensor self, any device, ScalarType? dtype, any non_blocking=False, any copy=False, any memory_format=None",
       converted_to, true},
      {"_to_copy",
       "Tensor self, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None, any "
       "non_blocking=False, any memory_format=None",
       converted_to},
      {"to.other", "Tensor self, Tensor other, any non_blocking=False, any copy=False, any memory_format=None",
       [](const NodeCall& c) { return one(converted(c.operand("self"), c.operand("other").type)); }, true},
      {"type_as", "Tensor self, Tensor other",
       [](const NodeCall& c) { return one(converted(c.operand("self"), c.operand("other").type)); }, true},
  };
}

}  // namespace upconv::internal
