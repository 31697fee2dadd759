#include "layers/steps/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "layers/arithmetic.h"
#include "layers/steps/strided.h"

namespace upconv::internal {
namespace {

constexpr int64_t piece = Evaluation::run;  ///< elements that are evaluated at a time
constexpr int64_t most_terms = 8;           ///< that are added in float32

/// Dimensions in the order of memory, neighbours of one kind joined: their sizes, which are reduced, and the elements
/// of what is read from one index to the next.
struct Dims {
  std::vector<int64_t> sizes, steps;
  std::vector<bool> reduced;
};

Dims joined(const Shape& shape, Layout layout, const std::vector<bool>& reduced) {
  const std::vector<int64_t> strides = strides_of(shape, layout);
  std::vector<size_t> order;
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] != 1) order.push_back(d);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return strides[a] > strides[b]; });
  Dims dims;
  for (size_t d : order) {
    const bool joins = !dims.sizes.empty() && dims.reduced.back() == reduced[d];
    if (joins) dims.sizes.back() *= shape[d];
    if (joins) dims.steps.back() = strides[d];
    if (joins) continue;
    dims.sizes.push_back(shape[d]);
    dims.steps.push_back(strides[d]);
    dims.reduced.push_back(reduced[d]);
  }
  return dims;
}

/// Results lie one after another. Where the innermost dimension is reduced, a result is a sum of runs; where it is
/// kept, a run of results is a sum of runs side by side. Sums of runs are added in float64, and so is each distance
/// from a result's first number, where squares are asked for: those from the mean follow.
class ReduceStep : public Step {
 public:
  ReduceStep(const ReduceTask& task, const Dims& dims, Evaluation evaluation, const kernels::Table& table)
      : reduction_(task.reduction),
        factor_(task.factor),
        root_(task.root),
        evaluation_(std::move(evaluation)),
        table_(table) {
    const bool kept_inside = !dims.sizes.empty() && !dims.reduced.back();
    for (size_t d = 0; d < dims.sizes.size(); ++d) {
      if (d + 1 == dims.sizes.size())
        inner_ = dims.sizes[d];
      else
        (dims.reduced[d] ? reduced_ : kept_).push_back({dims.sizes[d], dims.steps[d]});
    }
    kept_inside_ = kept_inside;
    results_ = product(kept_);
    terms_ = product(reduced_);
    const int64_t work = std::max<int64_t>(1, terms_ * (kept_inside ? std::min(inner_, piece) : inner_));
    group_ = std::max<int64_t>(1, tile_elements / work);
  }

  int64_t tiles() const override {
    return evaluation_.count() == 0 && results_ * (kept_inside_ ? inner_ : 1) == 0 ? 0 : ceil_div(units(), group_);
  }
  size_t scratch_bytes() const override {
    return evaluation_.scratch_bytes() + piece * (2 * sizeof(float) + 2 * sizeof(double));
  }
  std::string algorithm() const override { return "reduce"; }

  void run(int64_t tile, const Frame& frame) const override {
    auto* sums = reinterpret_cast<double*>(frame.scratch);
    auto* values = reinterpret_cast<float*>(sums + 2 * piece);
    auto* y = static_cast<float*>(frame.output);
    const int64_t end = std::min(units(), (tile + 1) * group_), together = rows_together();
    for (int64_t unit = tile * group_; unit < end;) {
      const int64_t count = std::min(together, end - unit);
      if (kept_inside_ && reduction_ == Reduction::squares)
        squares_of_columns(unit, frame.inputs, sums, values, y);
      else if (kept_inside_)
        columns(unit, frame.inputs, sums, values, y);
      else if (together > 1)
        rows(unit, count, frame.inputs, values, y);
      else
        y[unit] = row(unit, frame.inputs, values);
      unit += count;
    }
  }

 private:
  struct Dim {
    int64_t size, step;
  };
  static int64_t product(const std::vector<Dim>& dims) {
    return std::accumulate(dims.begin(), dims.end(), int64_t{1}, [](int64_t a, const Dim& d) { return a * d.size; });
  }
  static int64_t offset(const std::vector<Dim>& dims, int64_t index) {
    int64_t at = 0;
    for (size_t d = dims.size(); d-- > 0; index /= dims[d].size) at += index % dims[d].size * dims[d].step;
    return at;
  }
  int64_t runs() const { return ceil_div(inner_, piece); }
  /// Results, or runs of them.
  int64_t units() const { return kept_inside_ ? results_ * runs() : results_; }

  /// Short rows that lie one after another are evaluated several at a time.
  int64_t rows_together() const {
    return kept_inside_ || terms_ != 1 || inner_ < 1 ? 1 : std::max<int64_t>(1, piece / inner_);
  }
  void rows(int64_t first, int64_t count, const void* const* inputs, float* values, float* y) const {
    evaluation_.compute(first * inner_, count * inner_, inputs, values, values + piece);
    for (int64_t row = first; row < first + count; ++row, values += inner_) {
      Row one;
      add(values, inner_, one);
      y[row] = result_of(one);
    }
  }

