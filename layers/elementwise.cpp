#include "layers/elementwise.h"

#include <algorithm>
#include <limits>

#include "framework/fail.h"
#include "layers/activated.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/expression_operation.h"
#include "layers/steps/norm.h"
#include "layers/steps/strided.h"

namespace upconv {

using namespace internal;

namespace {

/// Runs of elements that `run(begin, count, frame)` computes.
template <class Run>
class RunsStep : public Step {
 public:
  RunsStep(std::string_view algorithm, int64_t count, Run run) : algorithm_(algorithm), count_(count), run_(run) {}
  int64_t tiles() const override { return ceil_div(count_, tile_elements); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t begin = tile * tile_elements;
    run_(begin, std::min(tile_elements, count_ - begin), frame);
  }
  std::string algorithm() const override { return std::string(algorithm_); }

 private:
  std::string_view algorithm_;
  int64_t count_;
  Run run_;
};

template <class Run>
std::unique_ptr<Step> runs_step(std::string_view algorithm, int64_t count, Run run) {
  return std::make_unique<RunsStep<Run>>(algorithm, count, run);
}

const float* input(const Frame& frame, size_t i) { return static_cast<const float*>(frame.inputs[i]); }
float* output(const Frame& frame) { return static_cast<float*>(frame.output); }

bool all_are(const std::vector<double>& values, double value) {
  return std::all_of(values.begin(), values.end(), [=](double v) { return v == value; });
}

using Instruction = Expression::Instruction;

/// An element-wise operation with an activation, which may become part of a longer one.
template <class Self>
class ElementwiseActivated : public Activated<Self>, public Elementwise {
 public:
  bool is_elementwise() const override { return true; }
  std::shared_ptr<const Operation> with_producer(std::span<const size_t> inputs, const Operation& producer,
                                                 const Type& between, const Type& output) const override {
    return between != output ? nullptr : chained(this->name(), *this, inputs, producer);
  }
  Expression expression() const final {
    Expression all = plain();
    const int last = static_cast<int>(all.instructions.size()) - 1;
    if (this->activated())
      all.instructions.push_back({.kind = Instruction::pointwise, .operands = {last}, .function = this->activation()});
    return all;
  }

 protected:
  /// The function without its activation.
  virtual Expression plain() const = 0;
};

/// y = act(x * scale + shift + residual), scale and shift the same for all elements.
class ScaleOperation : public ElementwiseActivated<ScaleOperation> {
 public:
  ScaleOperation(std::string_view name, double scale, double shift) : name_(name), scale_(scale), shift_(shift) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override { print(scale_, shift_); }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    return inputs[0];
  }
  std::optional<ChannelAffine> channel_affine() const override {
    return ChannelAffine{{scale_}, {shift_}, fmt::format("{},{}", scale_, shift_)};
  }
  std::shared_ptr<const Operation> with_affine(const ChannelAffine& affine) const override {
    if (residual_ || affine.scale.empty() || activated()) return nullptr;
    const double scale = affine.scale[0], shift = affine.shift[0];
    if (!all_are(affine.scale, scale) || !all_are(affine.shift, shift)) return nullptr;
    return std::make_shared<ScaleOperation>(name_, scale_ * scale, shift_ * scale + shift);
  }
  std::shared_ptr<const Operation> with_residual() const override {
    if (residual_ || activated()) return nullptr;
    auto merged = copy();
    merged->residual_ = true;
    return merged;
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const auto scale = static_cast<float>(scale_), shift = static_cast<float>(shift_);
    const kernels::Activation activation = this->activation();
    const kernels::Table& table = kernels::table(*lowering.options.isa);
    const bool residual = residual_;
    return runs_step("affine", numel(lowering.output.shape),
                     [=, &table](int64_t at, int64_t count, const Frame& frame) {
                       if (residual)
                         table.affine_add(input(frame, 0) + at, input(frame, 1) + at, output(frame) + at, count, scale,
                                          shift, activation);
                       else
                         table.affine(input(frame, 0) + at, output(frame) + at, count, scale, shift, activation);
                     });
  }

 private:
  Expression plain() const override {
    Expression all{{{.kind = Instruction::affine, .operands = {~0}, .a = scale_, .b = shift_}}, residual_ ? 2 : 1};
    if (residual_)
      all.instructions.push_back({.kind = Instruction::binary, .operands = {0, ~1}, .op = kernels::Binary::add});
    return all;
  }

