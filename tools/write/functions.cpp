#include "tools/write/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "framework/number.h"
#include "tools/write/calls.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// One operation while it is written.
class Writing {
 public:
  Writing(const NodeView& node, Operands& operands) : node(node), operands_(operands) {}

  const NodeView& node;

  Expression value(std::string_view name) const { return operands_.value(node.value(name)); }
  Expression value_of(int value) const { return operands_.value(value); }
  Expression named(std::string_view name) const { return operands_.named(node.value(name)); }
  bool is_tensor(std::string_view name) const { return node.value(name) >= 0; }
  Expression call(std::string_view function) const { return Expression::call(operands_.function(function)); }

  Expression number(const Argument& argument, const std::string& role) const {
    if (const auto* integer = argument.get<int64_t>()) return Expression::of(*integer, role);
    if (const auto* truth = argument.get<bool>()) return Expression::of(int64_t{*truth ? 1 : 0}, role);
    if (const auto* real = argument.get<double>()) {
      if (!std::isfinite(*real)) node.refuse("a number that is not finite has no C++ here");
      return Expression::of(*real, role);
    }
    if (const auto* reference = argument.get<Reference>()) return operands_.size(reference->index);
    node.refuse("expected a number");
  }
  Expression number(std::string_view name, const std::string& role) const { return number(node.argument(name), role); }
  Expression numbers(std::string_view name, const std::string& role) const {
    Expression all = Expression::list();
    const Argument& argument = node.argument(name);
    if (const auto* list = argument.get<Argument::List>())
      for (const Argument& one : *list) all.add(number(one, role));
    else
      all.add(number(argument, role));
    return all;
  }
  /// One dimension as it is, several in braces.
  Expression dims(std::string_view name) const {
    if (node.is_none(name)) return Expression::name("{}");
    Expression all = numbers(name, "");
    if (all.arguments.empty()) return Expression::name("{}");
    return all.arguments.size() == 1 ? all.arguments[0].value : all;
  }
  Expression values(std::string_view name) const {
    Expression all = Expression::list();
    for (const Argument& one : *node.argument(name).get<Argument::List>()) {
      const auto* reference = one.get<Reference>();
      if (reference == nullptr) node.refuse("expected tensors alone");
      all.add(operands_.value(reference->index));
    }
    return all;
  }
  /// {h, w} or one number.
  Expression both(std::string_view name, const std::string& role) const {
    const auto sizes = node.integers(name);
    if (!sizes || sizes->empty()) node.refuse(fmt::format("expected {} that are the same in each call", name));
    return pair(*sizes, role);
  }

 private:
  Operands& operands_;
};

/// How a row is written: a template "relu(self)", or a function where it is more than that.
struct Spelling {
  std::string_view row;
  /// f(a, b, c=1): arguments of the row in the order of the function; those with a default are left out where it is
  /// what they are. Several dimensions are in braces.
  std::string_view text = {};
  Expression (*write)(const Writing& writing) = nullptr;
  bool takes_integers = false;  ///< whether its tensors may be of int64
};

Number integer(int64_t value) { return value; }

/// a + b, where a number may stand for either side.
Expression operand(const Writing& w, std::string_view name) {
  return w.is_tensor(name) ? w.value(name) : w.number(name, "scale");
}

Expression sum(const Writing& w, const char* op) {
  const double alpha = w.node.number("alpha").value_or(1);
  Expression b = operand(w, "other");
  if (alpha != 1) {
    if (!w.is_tensor("other") && b.kind == Expression::Kind::number) {
      const double number = w.node.number("other").value_or(0);
      b = Expression::of(alpha * number, "scale");
    } else {
      b = Expression::infix(b, "*", w.number("alpha", "scale"));
    }
  }
  return Expression::infix(operand(w, "self"), op, b);
}
Expression reversed_difference(const Writing& w) {
  Expression self = w.value("self");
  if (w.node.number("alpha").value_or(1) != 1) self = Expression::infix(self, "*", w.number("alpha", "scale"));
  return Expression::infix(operand(w, "other"), "-", self);
}

