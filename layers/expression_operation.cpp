#include "layers/expression_operation.h"

#include <algorithm>

#include "layers/check.h"
#include "layers/steps/strided.h"

namespace upconv::internal {

void ExpressionOperation::identify(Fingerprint& print) const {
  for (const Expression::Instruction& i : expression_.instructions)
    print(i.kind, i.operands, i.function.kind, i.function.a, i.function.b, i.a, i.b, i.op, i.own.get());
  for (const Expression::Cut& cut : expression_.cuts) print(cut.input, cut.dim, cut.start, cut.step, cut.size);
}

Type ExpressionOperation::infer(std::span<const Type> inputs) const {
  std::vector<Type> read(inputs.begin(), inputs.end());
  for (const Expression::Cut& cut : expression_.cuts) read[static_cast<size_t>(cut.input)].shape[cut.dim] = cut.size;
  return broadcast(read);
}

std::shared_ptr<const Operation> ExpressionOperation::with_producer(std::span<const size_t> inputs,
                                                                    const Operation& producer, const Type& between,
                                                                    const Type& output) const {
  return between != output ? nullptr : chained(name_, *this, inputs, producer);
}

bool ExpressionOperation::any_layout(std::span<const Type> inputs) const { return fits_any_layout(inputs); }

std::unique_ptr<Step> ExpressionOperation::lower(const Lowering& lowering) const {
  return expression_step(expression_, lowering);
}

std::shared_ptr<const Operation> chained(std::string_view name, const Elementwise& reader,
                                         std::span<const size_t> inputs, const Operation& producer) {
  const Expression own = reader.expression();
  if (own.cuts_any(inputs)) return nullptr;
  if (const auto* before = dynamic_cast<const Elementwise*>(&producer))
    return std::make_shared<ExpressionOperation>(std::string(name), own.after(before->expression(), inputs));
  const auto* part = dynamic_cast<const Part*>(&producer);
  std::optional<Expression::Cut> cut = part == nullptr ? std::nullopt : part->cut();
  if (!cut) return nullptr;
  return std::make_shared<ExpressionOperation>(std::string(name), own.after(*cut, inputs));
}

Tensor channel_values(const std::vector<float>& values) {
  return Tensor({static_cast<int64_t>(values.size()), 1, 1}, values);
}

Unbound unbound_affine(std::string_view name, const ChannelAffine& affine, const Pointwise& activation) {
  using Instruction = Expression::Instruction;
  Unbound all;
  Expression expression{{}, 1};
  int x = ~0;
  const auto add = [&](const std::vector<double>& values, double neutral, kernels::Binary::Kind op) {
    if (std::all_of(values.begin(), values.end(), [&](double value) { return value == neutral; })) return;
    all.parameters.push_back(channel_values({values.begin(), values.end()}));
    expression.instructions.push_back({.kind = Instruction::binary, .operands = {x, ~expression.inputs++}, .op = op});
    x = static_cast<int>(expression.instructions.size()) - 1;
  };
  add(affine.scale, 1, kernels::Binary::multiply);
  add(affine.shift, 0, kernels::Binary::add);
  if (activation.kind != Pointwise::identity || expression.instructions.empty())
    expression.instructions.push_back({.kind = Instruction::pointwise, .operands = {x}, .function = activation});
  all.operation = std::make_shared<ExpressionOperation>(std::string(name), std::move(expression));
  return all;
}

Type broadcast(std::span<const Type> inputs) {
  check_float(inputs);
  Shape all = inputs[0].shape;
  for (const Type& input : inputs.subspan(1)) {
    const Shape a = all, &b = input.shape;
    all.resize(std::max(a.size(), b.size()));
    for (size_t d = 0; d < all.size(); ++d) {  // from the last dimension on
      const int64_t m = d < a.size() ? a[a.size() - 1 - d] : 1, n = d < b.size() ? b[b.size() - 1 - d] : 1;
      if (m != n && m != 1 && n != 1)
        fail("expected shapes that broadcast, got {} and {}: {} and {} in dimension {}", str(a), str(b), m, n,
             all.size() - 1 - d);
      all[all.size() - 1 - d] = m == 1 ? n : m;
    }
  }
  return counted({all, DType::float32});
}

}  // namespace upconv::internal
