#include "layers/steps/expression.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "layers/arithmetic.h"
#include "layers/steps/strided.h"

namespace upconv::internal {
namespace {

class ExpressionStep : public Step {
 public:
  explicit ExpressionStep(Evaluation evaluation) : evaluation_(std::move(evaluation)) {}
  int64_t tiles() const override { return ceil_div(evaluation_.count(), tile_elements); }
  size_t scratch_bytes() const override { return evaluation_.scratch_bytes(); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t end = std::min(evaluation_.count(), (tile + 1) * tile_elements);
    int64_t last = -1;
    for (int64_t at = tile * tile_elements; at < end; last = std::exchange(at, at + Evaluation::run))
      evaluation_.compute(at, std::min(Evaluation::run, end - at), frame.inputs, static_cast<float*>(frame.output) + at,
                          reinterpret_cast<float*>(frame.scratch), last);
  }
  std::string algorithm() const override { return "elementwise"; }

 private:
  Evaluation evaluation_;
};

}  // namespace

const Expression::Cut* Expression::cut(size_t input) const {
  const auto found =
      std::find_if(cuts.begin(), cuts.end(), [&](const Cut& one) { return one.input == static_cast<int>(input); });
  return found == cuts.end() ? nullptr : &*found;
}
bool Expression::cuts_any(std::span<const size_t> numbers) const {
  return std::any_of(numbers.begin(), numbers.end(), [&](size_t input) { return cut(input) != nullptr; });
}

Expression Expression::after(const Expression& producer, std::span<const size_t> replaced) const {
  const auto is_replaced = [&](size_t input) {
    return std::find(replaced.begin(), replaced.end(), input) != replaced.end();
  };
  Expression merged = producer;
  const int left = inputs - static_cast<int>(replaced.size()), before = static_cast<int>(producer.instructions.size());
  for (Instruction& instruction : merged.instructions)
    for (int& operand : instruction.operands)
      if (operand < 0) operand = ~(~operand + left);
  for (Cut& cut : merged.cuts) cut.input += left;
  std::vector<int> renumbered;
  int next = 0;
  for (size_t input = 0; input < static_cast<size_t>(inputs); ++input)
    renumbered.push_back(is_replaced(input) ? before - 1 : ~next++);
  for (Cut cut : cuts) {
    cut.input = ~renumbered[static_cast<size_t>(cut.input)];
    merged.cuts.push_back(cut);
  }
  for (Instruction instruction : instructions) {
    for (int& operand : instruction.operands) {
      const int input = ~operand;
      operand = operand >= 0 ? operand + before : renumbered[static_cast<size_t>(input)];
    }
    merged.instructions.push_back(std::move(instruction));
  }
  merged.inputs = left + producer.inputs;
  return merged;
}

Expression Expression::after(Cut part, std::span<const size_t> replaced) const {
  Expression merged{instructions, inputs - static_cast<int>(replaced.size()) + 1, {}};
  part.input = merged.inputs - 1;
  std::vector<int> renumbered;
  for (size_t input = 0, next = 0; input < static_cast<size_t>(inputs); ++input) {
    const bool is_part = std::find(replaced.begin(), replaced.end(), input) != replaced.end();
    renumbered.push_back(is_part ? part.input : static_cast<int>(next++));
  }
  for (Instruction& instruction : merged.instructions)
    for (int& operand : instruction.operands)
      if (const int input = ~operand; input >= 0) operand = ~renumbered[static_cast<size_t>(input)];
  for (Cut cut : cuts) {
    cut.input = renumbered[static_cast<size_t>(cut.input)];
    merged.cuts.push_back(cut);
  }
  merged.cuts.push_back(part);
  return merged;
}

Evaluation::Evaluation(Expression expression, const Shape& shape, const std::vector<int64_t>& order,
                       const Lowering& lowering)
    : expression_(std::move(expression)), count_(numel(shape)), table_(kernels::table(*lowering.options.isa)) {
  // Of each input, the strides in the dimensions of `shape`, 0 where it is broadcast.
  std::vector<std::vector<int64_t>> strides;
  for (size_t i = 0; i < lowering.inputs.size(); ++i) {
    Shape sizes = lowering.inputs[i].shape;
    std::vector<int64_t> own = strides_of(sizes, lowering.input_layouts[i]);
    inputs_.push_back({});
    if (const Expression::Cut* cut = expression_.cut(i)) {
      inputs_[i].from = cut->start * own[cut->dim];
      sizes[cut->dim] = cut->size;
      own[cut->dim] *= cut->step;
    }
    strides.emplace_back(shape.size());
    for (size_t d = 0; d < sizes.size(); ++d)
      if (sizes[d] != 1) strides[i][shape.size() - sizes.size() + d] = own[d];
  }
  // Loops in the order of memory; neighbours that every input walks as one are joined.
  std::vector<size_t> dims;
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] != 1) dims.push_back(d);
  std::stable_sort(dims.begin(), dims.end(), [&](size_t a, size_t b) { return order[a] > order[b]; });
  for (size_t d : dims) {
    const bool joins = !sizes_.empty() && std::all_of(strides.begin(), strides.end(), [&](const auto& of) {
      return inputs_[static_cast<size_t>(&of - strides.data())].steps.back() == of[d] * shape[d];
    });
    if (joins) sizes_.back() *= shape[d];
    if (!joins) sizes_.push_back(shape[d]);
    for (size_t i = 0; i < strides.size(); ++i) {
      if (joins) inputs_[i].steps.pop_back();
      inputs_[i].steps.push_back(strides[i][d]);
    }
  }
  for (Input& input : inputs_) {
    input.one = std::all_of(input.steps.begin(), input.steps.end(), [](int64_t step) { return step == 0; });
    input.whole = true;
    for (int64_t d = static_cast<int64_t>(sizes_.size()) - 1, step = 1; d >= 0;
         step *= sizes_[static_cast<size_t>(d--)])
      input.whole = input.whole && input.steps[static_cast<size_t>(d)] == step;
    // One value for each channel is the same for all pixels of an image, where runs begin at the same channel.
    input.span = input.one ? std::max<int64_t>(1, count_) : 0;
    if (count_ > 0 && !input.one && input.steps.back() != 0 && run % sizes_.back() == 0) {
      input.span = sizes_.back();
      for (size_t d = sizes_.size() - 1; d-- > 0 && input.steps[d] == 0;) input.span *= sizes_[d];
    }
  }

  // A register is free again after the last instruction that reads it, whose own result may lie there.
  const auto& all = expression_.instructions;
  std::vector<size_t> last(all.size());
  for (size_t i = 0; i < all.size(); ++i)
    for (int operand : all[i].operands)
      if (operand >= 0) last[static_cast<size_t>(operand)] = i;
  std::vector<int> free;
  for (size_t i = 0; i < all.size(); ++i) {
    most_operands_ = std::max(most_operands_, all[i].operands.size());
    const auto release = [&] {
      for (size_t of = 0; of < i; ++of)
        if (last[of] == i && destinations_[of] >= 0) free.push_back(destinations_[of]);
    };
    const bool in_place = all[i].kind != Expression::Instruction::custom;
    if (in_place) release();
    int destination = -1;
    if (i + 1 < all.size()) {
      if (free.empty()) free.push_back(static_cast<int>(registers_++));
      destination = free.back();
      free.pop_back();
    }
    destinations_.push_back(destination);
    if (!in_place) release();
  }
}