Expression negated(const Writing& w) {
  const Expression x = w.value("self");
  Expression all = Expression::name(x.kind == Expression::Kind::infix ? "-(" + print(x) + ")" : "-" + print(x));
  all.precedence = 3;
  return all;
}

/// Options of a convolution as a function.
Expression convolution_options(const Writing& w, bool transposed, bool by_word) {
  Expression all = Expression::call("");
  all.option("stride", w.both("stride", "stride"), integer(1));
  if (by_word)
    all.option("padding", Expression::name("\"" + w.node.text("padding") + "\""));
  else
    all.option("padding", w.both("padding", "padding"), integer(0));
  if (transposed) all.option("output_padding", w.both("output_padding", "output_padding"), integer(0));
  if (!transposed) all.option("dilation", w.both("dilation", "dilation"), integer(1));
  all.option("groups", w.number("groups", "groups"), integer(1));
  if (transposed) all.option("dilation", w.both("dilation", "dilation"), integer(1));
  return all;
}
Expression convolution(const Writing& w, std::string_view function, bool transposed, bool by_word) {
  Expression all = w.call(function);
  const Expression input = w.value("input"), weight = w.value("weight");
  all.add(input).add(weight);
  Expression options = convolution_options(w, transposed, by_word);
  if (!w.node.is_none("bias"))
    all.add(w.value("bias"));
  else if (print(options) != "()")
    all.add(Expression::name("{}"));
  for (ExpressionArgument& option : options.arguments) all.arguments.push_back(std::move(option));
  return all;
}

Expression reduced(const Writing& w, std::string_view function) {
  Expression all = w.call(function);
  const bool has_dims = w.node.has("dim");
  all.add(w.value("self"));
  if (w.node.has("dtype") && !w.node.is_none("dtype") && *w.node.argument("dtype").get<DType>() != DType::float32)
    w.node.refuse("expected a dtype of float32");
  if (has_dims && (!w.node.is_none("dim") || w.node.boolean("keepdim"))) all.add(w.dims("dim"));
  if (has_dims) all.add(Expression::of(w.node.boolean("keepdim")), false);
  return all;
}
Expression spread(const Writing& w, std::string_view function) {
  Expression all = w.call(function);
  const double correction = w.node.has("unbiased")         ? (w.node.boolean("unbiased") ? 1 : 0)
                            : w.node.is_none("correction") ? 1
                                                           : w.node.number("correction").value_or(0.5);
  if (correction != std::floor(correction)) w.node.refuse("expected a whole number as correction");
  all.add(w.value("self")).add(w.dims("dim"));
  all.add(Expression::of(static_cast<int64_t>(correction)), integer(1))
      .add(Expression::of(w.node.boolean("keepdim")), false);
  return all;
}

/// Norms as functions: optional weight and bias, then eps.
Expression normed(const Writing& w, Expression all) {
  const bool has_eps = w.node.number("eps").value_or(0) != 1e-5;
  const auto optional = [&](const char* name) { return w.node.is_none(name) ? Expression::name("{}") : w.value(name); };
  const bool has_bias = !w.node.is_none("bias") || has_eps;
  if (!w.node.is_none("weight") || has_bias) all.add(optional("weight"));
  if (has_bias) all.add(optional("bias"));
  if (has_eps) all.add(w.number("eps", "eps"));
  return all;
}

