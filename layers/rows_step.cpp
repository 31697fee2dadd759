#include "layers/rows_step.h"

#include <algorithm>
#include <cmath>

#include "layers/blocking.h"

namespace upconv {
namespace {

constexpr int64_t slack = 16;  // floats beyond the window that a kernel may load
// A tile's window should stay in half of a 1 MiB L2; and a tile should be worth handing out.
constexpr int64_t window_budget = (512 << 10) / 4;  // floats
constexpr int64_t least_tile_work = 1 << 22;        // multiply-adds

/// Rows of outputs of one image, of all row phases.
struct Tile {
  int64_t image, begin, end;
};

/// Column phases that are computed together: the two of stride 2, whose outputs alternate, or one.
struct Columns {
  std::vector<const Phase*> phases;  ///< in the order of their outputs
  int64_t out_first, out_step, count;
};

/// The taps of a row of outputs: all columns, and those rows of the kernel that meet the picture.
struct Row {
  int64_t begin, end;  ///< positions
  std::vector<kernels::RowTap> taps;
  int64_t both, alone[2];
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
        row_(whole_lines(part_ * col_step_)) {
    group_columns();
    for (const Phase& row : geometry_.rows)
      for (const Columns& columns : columns_) rows_of_.push_back(rows_of(row, columns));
    cut();
    find_sources();
  }

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return "rows"; }
  double flops() const override { return context_.flops; }
  size_t weight_bytes() const override { return packed_->floats().size_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override { return static_cast<size_t>(window_floats_ + aside_floats()) * sizeof(float); }

  void run(int64_t index, const Frame& frame) const override {
    const Tile& tile = tiles_[static_cast<size_t>(index)];
    auto* window = reinterpret_cast<float*>(frame.scratch);
    float* aside = window + window_floats_;
    window += slack - own_begin_ % slack;  // the picture's own columns begin a line
    pack(tile, frame, window);
    for (size_t a = 0; a < geometry_.rows.size(); ++a)
      for (size_t b = 0; b < columns_.size(); ++b)
        for (const Row& row : rows_of_[a * columns_.size() + b])
          for (int64_t r = std::max(tile.begin, row.begin); r < std::min(tile.end, row.end); ++r)
            paint(tile, geometry_.rows[a], columns_[b], row, r, window, aside, frame);
  }

 private:
  int64_t aside_floats() const { return geometry_.out.C * widest_ * (context_.residual ? 2 : 1); }
  int64_t line(int64_t w) const { return (w - cols_.begin) % col_step_ * part_ + (w - cols_.begin) / col_step_; }
  int64_t window_rows(int64_t outputs) const { return (outputs - 1) * row_step_ + rows_.first_end - rows_.begin; }

  void group_columns() {
    const std::vector<Phase>& cols = geometry_.cols;
    if (cols.size() == 2 && cols[0].out_step == 2) {
      const bool ordered = cols[0].out_first < cols[1].out_first;
      columns_.push_back({{&cols[ordered ? 0 : 1], &cols[ordered ? 1 : 0]}, 0, 1, geometry_.out.W});
    } else {
      for (const Phase& col : cols) columns_.push_back({{&col}, col.out_first, col.out_step, col.count});
    }
    for (const Columns& columns : columns_) widest_ = std::max(widest_, columns.count);
  }

  std::vector<Row> rows_of(const Phase& row, const Columns& columns) const {
    std::vector<Row> all;
    for (const Segment& segment : row.segments) {
      std::vector<kernels::RowTap> both, alone[2];
      for (const AxisTap& kh : segment.taps)
        for (size_t f = 0; f < columns.phases.size(); ++f)
          for (const AxisTap& kw : taps_of(*columns.phases[f])) {
            const int64_t x =
                (row.in_first + kh.shift - rows_.begin) * row_ + line(columns.phases[f]->in_first + kw.shift);
            const int64_t w = (kh.k * geometry_.KW + kw.k) * geometry_.out.C;
            const auto same = std::find_if(alone[0].begin(), alone[0].end(), [x](auto& tap) { return tap.x == x; });
            if (f == 0 || same == alone[0].end()) {
              alone[f].push_back({x, {w, w}});
            } else {
              both.push_back({x, {same->w[0], w}});
              alone[0].erase(same);
            }
          }
      Row taps{segment.begin, segment.end, both, static_cast<int64_t>(both.size()), {}};
      for (size_t f = 0; f < 2; ++f) {
        taps.taps.insert(taps.taps.end(), alone[f].begin(), alone[f].end());
        taps.alone[f] = static_cast<int64_t>(alone[f].size());
      }
      all.push_back(std::move(taps));
    }
    return all;
  }

  void cut() {
    double products = 0;  // of a row of outputs
    int64_t count = 0;
    for (const auto& rows : rows_of_) {
      int64_t most = 0;
      for (const Row& row : rows) {
        most = std::max(most, 2 * row.both + row.alone[0] + row.alone[1]);
        count = std::max(count, row.end);
      }
      products += static_cast<double>(most) * static_cast<double>(geometry_.in.W * geometry_.in.C * geometry_.out.C);
    }
    const int64_t halo = window_rows(1);
    const auto work = static_cast<int64_t>(static_cast<double>(least_tile_work) / std::max(1.0, products)) + 1;
    const int64_t fit = std::max<int64_t>(1, (window_budget / (row_ * geometry_.in.C) - halo) / row_step_ + 1);
    // Rows that lie together share their window, so tiles of fewer than its halo pack everything twice and more.
    const int64_t shared = ceil_div(geometry_.in.N * count, 2 * context_.threads);
    const int64_t rows = even(count, std::min({fit, shared, std::max(work, halo)}));
    for (int64_t image = 0; image < geometry_.in.N; ++image)
      for (int64_t r = 0; r < count; r += rows) tiles_.push_back({image, r, std::min(count, r + rows)});
    channel_ = (window_rows(rows) * row_ / 16 | 1) * 16;  // odd lines spread over the sets of L1
    window_floats_ = channel_ * geometry_.in.C + 2 * slack;
  }

  void find_sources() {
    const auto [N, C, H, W] = geometry_.in;
    for (int64_t row = 0; row < window_rows(tiles_.back().end); ++row)
      row_sources_.push_back(source(geometry_.border, rows_.begin + row, H));
    col_sources_.assign(static_cast<size_t>(part_ * col_step_), -1);
    for (int64_t col = cols_.begin; col < cols_.end; ++col)
      col_sources_[static_cast<size_t>(line(col))] = source(geometry_.border, col, W);
    if (col_step_ > 1) return;
    own_begin_ = std::clamp<int64_t>(-cols_.begin, 0, part_);
    own_end_ = std::clamp<int64_t>(W - cols_.begin, own_begin_, part_);
  }

  /// [ic][row][column], columns of one residue side by side.
  void pack(const Tile& tile, const Frame& frame, float* window) const {
    ImageShape in = geometry_.in;
    for (size_t i = 0; i < context_.parts.size(); ++i, window += in.C * channel_) {
      in.C = context_.parts[i];
      pack_part(tile, in, static_cast<const float*>(frame.inputs[i]) + tile.image * in.C * in.H * in.W, window);
    }
  }

  void pack_part(const Tile& tile, const ImageShape& in, const float* x, float* window) const {
    const bool planar = context_.input == Layout::contiguous;
    const int64_t pixel = planar ? 1 : in.C, channel = planar ? in.H * in.W : 1;
    const int64_t* sources = row_sources_.data() + row_step_ * tile.begin;
    const int64_t rows = window_rows(tile.end - tile.begin), own = own_end_ - own_begin_;
    const float* first = x + (cols_.begin + own_begin_) * pixel;  // of the columns that are the picture's own
    for (int64_t row = 0; !planar && own > 0 && row < rows; ++row)
      if (sources[row] >= 0)
        table_.transpose(first + sources[row] * in.W * pixel, pixel, window + row * row_ + own_begin_, channel_, own,
                         in.C);
    for (int64_t c = 0; c < in.C; ++c)
      for (int64_t row = 0; row < rows; ++row) {
        if (sources[row] < 0) continue;
        const int64_t from = c * channel + sources[row] * in.W * pixel;
        float* to = window + c * channel_ + row * row_;
        const auto beside = [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t w = col_sources_[static_cast<size_t>(i)];
            to[i] = w >= 0 ? x[from + w * pixel] : 0.0f;
          }
        };
        beside(0, own_begin_);
        if (planar) std::copy_n(first + from, own, to + own_begin_);
        beside(own_end_, part_ * col_step_);
      }
  }

