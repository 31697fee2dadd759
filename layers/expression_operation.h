#pragma once
// Internal: operations that compute an element of their output from the same element of each input, and what several of
// them in a row become.
#include "../framework/graph.h"
#include "steps/expression.h"

namespace upconv::internal {

/// What such an operation says of itself, beside being an Operation.
class Elementwise {
 public:
  virtual ~Elementwise() = default;
  /// The function, of as many inputs as the operation has.
  virtual Expression expression() const = 0;
};

/// An operation whose result is a part of its input, which an element-wise operation can read there.
class Part {
 public:
  virtual ~Part() = default;
  /// Which part, of an input without a number; nothing where it is quicker copied than read in short runs.
  virtual std::optional<Expression::Cut> cut() const = 0;
};

/// Any function of inputs that are broadcast to its output.
class ExpressionOperation : public Operation, public Elementwise {
 public:
  ExpressionOperation(std::string name, Expression expression)
      : name_(std::move(name)), expression_(std::move(expression)) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override;
  Type infer(std::span<const Type> inputs) const override;
  bool is_elementwise() const override { return true; }
  Expression expression() const override { return expression_; }
  std::shared_ptr<const Operation> with_producer(std::span<const size_t> inputs, const Operation& producer,
                                                 const Type& between, const Type& output) const override;
  bool any_layout(std::span<const Type> inputs) const override;
  std::unique_ptr<Step> lower(const Lowering& lowering) const override;

 private:
  std::string name_;
  Expression expression_;
};

/// `reader`, an element-wise operation of that name, after `producer` gave the inputs numbered `inputs`; nullptr where
/// the producer is neither an element-wise operation nor a part.
std::shared_ptr<const Operation> chained(std::string_view name, const Elementwise& reader,
                                         std::span<const size_t> inputs, const Operation& producer);

/// act(x * scale + shift) of pictures (N, C, H, W), a scale and a shift for each channel, as a function of x and those
/// that do something.
Unbound unbound_affine(std::string_view name, const ChannelAffine& affine, const Pointwise& activation);
/// One value for each channel of such pictures, (C, 1, 1).
Tensor channel_values(const std::vector<float>& values);

/// The shape that all of them are broadcast to, as PyTorch has it. Throws Error where they do not fit, or one is not
/// float32.
Type broadcast(std::span<const Type> inputs);

}  // namespace upconv::internal