Expression batch_normed(const Writing& w) {
  if (w.node.has("training") && w.node.boolean("training"))
    w.node.refuse("the statistics of a batch have no C++ that reads well; export after .eval()");
  Expression all = w.call("batch_norm");
  all.add(w.value("input")).add(w.value("running_mean")).add(w.value("running_var"));
  return normed(w, all);
}
Expression instance_normed(const Writing& w) {
  if (!w.node.boolean("use_input_stats")) {
    Expression all = w.call("batch_norm");
    all.add(w.value("input")).add(w.value("running_mean")).add(w.value("running_var"));
    return normed(w, all);
  }
  Expression all = w.call("instance_norm");
  all.add(w.value("input"));
  return normed(w, all);
}
Expression group_normed(const Writing& w) {
  Expression all = w.call("group_norm");
  all.add(w.value("input")).add(w.number("num_groups", "num_groups"));
  return normed(w, all);
}
Expression layer_normed(const Writing& w) {
  Expression all = w.call("layer_norm");
  all.add(w.value("input")).add(w.numbers("normalized_shape", "normalized_shape"));
  return normed(w, all);
}

Expression attention(const Writing& w) {
  if (w.node.number("dropout_p").value_or(0) != 0) w.node.refuse("it was exported in training: export after .eval()");
  if (w.node.boolean("enable_gqa")) w.node.refuse("grouped heads have no C++ that reads well");
  Expression all = w.call("scaled_dot_product_attention");
  all.add(w.value("query")).add(w.value("key")).add(w.value("value"));
  const bool has_mask = !w.node.is_none("attn_mask"), has_scale = !w.node.is_none("scale");
  const bool is_causal = w.node.boolean("is_causal");
  if (has_mask && w.node.type(w.node.value("attn_mask")) == DType::boolean)
    w.node.refuse("a mask of booleans has no C++ that reads well: give one of numbers");
  if (has_mask || has_scale || is_causal) all.add(has_mask ? w.value("attn_mask") : Expression::name("{}"));
  if (has_scale || is_causal) all.add(has_scale ? w.number("scale", "scale") : Expression::name("{}"));
  if (is_causal) all.add(Expression::of(true));
  return all;
}

Expression interpolated(const Writing& w) {
  Expression all = w.call("interpolate");
  if (const auto options = resampling(w.node, all.text)) {
    all.add(w.value("input"));
    for (const ExpressionArgument& option : options->arguments) all.arguments.push_back(option);
    return all;
  }
  if (w.node.is_none("output_size")) w.node.refuse("expected factors that are the same in each call");
  all.add(w.value("input"));
  const Expression sizes = w.numbers("output_size", "size");
  all.option("size", sizes.arguments.size() == 1 ? sizes.arguments[0].value : sizes);
  add_mode(all, w.node);
  return all;
}

Expression padded(const Writing& w) {
  Expression all = w.call("pad"), given = w.numbers("pad", "padding"), sides = Expression::list();
  const size_t count = given.arguments.size();
  if (count != 2 && count != 4 && count != 6)
    w.node.refuse("padding of more than three dimensions has no C++ that reads well");
  const std::string mode = w.node.text("mode");
  const bool is_row = count == 2 && mode != "constant" && w.node.rank("self") <= 3;
  for (size_t i = 0; i < (is_row ? 2 : std::max<size_t>(count, 4)); ++i)
    sides.add(i < count ? given.arguments[i].value : Expression::of(int64_t{0}));
  const double value = w.node.is_none("value") ? 0 : w.node.number("value").value_or(0);
  all.add(w.value("self")).add(sides);
  if (mode != "constant" || value != 0) all.add(Expression::name("\"" + mode + "\""));
  if (value != 0) all.add(w.number("value", "value"));
  return all;
}

/// What pools of both kinds begin with.
Expression pooled(const Writing& w, std::string_view function) {
  Expression all = w.call(function);
  all.add(w.value("self")).add(w.both("kernel_size", "kernel_size"));
  const auto stride = w.node.integers("stride");
  if (stride && !stride->empty() && stride != w.node.integers("kernel_size"))
    all.option("stride", pair(*stride, "stride"));
  return all.option("padding", w.both("padding", "padding"), integer(0));
}
Expression max_pooled(const Writing& w, std::string_view function) {
  return pooled(w, function)
      .option("dilation", w.both("dilation", "dilation"), integer(1))
      .option("ceil_mode", Expression::of(w.node.boolean("ceil_mode")), false);
}
Expression avg_pooled(const Writing& w, std::string_view function) {
  Expression all = pooled(w, function);
  all.option("ceil_mode", Expression::of(w.node.boolean("ceil_mode")), false)
      .option("count_include_pad", Expression::of(w.node.boolean("count_include_pad")), true);
  if (w.node.has("divisor_override") && !w.node.is_none("divisor_override"))
    all.option("divisor_override", w.number("divisor_override", "divisor_override"));
  return all;
}

