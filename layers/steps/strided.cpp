#include "layers/steps/strided.h"

#include <algorithm>
#include <cstring>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

class MoveStep : public Step {
 public:
  explicit MoveStep(std::vector<StridedCopy> copies) : copies_(std::move(copies)) {}

  int64_t tiles() const override {
    int64_t count = 0;
    for (const StridedCopy& copy : copies_) count += copy.tiles();
    return count;
  }
  void run(int64_t tile, const Frame& frame) const override {
    size_t part = 0;
    for (; tile >= copies_[part].tiles(); ++part) tile -= copies_[part].tiles();
    copies_[part].run(tile, static_cast<const float*>(frame.inputs[part]), static_cast<float*>(frame.output));
  }
  std::string algorithm() const override { return "move"; }

 private:
  std::vector<StridedCopy> copies_;
};

bool continues(const Loop& outer, const Loop& inner) {
  for (size_t i = 0; i < outer.steps.size(); ++i)
    if (outer.steps[i] != inner.steps[i] * inner.size) return false;
  return true;
}

}  // namespace

std::vector<int64_t> strides_of(const Shape& shape, Layout layout) {
  const size_t rank = shape.size();
  std::vector<size_t> order;  // of dimensions in memory, innermost first
  for (size_t d = rank; d-- > 0;) order.push_back(d);
  if (layout == Layout::channels_last && (rank == 3 || rank == 4))
    std::rotate(order.begin(), order.begin() + 2, order.begin() + 3);
  std::vector<int64_t> strides(rank);
  int64_t stride = 1;
  for (size_t d : order) {
    strides[d] = stride;
    stride *= shape[d];
  }
  return strides;
}

bool fits_any_layout(std::span<const Type> types) {
  return std::all_of(types.begin(), types.end(), [](const Type& type) { return type.shape.size() <= 4; });
}

std::vector<Loop> ordered(std::vector<Loop> loops) {
  std::erase_if(loops, [](const Loop& loop) { return loop.size == 1; });
  std::stable_sort(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) { return a.steps[0] > b.steps[0]; });
  std::vector<Loop> joined;
  for (const Loop& loop : loops) {
    if (!joined.empty() && continues(joined.back(), loop))
      joined.back() = {joined.back().size * loop.size, loop.steps};
    else
      joined.push_back(loop);
  }
  return joined;
}

int64_t rounds(std::span<const Loop> loops) {
  int64_t count = 1;
  for (const Loop& loop : loops) count *= loop.size;
  return count;
}

std::array<int64_t, 3> offsets(std::span<const Loop> loops, int64_t index) {
  std::array<int64_t, 3> at = {};
  for (size_t l = loops.size(); l-- > 0; index /= loops[l].size)
    for (size_t i = 0; i < at.size(); ++i) at[i] += index % loops[l].size * loops[l].steps[i];
  return at;
}

StridedCopy::StridedCopy(std::vector<Loop> loops, int64_t from, int64_t to, const kernels::Table& table,
                         kernels::Activation activation)
    : outer_(ordered(std::move(loops))), from_(from), to_(to), table_(table), activation_(activation) {
  while (outer_.size() < 2) outer_.insert(outer_.begin(), {1, {0, 0, 0}});
  inner_ = outer_.back();
  outer_.pop_back();
  // Where the source is not read in order, its own innermost loop is the other side of a transposition.
  auto middle = std::find_if(outer_.begin(), outer_.end(), [](const Loop& loop) { return loop.steps[1] == 1; });
  if (inner_.steps[1] == 1 || middle == outer_.end()) middle = outer_.end() - 1;
  middle_ = *middle;
  outer_.erase(middle);
  inner_cut_ = std::min(inner_.size, transposes() ? 512 : tile_elements);  // of a transposition, a part with two sides
  middle_cut_ = std::min(middle_.size, std::max<int64_t>(1, tile_elements / std::max<int64_t>(1, inner_cut_)));
  group_ = std::max<int64_t>(1, tile_elements / std::max<int64_t>(1, middle_.size * inner_.size));
}

bool StridedCopy::transposes() const {
  // What is broadcast or flipped is read again and again, or backwards: that is no matrix.
  return inner_.steps[0] == 1 && middle_.steps[1] == 1 && (inner_.size <= 1 || inner_.steps[1] >= middle_.size) &&
         activation_.kind == kernels::Activation::identity;
}

int64_t StridedCopy::tiles() const {
  if (inner_.size == 0 || middle_.size == 0) return 0;
  return ceil_div(rounds(outer_), group_) * ceil_div(middle_.size, middle_cut_) * ceil_div(inner_.size, inner_cut_);
}

void StridedCopy::run(int64_t tile, const float* x, float* y) const {
  const int64_t inner_tiles = ceil_div(inner_.size, inner_cut_), middle_tiles = ceil_div(middle_.size, middle_cut_);
  const int64_t i = tile % inner_tiles * inner_cut_, m = tile / inner_tiles % middle_tiles * middle_cut_;
  const int64_t first = tile / inner_tiles / middle_tiles * group_, last = std::min(first + group_, rounds(outer_));
  for (int64_t round = first; round < last; ++round) {
    const std::array<int64_t, 3> at = offsets(outer_, round);
    plane(x + from_ + at[1] + m * middle_.steps[1] + i * inner_.steps[1],
          y + to_ + at[0] + m * middle_.steps[0] + i * inner_.steps[0], std::min(middle_cut_, middle_.size - m),
          std::min(inner_cut_, inner_.size - i));
  }
}

void StridedCopy::plane(const float* x, float* y, int64_t middle, int64_t inner) const {
  const bool changed = activation_.kind != kernels::Activation::identity;
  const int64_t y_step = inner_.steps[0], x_step = inner_.steps[1];
  if (transposes()) return table_.transpose(x, x_step, y, middle_.steps[0], inner, middle);
  for (int64_t m = 0; m < middle; ++m, x += middle_.steps[1], y += middle_.steps[0]) {
    if (y_step == 1 && x_step == 1 && changed)
      table_.activate(x, y, inner, activation_);
    else if (y_step == 1 && x_step == 1 && inner >= 8)  // below, the call costs more than the loop
      std::memcpy(y, x, static_cast<size_t>(inner) * sizeof(float));
    else if (changed)
      for (int64_t i = 0; i < inner; ++i) table_.activate(x + i * x_step, y + i * y_step, 1, activation_);
    else
      for (int64_t i = 0; i < inner; ++i) y[i * y_step] = x[i * x_step];
  }
}

std::unique_ptr<Step> move_step(std::span<const Move> moves, DType dtype, const kernels::Table& table,
                                kernels::Activation activation) {
  const auto floats = static_cast<int64_t>(size_of(dtype) / sizeof(float));  // int64 moves as two of them
  std::vector<StridedCopy> copies;
  for (const Move& move : moves) {
    std::vector<Loop> loops;
    for (size_t d = 0; d < move.sizes.size(); ++d)
      loops.push_back({move.sizes[d], {move.y_strides[d] * floats, move.x_strides[d] * floats, 0}});
    loops.push_back({floats, {1, 1, 0}});
    copies.emplace_back(std::move(loops), move.from * floats, move.to * floats, table, activation);
  }
  return std::make_unique<MoveStep>(std::move(copies));
}

}  // namespace upconv::internal
