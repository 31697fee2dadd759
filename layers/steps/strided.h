#pragma once
// Internal: values as arrays with a stride for each dimension, whatever their layout; loops over several at once; and
// the step that moves elements between them.
#include <array>
#include <span>
#include <vector>

#include "../../framework/graph.h"
#include "../../framework/program.h"
#include "../kernels/kernels.h"

namespace upconv::internal {

/// Elements from one index to the next of each dimension. The last three dimensions of ranks 3 and 4 are (C, H, W);
/// values of other ranks lie the same in every layout.
std::vector<int64_t> strides_of(const Shape& shape, Layout layout);

/// Whether all of them are of ranks whose elements keep their order relative to each other in either layout.
bool fits_any_layout(std::span<const Type> types);

/// One of the nested loops that walk over up to three arrays together: how often, and each array's step.
struct Loop {
  int64_t size;
  std::array<int64_t, 3> steps;
};

/// The same loops, the first array's largest steps outermost; those that run once are dropped, and those that go on
/// where the next one ends are joined to it.
std::vector<Loop> ordered(std::vector<Loop> loops);

/// How often the innermost of `loops` runs.
int64_t rounds(std::span<const Loop> loops);

/// Where round `index` of `loops` is in each array.
std::array<int64_t, 3> offsets(std::span<const Loop> loops, int64_t index);

/// Elements of one array on their way to another, unchanged but for an activation. The first step of each loop is the
/// destination's, the second the source's.
class StridedCopy {
 public:
  StridedCopy(std::vector<Loop> loops, int64_t from, int64_t to, const kernels::Table& table,
              kernels::Activation activation = {});
  int64_t tiles() const;
  void run(int64_t tile, const float* x, float* y) const;

 private:
  bool transposes() const;
  void plane(const float* x, float* y, int64_t middle, int64_t inner) const;

  std::vector<Loop> outer_;
  Loop middle_, inner_;
  int64_t from_, to_;
  int64_t middle_cut_, inner_cut_;  // what of the two loops is one tile,
  int64_t group_;                   // and of how many rounds of the others
  const kernels::Table& table_;
  kernels::Activation activation_;
};

/// The part of a value that an operation moves: x[from + sum i * x_strides] goes to y[to + sum i * y_strides], in
/// elements of `dtype`.
struct Move {
  Shape sizes;
  std::vector<int64_t> x_strides, y_strides;
  int64_t from = 0, to = 0;
};

/// The step that makes each of `moves`, the n-th from input n.
std::unique_ptr<Step> move_step(std::span<const Move> moves, DType dtype, const kernels::Table& table,
                                kernels::Activation activation = {});

}  // namespace upconv::internal
