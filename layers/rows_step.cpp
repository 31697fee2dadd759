#include "layers/rows_step.h"

#include <algorithm>
#include <cmath>

#include "layers/blocking.h"

namespace upconv {
namespace {

constexpr int64_t slack = 16;  // floats beyond a row that a kernel may load
// A tile's window should stay in half of a 1 MiB L2; and a tile should be worth handing out.
constexpr int64_t window_budget = (512 << 10) / 4;  // floats
constexpr int64_t least_tile_work = 1 << 22;        // multiply-adds

/// Rows of outputs of one image, of all row phases.
struct Tile {
  int64_t image, begin, end;
};

/// The taps of a row of outputs: all columns, and those rows of the kernel that meet the picture.
struct Row {
  int64_t begin, end;  ///< positions
  std::vector<kernels::Tap> taps;
};

class RowsStep : public Step {
 public:
  RowsStep(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed, const kernels::Table& table,
           ConvContext context)
      : geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(context),
        cols_(reach(geometry_.cols)),
        rows_(reach(geometry_.rows)),
        col_step_(geometry_.cols.front().in_step),
        row_step_(geometry_.rows.front().in_step),
        part_(ceil_div(cols_.end - cols_.begin, col_step_)),
        channel_(part_ * col_step_ + slack),
        row_(channel_ * geometry_.in.C) {
    for (const Phase& row : geometry_.rows)
      for (const Phase& col : geometry_.cols) pairs_.push_back(rows_of(row, col));
    for (const Phase& col : geometry_.cols) widest_ = std::max(widest_, col.count);
    cut();
  }

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return "rows"; }
  double flops() const override { return context_.flops; }
  size_t weight_bytes() const override { return packed_->floats().size_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(window_floats_ + aside_floats() + geometry_.in.W * geometry_.in.C) * sizeof(float);
  }

  void run(int64_t index, const Frame& frame) const override {
    const Tile& tile = tiles_[static_cast<size_t>(index)];
    auto* window = reinterpret_cast<float*>(frame.scratch);
    float* aside = window + window_floats_;
    pack(tile, frame, window, aside + aside_floats());
    for (size_t a = 0; a < geometry_.rows.size(); ++a)
      for (size_t b = 0; b < geometry_.cols.size(); ++b)
        for (const Row& row : pairs_[a * geometry_.cols.size() + b])
          for (int64_t r = std::max(tile.begin, row.begin); r < std::min(tile.end, row.end); ++r)
            paint(tile, geometry_.rows[a], geometry_.cols[b], row, r, window, aside, frame);
  }

 private:
  int64_t aside_floats() const { return geometry_.out.C * widest_ * (context_.residual ? 2 : 1); }
  int64_t line(int64_t w) const { return (w - cols_.begin) % col_step_ * part_ + (w - cols_.begin) / col_step_; }
  int64_t window_rows(int64_t outputs) const { return (outputs - 1) * row_step_ + rows_.first_end - rows_.begin; }

  std::vector<Row> rows_of(const Phase& row, const Phase& col) const {
    std::vector<Row> all;
    for (const Segment& segment : row.segments) {
      all.push_back({segment.begin, segment.end, {}});
      for (const AxisTap& kh : segment.taps)
        for (const AxisTap& kw : taps_of(col))
          all.back().taps.push_back({(row.in_first + kh.shift - rows_.begin) * row_ + line(col.in_first + kw.shift),
                                     kh.k * geometry_.KW + kw.k});
    }
    return all;
  }