  std::string_view name_;
  double scale_, shift_;
  bool residual_ = false;
};

/// y = act(x * scale[c] + shift[c]) of pictures.
class ChannelScaleOperation : public Activated<ChannelScaleOperation> {
 public:
  ChannelScaleOperation(std::string_view name, ChannelAffine affine) : name_(name), affine_(std::move(affine)) {}
  std::string_view name() const override { return name_; }
  Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
  std::optional<ChannelAffine> channel_affine() const override { return affine_; }
  std::shared_ptr<const Operation> with_affine(const ChannelAffine& after) const override {
    return activated() ? nullptr : std::make_shared<ChannelScaleOperation>(name_, affine_.then(after));
  }
  std::optional<Unbound> unbound(const Type& input) const override {
    if (input.shape.size() != 4) return {};
    return unbound_affine(name_, affine_, activation());
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return affine_step(affine_, image_shape(lowering.output.shape), lowering.output_layout, activation(),
                       kernels::table(*lowering.options.isa));
  }

 private:
  std::string_view name_;
  ChannelAffine affine_;
};

/// y = act(number / x).
class QuotientOperation : public ElementwiseActivated<QuotientOperation> {
 public:
  explicit QuotientOperation(double number) : number_(static_cast<float>(number)) {}
  std::string_view name() const override { return "div"; }
  void identify(Fingerprint& print) const override { print(number_); }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    return inputs[0];
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return expression_step(expression(), lowering);
  }

 private:
  Expression plain() const override {
    return {{{.kind = Instruction::number, .operands = {}, .a = number_},
             {.kind = Instruction::binary, .operands = {0, ~0}, .op = kernels::Binary::divide}},
            1};
  }

  float number_;
};

class ClampOperation : public Operation, public Elementwise {
 public:
  ClampOperation(std::optional<double> low, std::optional<double> high) : low_(low), high_(high) {}
  std::string_view name() const override { return "clamp"; }
  void identify(Fingerprint& print) const override { print(low_, high_); }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    if (!low_ && !high_) fail("expected min, max or both, got neither");
    return inputs[0];
  }
  bool is_elementwise() const override { return true; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const auto low = static_cast<float>(low_.value_or(-infinity)), high = static_cast<float>(high_.value_or(infinity));
    const kernels::Table& table = kernels::table(*lowering.options.isa);
    return runs_step("clamp", numel(lowering.output.shape), [=, &table](int64_t at, int64_t count, const Frame& frame) {
      table.clamp(input(frame, 0) + at, output(frame) + at, count, low, high);
    });
  }

  std::shared_ptr<const Operation> with_producer(std::span<const size_t> inputs, const Operation& producer,
                                                 const Type& between, const Type& output) const override {
    return between != output ? nullptr : chained(name(), *this, inputs, producer);
  }
  Expression expression() const override {
    return {
        {{.kind = Instruction::clamp, .operands = {~0}, .a = low_.value_or(-infinity), .b = high_.value_or(infinity)}},
        1};
  }

 private:
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  std::optional<double> low_, high_;
};

/// y = act(a op b), operands broadcast: the loops around runs that the kernel takes.
class BinaryStep : public Step {
 public:
  BinaryStep(kernels::Binary::Kind kind, std::vector<Loop> loops, kernels::Activation activation,
             const kernels::Table& table)
      : kind_(kind), outer_(ordered(std::move(loops))), activation_(activation), table_(table) {
    if (outer_.empty()) outer_.push_back({1, {1, 0, 0}});
    inner_ = outer_.back();
    outer_.pop_back();
    cut_ = std::min(inner_.size, tile_elements);
    group_ = std::max<int64_t>(1, tile_elements / std::max<int64_t>(1, inner_.size));
  }

  int64_t tiles() const override {
    return inner_.size == 0 ? 0 : ceil_div(rounds(outer_), group_) * ceil_div(inner_.size, cut_);
  }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t pieces = ceil_div(inner_.size, cut_), i = tile % pieces * cut_;
    const int64_t first = tile / pieces * group_, last = std::min(first + group_, rounds(outer_));
    for (int64_t round = first; round < last; ++round) {
      const std::array<int64_t, 3> at = offsets(outer_, round);
      table_.binary({kind_, input(frame, 0) + at[1] + i * inner_.steps[1],
                     input(frame, 1) + at[2] + i * inner_.steps[2], output(frame) + at[0] + i,
                     std::min(cut_, inner_.size - i), inner_.steps[1] == 0, inner_.steps[2] == 0, activation_});
    }
  }
  std::string algorithm() const override { return "elementwise"; }

 private:
  kernels::Binary::Kind kind_;
  std::vector<Loop> outer_;
  Loop inner_;
  int64_t cut_, group_;
  kernels::Activation activation_;
  const kernels::Table& table_;
};