Expression sliced(const Writing& w) {
  Expression all = w.call("slice");
  all.add(w.value("self")).add(w.number("dim", ""));
  all.add(w.node.is_none("start") ? Expression::of(int64_t{0}) : w.number("start", "start"), integer(0));
  const Number open = std::numeric_limits<int64_t>::max();
  const Expression end = w.node.is_none("end")
                             ? Expression::of(open)
                             : w.number("end", w.node.integer("end") == std::get<int64_t>(open) ? "" : "stop");
  const bool has_step = w.node.integer("step") != 1;
  if (has_step && end.kind == Expression::Kind::number && end.number == open)
    all.add(Expression::name("std::numeric_limits<int64_t>::max()"));
  else
    all.add(end, open);
  return all.add(w.number("step", "step"), integer(1));
}
Expression narrowed(const Writing& w) {
  Expression all = w.call("slice");
  const auto start = w.node.integer("start"), length = w.node.integer("length");
  if (!start || !length || *start < 0) w.node.refuse("expected a start and a length that are the same in each call");
  return all.add(w.value("self"))
      .add(w.number("dim", ""))
      .add(w.number("start", "start"))
      .add(Expression::of(*start + *length, "stop"));
}

Expression split_by_sizes(const Writing& w, const char* name) {
  Expression all = w.call("split"), sizes = w.numbers(name, "size");
  if (sizes.arguments.size() < 2) w.node.refuse("a list of one size has no C++ that reads well");
  return all.add(w.value("self")).add(sizes).add(w.number("dim", ""), integer(0));
}

Expression clamped(const Writing& w, bool has_min, bool has_max) {
  Expression all = w.call("clamp");
  const bool least = has_min && !w.node.is_none("min"), most = has_max && !w.node.is_none("max");
  all.add(w.value("self")).add(least ? w.number("min", "min") : Expression::name("{}"));
  if (most) all.add(w.number("max", "max"));
  return all;
}

Expression compared(const Writing& w, const char* op) {
  const Expression a = w.value("self"), b = operand(w, "other");
  Expression all =
      Expression::name(fmt::format("{} {} {}", a.kind == Expression::Kind::infix ? "(" + print(a) + ")" : print(a), op,
                                   b.kind == Expression::Kind::infix ? "(" + print(b) + ")" : print(b)));
  all.precedence = 0;
  return all;
}

/// As the library's normalize() has them: p, dim, eps.
Expression normalized(const Writing& w) {
  const Normalization& given = *w.node.normalization();
  return w.call("normalize")
      .add(w.value("self"))
      .add(Expression::of(given.p), 2.0)
      .add(Expression::of(given.dim), integer(1))
      .add(Expression::of(given.eps), 1e-12);
}

Expression quotient(const Writing& w) {
  if (w.node.normalization() != nullptr) return normalized(w);
  return Expression::infix(operand(w, "self"), "/", operand(w, "other"));
}

Expression squeezed(const Writing& w) {
  if (const Unsqueezed* left = w.node.unsqueezed()) {
    Expression all = w.value_of(left->value);
    for (int64_t dim : left->dims) all = w.call("unsqueeze").add(all).add(Expression::of(dim));
    return all;
  }
  auto dims = w.node.integers("dim");
  if (!dims) w.node.refuse("expected dims that are the same in each call");
  for (int64_t& dim : *dims) dim += dim < 0 && dims->size() > 1 ? static_cast<int64_t>(w.node.rank("self")) : 0;
  // From the last one on, so that the others keep their places.
  std::sort(dims->rbegin(), dims->rend());
  Expression all = w.value("self");
  for (int64_t dim : *dims) all = w.call("squeeze").add(all).add(Expression::of(dim));
  return all;
}