  void cut() {
    double products = 0;  // of a row of outputs
    int64_t count = 0;
    for (const auto& pair : pairs_) {
      size_t most = 0;
      for (const Row& row : pair) {
        most = std::max(most, row.taps.size());
        count = std::max(count, row.end);
      }
      products += static_cast<double>(most) * static_cast<double>(widest_ * geometry_.in.C * geometry_.out.C);
    }
    const int64_t halo = window_rows(1);
    const auto work = static_cast<int64_t>(static_cast<double>(least_tile_work) / std::max(1.0, products)) + 1;
    const int64_t fit = std::max<int64_t>(1, (window_budget / row_ - halo) / row_step_ + 1);
    // Rows that lie together share their window, so tiles of fewer than its halo pack everything twice and more.
    const int64_t shared = ceil_div(geometry_.in.N * count, 2 * context_.threads);
    const int64_t rows = even(count, std::min({fit, shared, std::max(work, halo)}));
    for (int64_t image = 0; image < geometry_.in.N; ++image)
      for (int64_t r = 0; r < count; r += rows) tiles_.push_back({image, r, std::min(count, r + rows)});
    window_floats_ = ceil_div(window_rows(rows) * row_, 16) * 16;
  }

  /// [row][ic][column], columns of one residue side by side.
  void pack(const Tile& tile, const Frame& frame, float* window, float* planar) const {
    ImageShape in = geometry_.in;
    for (size_t i = 0; i < context_.parts.size(); ++i, window += in.C * channel_) {
      in.C = context_.parts[i];
      pack_part(tile, in, static_cast<const float*>(frame.inputs[i]), window, planar);
    }
  }

  void pack_part(const Tile& tile, const ImageShape& in, const float* x, float* window, float* planar) const {
    const int64_t first = rows_.begin + row_step_ * tile.begin, rows = window_rows(tile.end - tile.begin);
    for (int64_t row = 0; row < rows; ++row, window += row_) {
      const int64_t h = source(geometry_.border, first + row, in.H);
      if (h < 0) continue;
      const float* from = x + (tile.image * in.C * in.H + h) * in.W;
      int64_t plane = in.H * in.W;
      if (context_.input == Layout::channels_last) {
        table_.transpose(x + (tile.image * in.H + h) * in.W * in.C, in.C, planar, in.W, in.W, in.C);
        from = planar;
        plane = in.W;
      }
      for (int64_t c = 0; c < in.C; ++c) pack_channel(from + c * plane, window + c * channel_);
    }
  }

  void pack_channel(const float* x, float* to) const {
    const int64_t W = geometry_.in.W;
    const auto one = [&](int64_t col) {
      const int64_t w = source(geometry_.border, col, W);
      to[line(col)] = w >= 0 ? x[w] : 0.0f;
    };
    const bool side_by_side = col_step_ == 1;
    const int64_t first = side_by_side ? std::clamp<int64_t>(0, cols_.begin, cols_.end) : cols_.end;
    const int64_t last = side_by_side ? std::clamp<int64_t>(W, first, cols_.end) : cols_.end;
    for (int64_t col = cols_.begin; col < first; ++col) one(col);
    if (first < last) std::copy_n(x + first, last - first, to + line(first));
    for (int64_t col = last; col < cols_.end; ++col) one(col);
  }

  /// Row r of a pair of phases: in its place where its pixels are neighbours there, or else aside and then one by one.
  void paint(const Tile& tile, const Phase& row, const Phase& col, const Row& taps, int64_t r, const float* window,
             float* aside, const Frame& frame) const {
    const ImageShape& out = geometry_.out;
    const bool planar = context_.output == Layout::contiguous || out.C == 1;
    const int64_t channel = planar ? out.H * out.W : 1, pixel = planar ? 1 : out.C;
    auto* y = static_cast<float*>(frame.output);
    float* to = y + tile.image * out.H * out.C * out.W + (row.out_first + row.out_step * r) * out.W * pixel +
                col.out_first * pixel;
    const int64_t step = col.out_step * pixel;
    float* ys[kernels::most_row_outputs];
    for (int64_t oc = 0; oc < out.C; ++oc) ys[oc] = step == 1 ? to + oc * channel : aside + oc * col.count;
    kernels::Residual residual = context_.residual_of(frame, y);
    if (residual.values && step != 1) residual = gathered(residual_at(residual, to), channel, step, col.count, aside);
    table_.rows({.x = window + row_step_ * (r - tile.begin) * row_,
                 .channel = channel_,
                 .taps = taps.taps.data(),
                 .tap_count = static_cast<int64_t>(taps.taps.size()),
                 .w = packed_->weights(),
                 .w_channel = packed_->channel(),
                 .shift = packed_->shift(),
                 .y = ys,
                 .pixels = col.count,
                 .IC = geometry_.in.C,
                 .OC = static_cast<int32_t>(out.C),
                 .activation = context_.activation,
                 .residual = residual});
    if (step == 1) return;
    for (int64_t oc = 0; oc < out.C; ++oc)
      for (int64_t p = 0; p < col.count; ++p) to[oc * channel + p * step] = ys[oc][p];
  }

