#include "layers/activation.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/program.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/elementwise.h"
#include "layers/expression_operation.h"
#include "layers/functional.h"
#include "layers/kernels/kernels.h"
#include "layers/known.h"
#include "layers/repr.h"
#include "layers/row.h"
#include "layers/steps/channel_tiles.h"
#include "layers/weighted.h"

namespace upconv {

using namespace internal;

namespace {

/// An element-wise function where no layer before it could absorb it.
class PointwiseStep : public Step {
 public:
  PointwiseStep(int64_t count, kernels::Activation activation, const kernels::Table& table)
      : count_(count), activation_(activation), table_(table) {}
  int64_t tiles() const override { return ceil_div(count_, tile_elements); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t begin = tile * tile_elements;
    table_.activate(static_cast<const float*>(frame.inputs[0]) + begin, static_cast<float*>(frame.output) + begin,
                    std::min(tile_elements, count_ - begin), activation_);
  }
  std::string algorithm() const override { return "pointwise"; }

 private:
  int64_t count_;
  kernels::Activation activation_;
  const kernels::Table& table_;
};

class PointwiseOperation : public Operation, public Elementwise {
 public:
  PointwiseOperation(std::string_view name, Pointwise function) : name_(name), function_(function) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override { print(function_.kind, function_.a, function_.b); }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    return inputs[0];
  }
  std::optional<Pointwise> pointwise() const override { return function_; }
  bool is_elementwise() const override { return true; }
  Expression expression() const override {
    return {{{.kind = Expression::Instruction::pointwise, .operands = {~0}, .function = function_}}, 1};
  }
  std::shared_ptr<const Operation> with_producer(std::span<const size_t> inputs, const Operation& producer,
                                                 const Type& between, const Type& output) const override {
    return between != output ? nullptr : chained(name_, *this, inputs, producer);
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<PointwiseStep>(numel(lowering.output.shape), function_,
                                           kernels::table(*lowering.options.isa));
  }

 private:
  std::string_view name_;
  Pointwise function_;
};

/// LeakyReLU with a slope for each channel.
class PReLUStep : public Step {
 public:
  PReLUStep(std::vector<float> slope, const ImageShape& shape, Layout layout, const kernels::Table& table)
      : slope_(std::move(slope)), tiles_(shape, layout), table_(table) {}
  int64_t tiles() const override { return tiles_.tiles(); }
  void run(int64_t tile, const Frame& frame) const override {
    const ChannelTiles::Piece piece = tiles_.piece(tile);
    const float* x = static_cast<const float*>(frame.inputs[0]) + piece.offset;
    float* y = static_cast<float*>(frame.output) + piece.offset;
    if (tiles_.channels_last()) return table_.prelu_channels(x, y, piece.pixels, piece.channels, slope_.data());
    for (int64_t c = piece.channel; c < piece.channel + piece.channels; ++c, x += piece.pixels, y += piece.pixels)
      table_.activate(x, y, piece.pixels, {kernels::Activation::leaky_relu, slope_[static_cast<size_t>(c)]});
  }
  std::string algorithm() const override { return "prelu"; }

 private:
  std::vector<float> slope_;
  ChannelTiles tiles_;
  const kernels::Table& table_;
};

/// With slopes of the channels, which are in dimension 1: of pictures in either layout, of other values as they lie.
class PReLUOperation : public Operation {
 public:
  PReLUOperation(const Parameter& weight, size_t rank) : weight_(weight), rank_(rank) {}
  std::string_view name() const override { return "PReLU"; }
  void identify(Fingerprint& print) const override { print(weight_); }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    const Shape& shape = inputs[0].shape;
    const int64_t channels = shape.size() > 1 ? shape[1] : 1, slopes = weight_.shape()[0];
    if (shape.empty()) fail("expected at least one dimension for {} slopes, got a scalar", slopes);
    check_channels(slopes, channels, shape);
    return inputs[0];
  }
  std::optional<Unbound> unbound(const Type& input) const override {
    if (input.shape.size() != 4) return {};
    using Instruction = Expression::Instruction;
    const Expression expression{{{.kind = Instruction::binary, .operands = {~0, ~1}, .op = kernels::Binary::multiply},
                                 {.kind = Instruction::number, .operands = {}, .a = 0},
                                 {.kind = Instruction::binary, .operands = {~0, 1}, .op = kernels::Binary::less},
                                 {.kind = Instruction::select, .operands = {2, 0, ~0}}},
                                2};
    return Unbound{std::make_shared<ExpressionOperation>("PReLU", expression), {channel_values(slopes())}};
  }
  bool any_layout(std::span<const Type>) const override { return rank_ == 4; }
  Layout preferred_layout(Layout wanted) const override { return rank_ == 4 ? wanted : Layout::contiguous; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const Shape& shape = lowering.output.shape;
    const ImageShape image{shape[0], shape[1], 1, numel(Shape(shape.begin() + 2, shape.end()))};
    return std::make_unique<PReLUStep>(slopes(), image, lowering.output_layout, kernels::table(*lowering.options.isa));
  }