  /// Row r of a row phase: in its place where its pixels are neighbours there, or else aside and then one by one.
  void paint(const Tile& tile, const Phase& row, const Columns& col, const Row& taps, int64_t r, const float* window,
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
                 .both = taps.both,
                 .alone = {taps.alone[0], taps.alone[1]},
                 .w = packed_->weights(),
                 .w_channel = packed_->channel(),
                 .shift = packed_->shift(),
                 .y = ys,
                 .pixels = col.count,
                 .IC = geometry_.in.C,
                 .phases = static_cast<int32_t>(col.phases.size()),
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
  int64_t part_;                         // columns of one residue
  int64_t row_, channel_ = 0;            // floats from one row of the window, and from one channel, to the next
  int64_t own_begin_ = 0, own_end_ = 0;  // the columns of a row that are the picture's own, side by side
  std::vector<int64_t> row_sources_, col_sources_;  // of the window's: the picture's, or -1
  std::vector<Columns> columns_;
  int64_t widest_ = 0;                     // of the columns
  std::vector<std::vector<Row>> rows_of_;  // each row phase with each of the columns
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
  // Two multiply-adds a cycle, for which half a load each and the loop take a quarter more; a float in and out of the
  // window, and one into its place.
  return vector_cycles(table.isa) * vectors * static_cast<double>(in.C * out.C) / 2 * 5 / 4 +
         static_cast<double>(in.C * in.H * in.W) / 2 + 2 * static_cast<double>(out.C * out.H * out.W);
}

std::unique_ptr<Step> rows_step(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                                const kernels::Table& table, ConvContext context) {
  return std::make_unique<RowsStep>(std::move(geometry), std::move(packed), table, context);
}

}  // namespace upconv