  float row(int64_t result, const void* const* inputs, float* values) const {
    Row row;
    for (int64_t term = 0; term < terms_; ++term) {
      const int64_t begin = offset(kept_, result) + offset(reduced_, term);
      for (int64_t at = 0; at < inner_; at += piece) {
        const int64_t count = std::min(piece, inner_ - at);
        evaluation_.compute(begin + at, count, inputs, values, values + piece);
        add(values, count, row);
      }
    }
    return result_of(row);
  }

  /// What the runs of a row have come to.
  struct Row {
    double sum = 0, squares = 0;  ///< of squares, distances from the first number
    float first = 0, largest = -std::numeric_limits<float>::infinity();
    int64_t count = 0;
  };
  void add(const float* values, int64_t count, Row& row) const {
    if (reduction_ == Reduction::sum) {
      row.sum += table_.sum(values, count);
    } else if (reduction_ == Reduction::squares) {
      add_distances(values, count, row);
    } else {
      const float one = table_.largest(values, count);
      if (row.largest == row.largest && !(one <= row.largest)) row.largest = one;  // a NaN, too, which stays
    }
  }
  static void add_distances(const float* values, int64_t count, Row& row) {
    constexpr int64_t lanes = 8;
    if (row.count == 0 && count > 0) row.first = values[0];
    row.count += count;
    double sums[lanes] = {}, squares[lanes] = {};
    const auto add = [&](float value, int64_t lane) {
      const double distance = static_cast<double>(value) - static_cast<double>(row.first);
      sums[lane] += distance;
      squares[lane] += distance * distance;
    };
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
      for (int64_t lane = 0; lane < lanes; ++lane) add(values[i + lane], lane);
    for (int64_t lane = 0; i + lane < count; ++lane) add(values[i + lane], lane);
    row.sum += std::accumulate(sums, sums + lanes, 0.0);
    row.squares += std::accumulate(squares, squares + lanes, 0.0);
  }
  float result_of(const Row& row) const {
    if (reduction_ == Reduction::largest) return row.largest;
    return scaled(reduction_ == Reduction::sum ? row.sum : from_mean(row.squares, row.sum, row.count));
  }
  /// The squared distances from the mean of so many numbers, from those of another number and the distances' sum.
  static double from_mean(double squares, double sum, int64_t count) {
    return squares - sum * sum / static_cast<double>(count);
  }
  float scaled(double sum) const { return static_cast<float>(root_ ? std::sqrt(sum * factor_) : sum * factor_); }

  void columns(int64_t unit, const void* const* inputs, double* sums, float* values, float* y) const {
    float *partial = values + piece, *scratch = partial + piece;
    const int64_t result = unit / runs(), first = unit % runs() * piece, count = std::min(piece, inner_ - first);
    const bool adds = reduction_ == Reduction::sum;
    const float start = adds ? 0 : -std::numeric_limits<float>::infinity();
    std::fill_n(sums, count, 0.0);
    std::fill_n(partial, count, start);
    for (int64_t term = 0; term < terms_; ++term) {
      evaluation_.compute(offset(kept_, result) + offset(reduced_, term) + first, count, inputs, values, scratch);
      table_.binary(
          {adds ? kernels::Binary::add : kernels::Binary::maximum, partial, values, partial, count, false, false, {}});
      if (adds && (term % most_terms == most_terms - 1 || term == terms_ - 1)) {
        for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<double>(partial[i]);
        std::fill_n(partial, count, 0.0f);
      }
    }
    float* out = y + result * inner_ + first;
    for (int64_t i = 0; i < count; ++i) out[i] = adds ? scaled(sums[i]) : partial[i];
  }

  void squares_of_columns(int64_t unit, const void* const* inputs, double* sums, float* values, float* y) const {
    float *start = values + piece, *scratch = start + piece;
    double* squares = sums + piece;
    const int64_t result = unit / runs(), first = unit % runs() * piece, count = std::min(piece, inner_ - first);
    std::fill_n(sums, count, 0.0);
    std::fill_n(squares, count, 0.0);
    for (int64_t term = 0; term < terms_; ++term) {
      evaluation_.compute(offset(kept_, result) + offset(reduced_, term) + first, count, inputs, values, scratch);
      if (term == 0) std::copy_n(values, count, start);
      for (int64_t i = 0; i < count; ++i) {
        const double distance = static_cast<double>(values[i]) - static_cast<double>(start[i]);
        sums[i] += distance;
        squares[i] += distance * distance;
      }
    }
    float* out = y + result * inner_ + first;
    for (int64_t i = 0; i < count; ++i) out[i] = scaled(from_mean(squares[i], sums[i], terms_));
  }

  Reduction reduction_;
  double factor_;
  bool root_;
  Evaluation evaluation_;
  std::vector<Dim> kept_, reduced_;  // but the innermost
  int64_t inner_ = 1, results_ = 1, terms_ = 1, group_ = 1;
  bool kept_inside_ = false;
  const kernels::Table& table_;
};

}  // namespace

std::unique_ptr<Step> reduce_step(ReduceTask task, const Lowering& lowering) {
  const kernels::Table& table = kernels::table(*lowering.options.isa);
  const Dims dims = joined(task.shape, task.layout, task.reduced);
  Evaluation evaluation(task.expression, task.shape, strides_of(task.shape, task.layout), lowering);
  return std::make_unique<ReduceStep>(task, dims, std::move(evaluation), table);
}

}  // namespace upconv::internal