void Evaluation::expand(const Input& input, const float* x, int64_t begin, int64_t count, float* out) const {
  const auto inner = sizes_.size() - 1;
  const int64_t step = input.steps[inner];
  while (count > 0) {
    const int64_t at = begin % sizes_[inner], length = std::min(count, sizes_[inner] - at);
    int64_t rest = begin / sizes_[inner];
    const float* from = x + at * step;
    for (size_t d = inner; d-- > 0; rest /= sizes_[d]) from += rest % sizes_[d] * input.steps[d];
    if (step == 1) {
      std::copy_n(from, length, out);
    } else if (step == 0) {
      std::fill_n(out, length, *from);
    } else {
      for (int64_t i = 0; i < length; ++i) out[i] = from[i * step];
    }
    begin += length;
    count -= length;
    out += length;
  }
}

void Evaluation::compute(int64_t begin, int64_t count, const void* const* inputs, float* out, float* scratch,
                         int64_t last) const {
  const auto own = [&](size_t number) { return scratch + static_cast<int64_t>(number) * run; };
  // Behind the registers and the expanded inputs: where the inputs are, and where an instruction's operands are.
  auto** values = reinterpret_cast<const float**>(own(registers_ + inputs_.size()));
  auto** operands = values + inputs_.size();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const auto* x = static_cast<const float*>(inputs[i]) + inputs_[i].from;
    float* expanded = own(registers_ + i);
    values[i] = inputs_[i].whole ? x + begin : expanded;
    if (inputs_[i].whole || same(inputs_[i], last, begin, count)) continue;
    if (inputs_[i].one)
      std::fill_n(expanded, count, *x);
    else
      expand(inputs_[i], x, begin, count, expanded);
  }
  const auto place = [&](size_t instruction) {
    const int destination = destinations_[instruction];
    return destination < 0 ? out : own(static_cast<size_t>(destination));
  };
  for (size_t i = 0; i < expression_.instructions.size(); ++i) {
    const Expression::Instruction& instruction = expression_.instructions[i];
    for (size_t o = 0; o < instruction.operands.size(); ++o) {
      const int operand = instruction.operands[o];
      operands[o] = operand < 0 ? values[~operand] : place(static_cast<size_t>(operand));
    }
    execute(instruction, operands, place(i), count);
  }
}

void Evaluation::execute(const Expression::Instruction& instruction, const float* const* x, float* out,
                         int64_t count) const {
  using Instruction = Expression::Instruction;
  switch (instruction.kind) {
    case Instruction::number:
      std::fill_n(out, count, static_cast<float>(instruction.a));
      return;
    case Instruction::pointwise:
      return table_.activate(x[0], out, count, instruction.function);
    case Instruction::affine:
      return table_.affine(x[0], out, count, static_cast<float>(instruction.a), static_cast<float>(instruction.b), {});
    case Instruction::clamp:
      return table_.clamp(x[0], out, count, static_cast<float>(instruction.a), static_cast<float>(instruction.b));
    case Instruction::binary:
      return table_.binary({instruction.op, x[0], x[1], out, count, false, false, {}});
    case Instruction::select:
      return table_.select(x[0], x[1], x[2], out, count);
    default:
      return (*instruction.own)(x, out, count);
  }
}

std::unique_ptr<Step> expression_step(Expression expression, const Lowering& lowering) {
  const Shape& shape = lowering.output.shape;
  return std::make_unique<ExpressionStep>(
      Evaluation(std::move(expression), shape, strides_of(shape, lowering.output_layout), lowering));
}

}  // namespace upconv::internal