  /// The residual of a row whose outputs lie aside, behind them as they lie there.
  kernels::Residual gathered(const float* x, int64_t channel, int64_t step, int64_t pixels, float* aside) const {
    float* values = aside + geometry_.out.C * widest_;
    for (int64_t oc = 0; oc < geometry_.out.C; ++oc)
      for (int64_t p = 0; p < pixels; ++p) values[oc * pixels + p] = x[oc * channel + p * step];
    return {values, aside};
  }

  ConvGeometry geometry_;
  std::shared_ptr<const PackedRows> packed_;
  const kernels::Table& table_;
  ConvContext context_;
  Reach cols_, rows_;
  int64_t col_step_, row_step_;
  int64_t part_;           // columns of one residue
  int64_t channel_, row_;  // floats from one channel of the window, and from one row, to the next
  int64_t widest_ = 0;     // of the column phases
  std::vector<std::vector<Row>> pairs_;
  std::vector<Tile> tiles_;
  int64_t window_floats_ = 0;
};

}  // namespace

// The shifts follow the weights.
PackedRows::PackedRows(const kernels::Table& table, const WeightView& weight, const Packer& packer)
    : channel_(weight.layout.taps * weight.layout.OC), shift_at_(whole_lines(weight.layout.IC * channel_)) {
  const int64_t OC = weight.layout.OC, IC = weight.layout.IC;
  const int64_t chunk = packed_at_once(weight.layout, OC);
  const auto pack = [&](int64_t part, float* out, float* scratch) {
    const int64_t first = part * chunk, count = std::min(chunk, IC - first);
    float *panel = scratch + chunk * channel_, *to = out + first * channel_;
    weight.read(table, 0, 0, OC, first, count, panel, OC, scratch);
    for (int64_t i = 0; i < count * channel_; ++i)
      to[i] = static_cast<float>(panel[i] * weight.scale[static_cast<size_t>(i % OC)]);
    if (first == 0) std::copy_n(weight.shift.begin(), OC, out + shift_at_);
  };
  packed_ = packer(
      {static_cast<size_t>(shift_at_ + OC), static_cast<size_t>(2 * chunk * channel_), ceil_div(IC, chunk), pack});
}

bool PackedRows::finite() const {
  return std::all_of(packed_.span.begin(), packed_.span.begin() + shift_at_, [](float w) { return std::isfinite(w); });
}

std::optional<double> rows_cost(const ConvGeometry& geometry, const kernels::Table& table) {
  const ImageShape &in = geometry.in, &out = geometry.out;
  if (geometry.groups != 1 || out.C > kernels::most_row_outputs || !has_wide_rows(geometry)) return {};
  double vectors = 0;  // of pixels, each for every tap
  for (const Phase& row : geometry.rows)
    for (const Phase& col : geometry.cols)
      for (const Segment& segment : row.segments)
        vectors += static_cast<double>((segment.end - segment.begin) * ceil_div(col.count, table.width)) *
                   static_cast<double>(segment.taps.size() * taps_of(col).size());
  // Two multiply-adds a cycle, for which 0.6 loads each and the loop take a third more; a float in and out of the
  // window and one aside.
  return vector_cycles(table.isa) *
         (vectors * static_cast<double>(in.C * out.C) / 2 * 4 / 3 + static_cast<double>(in.C * in.H * in.W) +
          2 * static_cast<double>(out.C * out.H * out.W));
}

std::unique_ptr<Step> rows_step(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                                const kernels::Table& table, ConvContext context) {
  return std::make_unique<RowsStep>(std::move(geometry), std::move(packed), table, context);
}

}  // namespace upconv
