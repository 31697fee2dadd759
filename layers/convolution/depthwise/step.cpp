#include "layers/convolution/depthwise/step.h"

#include <algorithm>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

constexpr int64_t least_tile_work = 1 << 19;  // multiply-adds: worth handing out

/// Neighbouring positions of a phase whose inputs are neighbours too, and what its taps read at the first.
struct Run {
  Range positions;
  int64_t first;                     ///< the column that a shift of 0 reads
  std::span<const AxisTap> taps;     ///< those within the picture
  std::vector<AxisTap> beside = {};  ///< shift: the column, where some are seen beside it
};

/// Rows of one row phase of an image.
struct Tile {
  int64_t image, phase;
  Range rows;
};

class DepthwiseStep : public Step {
 public:
  DepthwiseStep(ConvGeometry geometry, std::shared_ptr<const PackedDepthwise> packed, const kernels::Table& table,
                ConvContext context)
      : geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(std::move(context)),
        aside_(context_.output == Layout::contiguous) {
    for (const Phase& col : geometry_.cols) runs_.push_back(runs_of(col));
    size_t row_taps = 0, col_taps = 0;
    for (const Phase& row : geometry_.rows) row_taps = std::max(row_taps, row.taps.size());
    for (const Phase& col : geometry_.cols) col_taps = std::max(col_taps, col.taps.size());
    most_taps_ = static_cast<int64_t>(row_taps * col_taps);
    const int64_t work = std::max<int64_t>(1, geometry_.out.W * geometry_.out.C * most_taps_);
    for (int64_t image = 0; image < geometry_.in.N; ++image)
      for (size_t phase = 0; phase < geometry_.rows.size(); ++phase) {
        const int64_t count = geometry_.rows[phase].count, rows = equal_parts(count, least_tile_work / work);
        each_run(count, rows, [&](Range run) { tiles_.push_back({image, static_cast<int64_t>(phase), run}); });
      }
  }

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return "depthwise"; }
  double flops() const override { return context_.flops; }
  size_t weight_bytes() const override { return packed_->floats().size_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override {
    return aside_bytes() + static_cast<size_t>(most_taps_) * sizeof(kernels::Tap);
  }

  void run(int64_t index, const Frame& frame) const override {
    const Tile& tile = tiles_[static_cast<size_t>(index)];
    const Phase& row = geometry_.rows[static_cast<size_t>(tile.phase)];
    for (const Segment& segment : row.segments)
      for (int64_t r = std::max(tile.rows.begin, segment.begin); r < std::min(tile.rows.end, segment.end); ++r)
        paint(tile.image, row, segment, r, frame);
  }

 private:
  size_t aside_bytes() const {
    const int64_t floats = aside_ ? whole_lines(geometry_.out.W * geometry_.out.C) : 0;
    return static_cast<size_t>(floats) * sizeof(float);
  }

  std::vector<Run> runs_of(const Phase& col) const {
    std::vector<Run> runs;
    const int64_t W = geometry_.in.W;
    for (const Segment& segment : col.segments) {
      bool extends = false;  // whether the last run's inputs all lie in the picture
      for (int64_t i = segment.begin; i < segment.end; ++i) {
        const int64_t first = col.in_first + col.in_step * i;
        const auto is_inside = [&](const AxisTap& tap) { return first + tap.shift >= 0 && first + tap.shift < W; };
        const bool inside = segment.taps.empty() || (is_inside(segment.taps.front()) && is_inside(segment.taps.back()));
        if (inside && extends) {
          runs.back().positions.end = i + 1;
          continue;
        }
        extends = inside;
        runs.push_back({{i, i + 1}, first, inside ? segment.taps : std::span<const AxisTap>{}});
        if (inside) continue;
        for (const AxisTap& tap : segment.taps)
          if (const int64_t w = seen_at(geometry_.border, first + tap.shift, W); w >= 0)
            runs.back().beside.push_back({tap.k, w});
      }
    }
    return runs;
  }

  /// Row r of a phase: in its place, or aside and from there into (N, C, H, W).
  void paint(int64_t image, const Phase& row, const Segment& segment, int64_t r, const Frame& frame) const {
    const ImageShape &in = geometry_.in, &out = geometry_.out;
    const int64_t h = row.out_first + row.out_step * r;
    const float* x = static_cast<const float*>(frame.inputs[0]) + image * in.H * in.W * in.C;
    auto* y = static_cast<float*>(frame.output);
    float* to = aside_ ? reinterpret_cast<float*>(frame.scratch) : y + (image * out.H + h) * out.W * out.C;
    auto* taps = reinterpret_cast<kernels::Tap*>(frame.scratch + aside_bytes());
    kernels::Depthwise depthwise{.x = x,
                                 .x_pixel = 0,
                                 .taps = taps,
                                 .tap_count = 0,
                                 .w = packed_->weights(),
                                 .w_tap = packed_->tap(),
                                 .shift = packed_->shift(),
                                 .y = nullptr,
                                 .y_pixel = 0,
                                 .pixels = 0,
                                 .channels = out.C,
                                 .activation = context_.activation,
                                 .residual = context_.residual_of(frame, y)};
    for (size_t phase = 0; phase < geometry_.cols.size(); ++phase) {
      const Phase& col = geometry_.cols[phase];
      depthwise.x_pixel = col.in_step * in.C;
      depthwise.y_pixel = col.out_step * out.C;
      for (const Run& run : runs_[phase]) {
        depthwise.tap_count = gather_taps(row, segment, r, run, taps);
        depthwise.y = to + (col.out_first + col.out_step * run.positions.begin) * out.C;
        depthwise.pixels = run.positions.count();
        table_.depthwise(depthwise);
      }
    }
    if (aside_) table_.transpose(to, out.C, y + (image * out.C * out.H + h) * out.W, out.H * out.W, out.W, out.C);
  }

  /// The taps of a run in row r, as far as they meet the picture; how many these are.
  int64_t gather_taps(const Phase& row, const Segment& segment, int64_t r, const Run& run, kernels::Tap* taps) const {
    const ImageShape& in = geometry_.in;
    int64_t count = 0;
    for (const AxisTap& kh : segment.taps) {
      const int64_t h = seen_at(geometry_.border, row.in_first + row.in_step * r + kh.shift, in.H);
      if (h < 0) continue;
      const auto add = [&](const AxisTap& kw, int64_t w) {
        taps[count++] = {(h * in.W + w) * in.C, kh.k * geometry_.KW + kw.k};
      };
      for (const AxisTap& kw : run.taps) add(kw, run.first + kw.shift);
      for (const AxisTap& kw : run.beside) add(kw, kw.shift);
    }
    return count;
  }

  ConvGeometry geometry_;
  std::shared_ptr<const PackedDepthwise> packed_;
  const kernels::Table& table_;
  ConvContext context_;
  bool aside_;                          // the output is (N, C, H, W)
  std::vector<std::vector<Run>> runs_;  // of each phase of the columns
  std::vector<Tile> tiles_;
  int64_t most_taps_ = 0;
};

}  // namespace

std::unique_ptr<Step> depthwise_step(ConvGeometry geometry, std::shared_ptr<const PackedDepthwise> packed,
                                     const kernels::Table& table, ConvContext context) {
  return std::make_unique<DepthwiseStep>(std::move(geometry), std::move(packed), table, std::move(context));
}

}  // namespace upconv::internal