class BinaryOperation : public ElementwiseActivated<BinaryOperation> {
 public:
  BinaryOperation(std::string_view name, kernels::Binary::Kind kind) : name_(name), kind_(kind) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint&) const override {}  // the name says the kind
  Type infer(std::span<const Type> inputs) const override { return broadcast(inputs); }
  bool is_sum() const override { return kind_ == kernels::Binary::add && !activated(); }
  std::optional<Modulation> modulation(std::span<const Type> inputs) const override {
    const bool product = kind_ == kernels::Binary::multiply;
    if (activated() || (!product && kind_ != kernels::Binary::add)) return {};
    for (size_t numbers : {1, 0})
      if (is_modulation_of(inputs[1 - numbers].shape, inputs[numbers].shape)) return Modulation{product, numbers};
    return {};
  }
  /// With a number, or one for each channel of pictures, it is a scale and a shift, which layers can absorb.
  std::shared_ptr<const Operation> with_constant(std::span<const Type> inputs, size_t known,
                                                 const Parameter& constant) const override {
    const Type& x = inputs[1 - known];
    if (infer(inputs) != x) return nullptr;
    if (kind_ > kernels::Binary::divide) return nullptr;
    const bool divides = kind_ == kernels::Binary::divide && known == 0;
    if (numel(constant.shape()) == 1) {
      const double value = *constant.value().data();
      if (divides) return std::make_shared<QuotientOperation>(value);
      const auto [scale, shift] = affine(value, known);
      return std::make_shared<ScaleOperation>(name_, scale, shift);
    }
    if (divides || !is_for_channels(constant.shape(), x.shape)) return nullptr;
    const Tensor values = constant.value();
    ChannelAffine all;
    for (const float* value = values.data(); value < values.data() + values.numel(); ++value) {
      const auto [scale, shift] = affine(*value, known);
      all.scale.push_back(scale);
      all.shift.push_back(shift);
    }
    all.key = std::string(name_) + std::to_string(known) +
              std::string(reinterpret_cast<const char*>(values.data()), sizeof(float) * all.scale.size());
    return std::make_shared<ChannelScaleOperation>(name_, std::move(all));
  }
  bool any_layout(std::span<const Type> inputs) const override { return fits_any_layout(inputs); }
  Layout preferred_layout(Layout wanted) const override { return wanted; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const Shape& shape = lowering.output.shape;
    const std::vector<int64_t> strides = strides_of(shape, lowering.output_layout);
    std::vector<Loop> loops;
    for (size_t d = 0; d < shape.size(); ++d) loops.push_back({shape[d], {strides[d], 0, 0}});
    for (size_t i = 0; i < 2; ++i) {
      const Shape& operand = lowering.inputs[i].shape;
      const std::vector<int64_t> steps = strides_of(operand, lowering.input_layouts[i]);
      for (size_t d = 0; d < operand.size(); ++d)
        if (operand[d] != 1) loops[shape.size() - operand.size() + d].steps[1 + i] = steps[d];
    }
    return std::make_unique<BinaryStep>(kind_, std::move(loops), activation(), kernels::table(*lowering.options.isa));
  }

 private:
  Expression plain() const override { return {{{.kind = Instruction::binary, .operands = {~0, ~1}, .op = kind_}}, 2}; }
  /// What `value` as the operand numbered `known` makes of the other one: x * first + second.
  std::pair<double, double> affine(double value, size_t known) const {
    switch (kind_) {
      case kernels::Binary::add:
        return {1, value};
      case kernels::Binary::subtract:
        return known == 0 ? std::pair(-1.0, value) : std::pair(1.0, -value);
      case kernels::Binary::multiply:
        return {value, 0};
      default:
        return {1 / value, 0};
    }
  }
  /// Whether there is one number for each channel of pictures x, or of each one of them.
  static bool is_modulation_of(const Shape& x, const Shape& numbers) {
    return x.size() == 4 && (is_for_channels(numbers, x) || numbers == Shape{x[0], x[1], 1, 1});
  }
  /// Whether a constant has one value for each channel of pictures: (C, 1, 1) or (1, C, 1, 1).
  static bool is_for_channels(const Shape& constant, const Shape& x) {
    const size_t rank = x.size();
    if (rank < 3 || rank > 4 || constant.size() < 3 || constant.size() > rank) return false;
    const int64_t C = constant[constant.size() - 3];
    return C == x[rank - 3] && C == numel(constant);
  }

  std::string_view name_;
  kernels::Binary::Kind kind_;
};