 private:
  std::vector<float> slopes() const {
    std::vector<float> all(static_cast<size_t>(numel(weight_.shape())));
    weight_.stored().to_float(all.data());
    return all;
  }
  Parameter weight_;
  size_t rank_;
};

Value activated(std::string_view name, Pointwise function, Value x, bool inplace = false) {
  return x.graph().apply(std::make_shared<PointwiseOperation>(name, function), {x}, inplace);
}

Parameter slopes(int64_t count, double value) {
  positive("PReLU", "num_parameters", count);
  return Parameter(Tensor({count}, std::vector<float>(static_cast<size_t>(count), static_cast<float>(value))));
}

}  // namespace

Value ReLU::forward(Value x) const { return activated("ReLU", {Pointwise::relu}, x, inplace); }

Value LeakyReLU::forward(Value x) const {
  return activated("LeakyReLU", {Pointwise::leaky_relu, static_cast<float>(number(negative_slope))}, x, inplace);
}
std::string LeakyReLU::extra_repr() const {
  return fmt::format("negative_slope={}{}", python(negative_slope), inplace ? ", inplace=True" : "");
}

PReLU::PReLU(int64_t num_parameters, double init)
    : num_parameters(num_parameters), weight(add_parameter("weight", slopes(num_parameters, init))) {}

namespace {

Value prelu(const Parameter& weight, Value x) {
  const int64_t slopes = weight.shape()[0];
  if (slopes == 1) return activated("PReLU", {Pointwise::leaky_relu, *weight.value().data()}, x);
  const auto apply = [&weight](Value y) {
    return y.graph().apply(std::make_shared<PReLUOperation>(weight, y.shape().size()), {y});
  };
  const bool rows = x.shape().size() == 3 && x.shape()[1] == slopes;  // what does not fit is refused as it is
  return rows ? of_rows("PReLU", x, apply) : apply(x);
}

}  // namespace

Value PReLU::forward(Value x) const { return prelu(weight, x); }
std::optional<Value> internal::known_prelu(Value x, Value weight) {
  const OwnParameter own(weight, {weight.shape().size() == 1 ? weight.size(0) : 0});
  if (!own.is_known || own.parameter->shape()[0] < 1) return {};
  return prelu(*own.parameter, x);
}

std::string PReLU::extra_repr() const { return fmt::format("num_parameters={}", num_parameters); }

Value ELU::forward(Value x) const {
  return activated("ELU", {Pointwise::elu, static_cast<float>(number(alpha))}, x, inplace);
}
std::string ELU::extra_repr() const {
  return fmt::format("alpha={}{}", python(alpha), inplace ? ", inplace=True" : "");
}

Value SiLU::forward(Value x) const { return activated("SiLU", {Pointwise::silu}, x, inplace); }

GELU::GELU(std::string approximate) : approximate(std::move(approximate)) {
  if (this->approximate != "none" && this->approximate != "tanh")
    fail("GELU: approximate must be 'none' or 'tanh', got '{}'", this->approximate);
}
Value GELU::forward(Value x) const {
  return activated("GELU", {approximate == "tanh" ? Pointwise::gelu_tanh : Pointwise::gelu}, x);
}
std::string GELU::extra_repr() const { return fmt::format("approximate='{}'", approximate); }

Value Softplus::forward(Value x) const {
  return activated("Softplus",
                   {Pointwise::softplus, static_cast<float>(number(beta)), static_cast<float>(number(threshold))}, x);
}
std::string Softplus::extra_repr() const {
  return fmt::format("beta={}, threshold={}", python(beta), python(threshold));
}

Hardtanh::Hardtanh(IntegerOrNumber min_val, IntegerOrNumber max_val, bool inplace)
    : min_val(min_val), max_val(max_val), inplace(inplace) {
  if (!(number(max_val) > number(min_val)))
    fail("Hardtanh: max_val must be greater than min_val {}, got {}", python(min_val), python(max_val));
}
Value Hardtanh::forward(Value x) const {
  return activated("Hardtanh",
                   {Pointwise::hardtanh, static_cast<float>(number(min_val)), static_cast<float>(number(max_val))}, x,
                   inplace);
}
std::string Hardtanh::extra_repr() const {
  return fmt::format("min_val={}, max_val={}{}", python(min_val), python(max_val), inplace ? ", inplace=True" : "");
}

