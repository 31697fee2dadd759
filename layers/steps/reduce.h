#pragma once
// Sums, squared distances from the mean and largest elements over some dimensions.
#include <memory>
#include <vector>

#include "../../framework/graph.h"
#include "../../framework/program.h"
#include "expression.h"

namespace upconv::internal {

enum class Reduction { sum, squares, largest };

/// What is reduced: an expression of the inputs, broadcast to `shape`, which is gone over as `layout` lies, and of it
/// the dimensions that are marked. The result, a sum or squares times `factor`, or the root of that, lies in the same
/// order, without those dimensions.
struct ReduceTask {
  Reduction reduction;
  Shape shape;
  Layout layout;
  std::vector<bool> reduced;
  Expression expression;
  double factor = 1;
  bool root = false;
};

std::unique_ptr<Step> reduce_step(ReduceTask task, const Lowering& lowering);

}  // namespace upconv::internal