Value apply(std::string_view name, kernels::Binary::Kind kind, Value a, Value b) {
  return a.graph().apply(std::make_shared<BinaryOperation>(name, kind), {a, b});
}

/// x op number, or number op x.
Value compare(const char* name, kernels::Binary::Kind kind, Value x, double number, bool swapped = false) {
  const std::vector<int> operands = swapped ? std::vector{0, ~0} : std::vector{~0, 0};
  const Expression expression{{{.kind = Instruction::number, .operands = {}, .a = number},
                               {.kind = Instruction::binary, .operands = operands, .op = kind}},
                              1};
  return x.graph().apply(std::make_shared<ExpressionOperation>(name, expression), {x});
}

Value apply(std::string_view name, double scale, double shift, Value x) {
  return x.graph().apply(std::make_shared<ScaleOperation>(name, scale, shift), {x});
}

}  // namespace

Value operator+(Value a, Value b) { return apply("add", kernels::Binary::add, a, b); }
Value operator-(Value a, Value b) { return apply("sub", kernels::Binary::subtract, a, b); }
Value operator*(Value a, Value b) { return apply("mul", kernels::Binary::multiply, a, b); }
Value operator/(Value a, Value b) { return apply("div", kernels::Binary::divide, a, b); }

Value operator+(Value x, double number) { return apply("add", 1, number, x); }
Value operator-(Value x, double number) { return apply("sub", 1, -number, x); }
Value operator*(Value x, double number) { return apply("mul", number, 0, x); }
Value operator/(Value x, double number) { return apply("div", 1 / number, 0, x); }
Value operator+(double number, Value x) { return x + number; }
Value operator-(double number, Value x) { return apply("sub", -1, number, x); }
Value operator*(double number, Value x) { return x * number; }
Value operator/(double number, Value x) { return x.graph().apply(std::make_shared<QuotientOperation>(number), {x}); }
Value operator-(Value x) { return apply("neg", -1, 0, x); }

Value maximum(Value a, Value b) { return apply("maximum", kernels::Binary::maximum, a, b); }
Value minimum(Value a, Value b) { return apply("minimum", kernels::Binary::minimum, a, b); }
Value pow(Value base, Value exponent) { return apply("pow", kernels::Binary::power, base, exponent); }

Value eq(Value a, Value b) { return apply("eq", kernels::Binary::equal, a, b); }
Value ne(Value a, Value b) { return 1 - eq(a, b); }
Value lt(Value a, Value b) { return apply("lt", kernels::Binary::less, a, b); }
Value le(Value a, Value b) { return apply("le", kernels::Binary::less_equal, a, b); }
Value gt(Value a, Value b) { return lt(b, a); }
Value ge(Value a, Value b) { return le(b, a); }

Value operator<(Value a, double number) { return compare("lt", kernels::Binary::less, a, number); }
Value operator<=(Value a, double number) { return compare("le", kernels::Binary::less_equal, a, number); }
Value operator>(Value a, double number) { return compare("gt", kernels::Binary::less, a, number, true); }
Value operator>=(Value a, double number) { return compare("ge", kernels::Binary::less_equal, a, number, true); }

Value where(Value condition, Value a, Value b) {
  const Expression select{{{.kind = Instruction::select, .operands = {~0, ~1, ~2}}}, 3};
  return condition.graph().apply(std::make_shared<ExpressionOperation>("where", select), {condition, a, b});
}

struct ElementwiseFunction::State {
  std::string name;
  int inputs;
  std::shared_ptr<const ElementFunction> function;
};

ElementwiseFunction::ElementwiseFunction(std::string name, int inputs, Function function)
    : state_(std::make_shared<const State>(
          State{std::move(name), inputs, std::make_shared<const ElementFunction>(std::move(function))})) {
  if (inputs < 1) fail("{}: an element-wise function has at least one input, got {}", state_->name, inputs);
}

Value ElementwiseFunction::operator()(const Values& xs) const {
  if (xs.size() != static_cast<size_t>(state_->inputs))
    fail("{}: expected {} values, got {}", state_->name, state_->inputs, xs.size());
  Instruction all{.kind = Instruction::custom, .operands = {}, .own = state_->function};
  for (int i = 0; i < state_->inputs; ++i) all.operands.push_back(~i);
  return xs.front().graph().apply(
      std::make_shared<ExpressionOperation>(state_->name, Expression{{std::move(all)}, state_->inputs}), xs);
}

Value clamp(Value x, std::optional<double> min, std::optional<double> max) {
  return x.graph().apply(std::make_shared<ClampOperation>(min, max), {x});
}

}  // namespace upconv