/// Rows as pictures are a view; of more dimensions it is the layer.
Expression unflattened(const Writing& w) {
  const auto dim = w.node.integer("dim");
  if ((dim == 1 || dim == -1) && w.node.rank("self") == 2) {
    const auto count = w.node.size("self", 0);
    const Expression rows = count ? w.value("self") : w.named("self"), picture = w.numbers("sizes", "size");
    Expression sizes = Expression::list();
    sizes.add(count ? Expression::of(*count, "size") : Expression::name(print(rows) + ".size(0)"));
    for (const ExpressionArgument& size : picture.arguments) sizes.add(size.value);
    return w.call("view").add(rows).add(sizes);
  }
  Expression layer = Expression::call("Unflatten");
  layer.add(w.number("dim", "")).add(w.numbers("sizes", "size"));
  return Expression::call(print(layer) + ".forward").add(w.value("self"));
}

/// As load_exported computes it, which is as PyTorch does: from the nearer end.
Expression interpolated_between(const Writing& w) {
  const double weight = w.node.number("weight").value_or(0);
  const Expression a = w.named("self"), b = w.named("end"), factor = w.number("weight", "weight");
  if (weight < 0.5) return Expression::infix(a, "+", Expression::infix(Expression::infix(b, "-", a), "*", factor));
  const Expression rest = Expression::infix(Expression::of(int64_t{1}), "-", factor);
  return Expression::infix(b, "-", Expression::infix(Expression::infix(b, "-", a), "*", rest));
}

Expression by_layer(const Writing& w, const char* layer) {
  return Expression::call(std::string(layer) + "().forward").add(w.value("self"));
}