Value ReLU6::forward(Value x) const { return activated("ReLU6", {Pointwise::hardtanh, 0, 6}, x, inplace); }
Value Hardsigmoid::forward(Value x) const { return activated("Hardsigmoid", {Pointwise::hardsigmoid}, x, inplace); }
Value Hardswish::forward(Value x) const { return activated("Hardswish", {Pointwise::hardswish}, x, inplace); }
Value Mish::forward(Value x) const { return activated("Mish", {Pointwise::mish}, x, inplace); }

Value SELU::forward(Value x) const { return activated("SELU", {Pointwise::selu}, x, inplace); }

CELU::CELU(IntegerOrNumber alpha, bool inplace) : alpha(alpha), inplace(inplace) {
  if (number(alpha) == 0) fail("CELU: alpha must not be 0, got {}", python(alpha));
}
Value CELU::forward(Value x) const {
  const auto a = static_cast<float>(number(alpha)), inverse = static_cast<float>(1 / number(alpha));
  return activated("CELU", {Pointwise::celu, a, inverse}, x, inplace);
}
std::string CELU::extra_repr() const {
  return fmt::format("alpha={}{}", python(alpha), inplace ? ", inplace=True" : "");
}

Value Softsign::forward(Value x) const { return activated("Softsign", {Pointwise::softsign}, x); }
Value Tanhshrink::forward(Value x) const { return activated("Tanhshrink", {Pointwise::tanhshrink}, x); }

Value Hardshrink::forward(Value x) const {
  return activated("Hardshrink", {Pointwise::hardshrink, static_cast<float>(number(lambd))}, x);
}
std::string Hardshrink::extra_repr() const { return python(lambd); }

Softshrink::Softshrink(IntegerOrNumber lambd) : lambd(lambd) {
  if (!(number(lambd) >= 0)) fail("Softshrink: lambd must be at least 0, got {}", python(lambd));
}
Value Softshrink::forward(Value x) const {
  return activated("Softshrink", {Pointwise::softshrink, static_cast<float>(number(lambd))}, x);
}
std::string Softshrink::extra_repr() const { return python(lambd); }

Value LogSigmoid::forward(Value x) const { return activated("LogSigmoid", {Pointwise::log_sigmoid}, x); }

Value Threshold::forward(Value x) const {
  const auto most = static_cast<float>(number(threshold)), otherwise = static_cast<float>(number(value));
  return activated("Threshold", {Pointwise::threshold, most, otherwise}, x, inplace);
}
std::string Threshold::extra_repr() const {
  return fmt::format("threshold={}, value={}{}", python(threshold), python(value), inplace ? ", inplace=True" : "");
}

RReLU::RReLU(IntegerOrNumber lower, IntegerOrNumber upper, bool inplace)
    : lower(lower), upper(upper), inplace(inplace) {
  if (!(number(lower) <= number(upper)))
    fail("RReLU: lower must be at most upper, got {} and {}", python(lower), python(upper));
}
Value RReLU::forward(Value x) const {
  const auto slope = static_cast<float>((number(lower) + number(upper)) / 2);
  return activated("RReLU", {Pointwise::leaky_relu, slope}, x, inplace);
}
std::string RReLU::extra_repr() const {
  return fmt::format("lower={}, upper={}{}", python(lower), python(upper), inplace ? ", inplace=True" : "");
}

Value GLU::forward(Value x) const { return glu(x, dim); }
std::string GLU::extra_repr() const { return fmt::format("dim={}", dim); }

Value Tanh::forward(Value x) const { return activated("Tanh", {Pointwise::tanh}, x); }
Value Sigmoid::forward(Value x) const { return activated("Sigmoid", {Pointwise::sigmoid}, x); }

Value sqrt(Value x) { return activated("sqrt", {Pointwise::sqrt}, x); }
Value rsqrt(Value x) { return activated("rsqrt", {Pointwise::rsqrt}, x); }
Value exp(Value x) { return activated("exp", {Pointwise::exp}, x); }
Value log(Value x) { return activated("log", {Pointwise::log}, x); }
Value abs(Value x) { return activated("abs", {Pointwise::abs}, x); }
Value sin(Value x) { return activated("sin", {Pointwise::sin}, x); }
Value cos(Value x) { return activated("cos", {Pointwise::cos}, x); }

Value pow(Value base, double exponent) {
  if (exponent == 2) return base * base;
  if (exponent == 0.5) return sqrt(base);
  if (exponent == -0.5) return rsqrt(base);
  if (exponent == -1) return 1 / base;
  return activated("pow", {Pointwise::pow, static_cast<float>(exponent)}, base);
}

}  // namespace upconv
