#pragma once
// Internal: the operation that stands for a parameter's values.
#include "graph.h"

namespace upconv::internal {

/// The compiler knows its values and makes no step of it.
class ConstantOperation : public Operation {
 public:
  explicit ConstantOperation(const Parameter& values) : values_(values) {}
  std::string_view name() const override { return "constant"; }
  Type infer(std::span<const Type>) const override { return {values_.shape(), values_.dtype()}; }
  void identify(Fingerprint& print) const override { print(values_); }
  const Parameter* constant() const override { return &values_; }
  Layout output_layout(Layout, Layout) const override { return Layout::contiguous; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override;

 protected:
  Parameter values_;
};

}  // namespace upconv::internal