constexpr Spelling spellings[] = {
    {"add.Tensor", {}, [](const Writing& w) { return sum(w, "+"); }},
    {"add.Scalar", {}, [](const Writing& w) { return sum(w, "+"); }},
    {"sub.Tensor", {}, [](const Writing& w) { return sum(w, "-"); }},
    {"sub.Scalar", {}, [](const Writing& w) { return sum(w, "-"); }},
    {"rsub.Scalar", {}, reversed_difference},
    {"rsub.Tensor", {}, reversed_difference},
    {"mul.Tensor",
     {},
     [](const Writing& w) { return Expression::infix(operand(w, "self"), "*", operand(w, "other")); }},
    {"mul.Scalar",
     {},
     [](const Writing& w) { return Expression::infix(operand(w, "self"), "*", operand(w, "other")); }},
    {"div.Tensor", {}, quotient},
    {"div.Scalar", {}, quotient},
    {"lerp.Scalar", {}, interpolated_between},
    {"reciprocal",
     {},
     [](const Writing& w) { return Expression::infix(Expression::of(int64_t{1}), "/", w.value("self")); }},
    {"square",
     {},
     [](const Writing& w) {
       const Expression x = w.named("self");
       return Expression::infix(x, "*", x);
     }},
    {"neg", {}, negated},
    {"pow.Tensor_Scalar", "pow(self, exponent)"},
    {"pow.Tensor_Tensor", "pow(self, exponent)"},
    {"maximum", "maximum(self, other)"},
    {"minimum", "minimum(self, other)"},
    {"max.other", "maximum(self, other)"},
    {"min.other", "minimum(self, other)"},
    {"clamp", {}, [](const Writing& w) { return clamped(w, true, true); }},
    {"clip", {}, [](const Writing& w) { return clamped(w, true, true); }},
    {"clamp_min", {}, [](const Writing& w) { return clamped(w, true, false); }},
    {"clamp_max", {}, [](const Writing& w) { return clamped(w, false, true); }},
    {"abs", "abs(self)"},
    {"sqrt", "sqrt(self)"},
    {"rsqrt", "rsqrt(self)"},
    {"exp", "exp(self)"},
    {"log", "log(self)"},
    {"sin", "sin(self)"},
    {"cos", "cos(self)"},
    {"eq.Tensor", "eq(self, other)"},
    {"ne.Tensor", "ne(self, other)"},
    {"lt.Tensor", {}, [](const Writing& w) { return compared(w, "<"); }},
    {"lt.Scalar", {}, [](const Writing& w) { return compared(w, "<"); }},
    {"le.Tensor", {}, [](const Writing& w) { return compared(w, "<="); }},
    {"le.Scalar", {}, [](const Writing& w) { return compared(w, "<="); }},
    {"gt.Tensor", {}, [](const Writing& w) { return compared(w, ">"); }},
    {"gt.Scalar", {}, [](const Writing& w) { return compared(w, ">"); }},
    {"ge.Tensor", {}, [](const Writing& w) { return compared(w, ">="); }},
    {"ge.Scalar", {}, [](const Writing& w) { return compared(w, ">="); }},
    {"where.self", "where(condition, self, other)"},
    {"mean.dim", {}, [](const Writing& w) { return reduced(w, "mean"); }},
    {"mean", {}, [](const Writing& w) { return reduced(w, "mean"); }},
    {"sum.dim_IntList", {}, [](const Writing& w) { return reduced(w, "sum"); }},
    {"sum", {}, [](const Writing& w) { return reduced(w, "sum"); }},
    {"amax", {}, [](const Writing& w) { return reduced(w, "amax"); }},
    {"amin", {}, [](const Writing& w) { return reduced(w, "amin"); }},
    {"max.dim", {}, [](const Writing& w) { return reduced(w, "amax"); }},
    {"min.dim", {}, [](const Writing& w) { return reduced(w, "amin"); }},
    {"max", {}, [](const Writing& w) { return reduced(w, "amax"); }},
    {"min", {}, [](const Writing& w) { return reduced(w, "amin"); }},
    {"var.correction", {}, [](const Writing& w) { return spread(w, "var"); }},
    {"std.correction", {}, [](const Writing& w) { return spread(w, "upconv::std"); }},
    {"var.dim", {}, [](const Writing& w) { return spread(w, "var"); }},
    {"std.dim", {}, [](const Writing& w) { return spread(w, "upconv::std"); }},

    {"conv2d", {}, [](const Writing& w) { return convolution(w, "conv2d", false, false); }},
    {"conv2d.padding", {}, [](const Writing& w) { return convolution(w, "conv2d", false, true); }},
    {"conv_transpose2d.input", {}, [](const Writing& w) { return convolution(w, "conv_transpose2d", true, false); }},
    {"conv1d", {}, [](const Writing& w) { return convolution(w, "conv1d", false, false); }},
    {"conv1d.padding", {}, [](const Writing& w) { return convolution(w, "conv1d", false, true); }},
    {"conv_transpose1d", {}, [](const Writing& w) { return convolution(w, "conv_transpose1d", true, false); }},
    {"linear", "linear(input, weight, bias=None)"},
    {"mm", "matmul(self, mat2)"},
    {"bmm", "matmul(self, mat2)"},
    {"matmul", "matmul(self, other)"},
    {"mv", "matmul(self, vec)"},
    {"dot", "matmul(self, tensor)"},
    {"vdot", "matmul(self, other)"},
    {"embedding", "embedding(indices, weight)", nullptr, true},
    {"batch_norm", {}, batch_normed},
    {"_native_batch_norm_legit_no_training", {}, batch_normed},
    {"instance_norm", {}, instance_normed},
    {"group_norm", {}, group_normed},
    {"layer_norm", {}, layer_normed},

    {"relu", "relu(self)"},
    {"leaky_relu", "leaky_relu(self, negative_slope=0.01)"},
    {"prelu", "prelu(self, weight)"},
    {"tanh", "tanh(self)"},
    {"sigmoid", "sigmoid(self)"},
    {"silu", "silu(self)"},
    {"selu", "selu(self)"},
    {"elu", "elu(self, alpha=1)"},
    {"celu", "celu(self, alpha=1)"},
    {"softplus", "softplus(self, beta=1, threshold=20)"},
    {"hardshrink", "hardshrink(self, lambd=0.5)"},
    {"softshrink", "softshrink(self, lambd=0.5)"},
    {"threshold", "threshold(self, threshold, value)"},
    {"log_sigmoid", "logsigmoid(self)"},
    {"glu", "glu(self, dim=-1)"},
    {"gelu",
     {},
     [](const Writing& w) {
       Expression all = w.call("gelu");
       all.add(w.value("self"));
       if (const std::string word = w.node.text("approximate"); word != "none")
         all.add(Expression::name("\"" + word + "\""));
       return all;
     }},
    {"relu6", {}, [](const Writing& w) { return by_layer(w, "ReLU6"); }},
    {"mish", {}, [](const Writing& w) { return by_layer(w, "Mish"); }},
    {"hardswish", {}, [](const Writing& w) { return by_layer(w, "Hardswish"); }},
    {"hardsigmoid", {}, [](const Writing& w) { return by_layer(w, "Hardsigmoid"); }},
    {"softmax.int", "softmax(self, dim)"},
    {"log_softmax.int", "log_softmax(self, dim)"},
    {"scaled_dot_product_attention", {}, attention},
    {"max_pool2d", {}, [](const Writing& w) { return max_pooled(w, "max_pool2d"); }},
    {"max_pool1d", {}, [](const Writing& w) { return max_pooled(w, "max_pool1d"); }},
    {"avg_pool1d", {}, [](const Writing& w) { return avg_pooled(w, "avg_pool1d"); }},
    {"adaptive_avg_pool1d",
     {},
     [](const Writing& w) {
       return w.call("adaptive_avg_pool1d").add(w.value("self")).add(w.both("output_size", "output_size"));
     }},
    {"avg_pool2d", {}, [](const Writing& w) { return avg_pooled(w, "avg_pool2d"); }},
    {"adaptive_avg_pool2d",
     {},
     [](const Writing& w) {
       return w.call("adaptive_avg_pool2d").add(w.value("self")).add(w.both("output_size", "output_size"));
     }},
    {"adaptive_max_pool2d",
     {},
     [](const Writing& w) {
       return w.call("adaptive_max_pool2d").add(w.value("self")).add(w.both("output_size", "output_size"));
     }},
    {"upsample_nearest2d.vec", {}, interpolated},
    {"_upsample_nearest_exact2d.vec", {}, interpolated},
    {"upsample_bilinear2d.vec", {}, interpolated},
    {"upsample_bicubic2d.vec", {}, interpolated},
    {"upsample_nearest1d.vec", {}, interpolated},
    {"_upsample_nearest_exact1d.vec", {}, interpolated},
    {"upsample_linear1d.vec", {}, interpolated},
    {"pad", {}, padded},
    {"pixel_shuffle", "pixel_shuffle(self, upscale_factor)"},
    {"pixel_unshuffle", "pixel_unshuffle(self, downscale_factor)"},
    {"channel_shuffle", "channel_shuffle(self, groups)"},

    {"view", "view(self, size)", nullptr, true},
    {"_unsafe_view", "view(self, size)", nullptr, true},
    {"reshape", "reshape(self, shape)", nullptr, true},
    {"flatten.using_ints", "flatten(self, start_dim=0, end_dim=-1)", nullptr, true},
    {"permute", "permute(self, dims)", nullptr, true},
    {"transpose.int", "transpose(self, dim0, dim1)", nullptr, true},
    {"t",
     {},
     [](const Writing& w) {
       return w.call("transpose").add(w.value("self")).add(Expression::of(int64_t{0})).add(Expression::of(int64_t{1}));
     },
     true},
    {"mT",
     {},
     [](const Writing& w) {
       return w.call("transpose")
           .add(w.value("self"))
           .add(Expression::of(int64_t{-2}))
           .add(Expression::of(int64_t{-1}));
     },
     true},
    {"slice.Tensor", {}, sliced, true},
    {"narrow", {}, narrowed, true},
    {"select.int", "select(self, dim, index)", nullptr, true},
    {"unflatten.int", {}, unflattened, true},
    {"unsqueeze", "unsqueeze(self, dim)", nullptr, true},
    {"squeeze", "squeeze(self)", nullptr, true},
    {"squeeze.dim", {}, squeezed, true},
    {"squeeze.dims", {}, squeezed, true},
    {"expand", "expand(self, size)", nullptr, true},
    {"repeat", "repeat(self, repeats)", nullptr, true},
    {"flip", "flip(self, dims)", nullptr, true},
    {"cat", "cat(tensors, dim=0)", nullptr, true},
    {"stack", "stack(tensors, dim=0)", nullptr, true},
    {"chunk", "chunk(self, chunks, dim=0)", nullptr, true},
    {"split.Tensor", "split(self, split_size, dim=0)", nullptr, true},
    {"split.sizes", {}, [](const Writing& w) { return split_by_sizes(w, "split_size"); }, true},
    {"split_with_sizes", {}, [](const Writing& w) { return split_by_sizes(w, "split_sizes"); }, true},
};

