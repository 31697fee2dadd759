#include <algorithm>

#include "layers/convolution/rows/step.h"

namespace upconv::internal {
namespace {

/// What a row of outputs reads stays in L1, or nearly, while all blocks of outputs pass over it.
constexpr int64_t near_floats = 12 << 10;

class DirectRowsStep : public RowsStep {
 public:
  DirectRowsStep(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed, const kernels::Table& table,
                 ConvContext context)
      : RowsStep(std::move(geometry), std::move(packed), table, std::move(context), "rows"),
        read_(inputs_of(geometry_.rows)),
        step_(geometry_.rows.front().in_step) {
    size_t most = 0;
    int64_t count = 0;
    for (const Phase& row : geometry_.rows) {
      count = std::max(count, row.count);
      most += row.taps.size();
      for (const Columns& columns : window_.columns()) runs_.push_back(runs_of(row, columns));
    }
    const int64_t rows = cut({.count = count,
                              .halo = window_rows(1),
                              .products = row_products() * static_cast<double>(most),
                              .floats = window_.row() * step_ * geometry_.in.C,
                              .at_a_time = row_strips(geometry_, table_).rows});
    channel_ = odd_lines(window_rows(rows) * window_.row());
    together_ = window_.in_place() && window_rows(1) * window_.row() * geometry_.in.C <= near_floats;
    window_floats_ = window_.lead() + channel_ * geometry_.in.C + RowWindow::slack;
    scratch_floats_ = whole_lines(window_floats_) + window_.aside_floats();
  }

  void run(int64_t index, const Frame& frame) const override {
    const RowTile& tile = tiles_[static_cast<size_t>(index)];
    auto* scratch = reinterpret_cast<float*>(frame.scratch);
    float *window = scratch + window_.lead(), *aside = scratch + whole_lines(window_floats_);
    window_.pack(tile.image, read_.begin + step_ * tile.units.begin, window_rows(tile.units.count()), frame, window,
                 channel_);
    for (int64_t block = 0, blocks; block < packed_->blocks(); block += blocks) {
      blocks = together_ ? std::max<int64_t>(1, geometry_.out.C / row_outputs(geometry_) - block) : 1;
      for (size_t a = 0; a < geometry_.rows.size(); ++a)
        for (size_t b = 0; b < window_.columns().size(); ++b)
          for (const Run& run : runs_[a * window_.columns().size() + b])
            run_rows(tile, run, block, blocks, geometry_.rows[a], window_.columns()[b], frame, window, aside);
    }
  }

 private:
  /// Rows of outputs that meet the picture with the same rows of the kernel.
  struct Run {
    Range rows;
    RowTaps taps;
  };

  /// The rows of a run that are the tile's: at once where they are computed in their place.
  void run_rows(const RowTile& tile, const Run& run, int64_t block, int64_t blocks, const Phase& row,
                const Columns& columns, const Frame& frame, const float* window, float* aside) const {
    const int64_t last = std::min(tile.units.end, run.rows.end), oc = block * row_outputs(geometry_);
    kernels::Rows rows = rows_of(columns, run.taps, block, window, channel_);
    rows.x_row *= step_;
    rows.y_row = row.out_step * geometry_.out.W;
    rows.activation = context_.activation;
    rows.blocks = blocks;
    for (int64_t r = std::max(tile.units.begin, run.rows.begin); r < last; r += rows.rows) {
      const auto output = window_.output(columns, tile.image, row.out_first + row.out_step * r, oc, frame, aside);
      rows.x = window + step_ * (r - tile.units.begin) * window_.row();
      rows.y = output.y;
      rows.y_channel = output.y_channel;
      rows.rows = output.to ? 1 : last - r;
      rows.residual = output.residual;
      table_.rows(rows);
      window_.put(output);
    }
  }

  int64_t window_rows(int64_t outputs) const { return (outputs - 1) * step_ + read_.first_end - read_.begin; }

  std::vector<Run> runs_of(const Phase& row, const Columns& columns) const {
    std::vector<Run> runs;
    for (const Segment& segment : row.segments) {
      std::vector<RowSource> rows;
      for (const AxisTap& tap : segment.taps)
        rows.push_back(
            {(row.in_first + tap.shift - read_.begin) * window_.row(), tap.k * geometry_.KW * row_outputs(geometry_)});
      runs.push_back({{segment.begin, segment.end}, window_.taps(columns, rows)});
    }
    return runs;
  }

  InputRange read_;
  int64_t step_;
  bool together_;                       // whether a row of all blocks of outputs is computed before the next row
  std::vector<std::vector<Run>> runs_;  // each row phase with each of the columns
  int64_t channel_, window_floats_;
};

}  // namespace

std::unique_ptr<Step> direct_rows_step(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                                       const kernels::Table& table, ConvContext context) {
  return std::make_unique<DirectRowsStep>(std::move(geometry), std::move(packed), table, std::move(context));
}

}  // namespace upconv::internal
