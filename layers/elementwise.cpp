#include "layers/elementwise.h"

#include <algorithm>
#include <limits>

#include "framework/fail.h"
#include "layers/activated.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/steps/strided.h"

namespace upconv {

using namespace internal;

namespace {

constexpr int64_t run_length = 32 << 10;  // 128 KiB in and out: some 10 us of memory traffic

/// Runs of elements that `run(begin, count, frame)` computes.
template <class Run>
class RunsStep : public Step {
 public:
  RunsStep(std::string_view algorithm, int64_t count, Run run) : algorithm_(algorithm), count_(count), run_(run) {}
  int64_t tiles() const override { return ceil_div(count_, run_length); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t begin = tile * run_length;
    run_(begin, std::min(run_length, count_ - begin), frame);
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

/// y = act(x * scale + shift + residual), scale and shift the same for all elements.
class ScaleOperation : public Activated<ScaleOperation> {
 public:
  ScaleOperation(std::string_view name, double scale, double shift) : name_(name), scale_(scale), shift_(shift) {}
  std::string_view name() const override { return name_; }
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
  std::string_view name_;
  double scale_, shift_;
  bool residual_ = false;
};

/// y = act(number / x).
class QuotientOperation : public Activated<QuotientOperation> {
 public:
  explicit QuotientOperation(double number) : number_(static_cast<float>(number)) {}
  std::string_view name() const override { return "div"; }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    return inputs[0];
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const kernels::Table& table = kernels::table(*lowering.options.isa);
    return runs_step("elementwise", numel(lowering.output.shape),
                     [&table, number = number_, activation = activation()](int64_t at, int64_t count, const Frame& f) {
                       table.binary({kernels::Binary::divide, &number, input(f, 0) + at, output(f) + at, count, true,
                                     false, activation});
                     });
  }

 private:
  float number_;
};

class ClampOperation : public Operation {
 public:
  ClampOperation(std::optional<double> low, std::optional<double> high) : low_(low), high_(high) {}
  std::string_view name() const override { return "clamp"; }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    if (!low_ && !high_) fail("expected min, max or both, got neither");
    return inputs[0];
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const auto low = static_cast<float>(low_.value_or(-infinity)), high = static_cast<float>(high_.value_or(infinity));
    const kernels::Table& table = kernels::table(*lowering.options.isa);
    return runs_step("clamp", numel(lowering.output.shape), [=, &table](int64_t at, int64_t count, const Frame& frame) {
      table.clamp(input(frame, 0) + at, output(frame) + at, count, low, high);
    });
  }

 private:
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
    cut_ = std::min(inner_.size, run_length);
    group_ = std::max<int64_t>(1, run_length / std::max<int64_t>(1, inner_.size));
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

class BinaryOperation : public Activated<BinaryOperation> {
 public:
  BinaryOperation(std::string_view name, kernels::Binary::Kind kind) : name_(name), kind_(kind) {}
  std::string_view name() const override { return name_; }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    const Shape &a = inputs[0].shape, &b = inputs[1].shape;
    Shape shape(std::max(a.size(), b.size()));
    for (size_t d = 0; d < shape.size(); ++d) {  // from the last dimension on
      const int64_t m = d < a.size() ? a[a.size() - 1 - d] : 1, n = d < b.size() ? b[b.size() - 1 - d] : 1;
      if (m != n && m != 1 && n != 1)
        fail("expected shapes that broadcast, got {} and {}: {} and {} in dimension {}", str(a), str(b), m, n,
             shape.size() - 1 - d);
      shape[shape.size() - 1 - d] = m == 1 ? n : m;
    }
    return {shape, DType::float32};
  }
  bool is_sum() const override { return kind_ == kernels::Binary::add && !activated(); }
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
  std::string_view name_;
  kernels::Binary::Kind kind_;
};

Value apply(std::string_view name, kernels::Binary::Kind kind, Value a, Value b) {
  return a.graph().apply(std::make_shared<BinaryOperation>(name, kind), {a, b});
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

Value clamp(Value x, std::optional<double> min, std::optional<double> max) {
  return x.graph().apply(std::make_shared<ClampOperation>(min, max), {x});
}

}  // namespace upconv