const Spelling* find_spelling(std::string_view row) {
  const auto* found =
      std::find_if(std::begin(spellings), std::end(spellings), [&](const Spelling& one) { return one.row == row; });
  return found == std::end(spellings) ? nullptr : found;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

/// "leaky_relu(self, negative_slope=0.01)"
Expression filled_in(const Writing& w, std::string_view text) {
  const size_t open = text.find('(');
  Expression all = w.call(text.substr(0, open));
  text = text.substr(open + 1, text.size() - open - 2);
  for (std::string_view rest = text; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view one = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const size_t equals = one.find('=');
    const std::string_view name = one.substr(0, equals);
    const std::string_view initial = equals == one.npos ? "" : one.substr(equals + 1);
    const OperationParameter* parameter = w.node.node().row->find(name);
    if (parameter == nullptr) w.node.refuse(fmt::format("it has no argument {}", name));
    const bool is_dim = name.starts_with("dim") || name.ends_with("_dim");
    switch (parameter->kind) {
      case ArgumentKind::tensor:
        if (w.node.is_none(name)) continue;
        all.add(w.value(name));
        break;
      case ArgumentKind::operand:
        all.add(operand(w, name));
        break;
      case ArgumentKind::tensors:
        all.add(w.values(name));
        break;
      case ArgumentKind::integers:
      case ArgumentKind::numbers:
        all.add(w.numbers(name, is_dim ? "" : "size"));
        break;
      default: {
        const Expression number = w.number(name, is_dim ? "" : std::string(name));
        if (initial.empty())
          all.add(number);
        else if (std::holds_alternative<double>(number.number))
          all.add(number, parse_number(initial).value());
        else
          all.add(number, integer(static_cast<int64_t>(parse_number(initial).value())));
      }
    }
  }
  return all;
}

}  // namespace

bool can_be_written(std::string_view row) { return find_spelling(row) != nullptr; }

bool gives_list(const NodeView& node) {
  static const std::vector<std::string_view> lists = {"chunk", "split.Tensor", "split.sizes", "split_with_sizes"};
  return std::find(lists.begin(), lists.end(), node.row()) != lists.end();
}

Expression written(const NodeView& node, Operands& operands) {
  const Spelling* spelling = find_spelling(node.row());
  if (spelling == nullptr) node.refuse("it has no C++ that reads well");
  for (const Argument& argument : node.node().arguments)
    if (const auto* reference = argument.get<Reference>();
        reference != nullptr && !spelling->takes_integers && node.type(reference->index) == DType::int64)
      node.refuse("arithmetic of integers has no C++ that reads well");
  const Writing writing(node, operands);
  return spelling->write != nullptr ? spelling->write(writing) : filled_in(writing, spelling->text);
}

}  // namespace upconv::tools
