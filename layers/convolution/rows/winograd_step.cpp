#include <algorithm>

#include "layers/convolution/rows/step.h"
#include "layers/convolution/winograd/plan.h"

namespace upconv::internal {
namespace {

/// F(m, T) down the columns of the picture: n rows of inputs become n points, whose products with the transformed
/// kernel, a row of the kernel's each, become m rows of outputs of every row phase.
class WinogradRowsStep : public RowsStep {
 public:
  WinogradRowsStep(kernels::Scheme scheme, ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                   const kernels::Table& table, ConvContext context)
      : RowsStep(std::move(geometry), std::move(packed), table, std::move(context), rows_name(scheme)),
        scheme_(static_cast<size_t>(scheme)),
        size_(sizes_of(scheme)),
        rows_(*tiled_axis(geometry_.rows, {scheme})) {
    int64_t used = 0;
    const auto taps = window_taps(geometry_.rows, rows_, size_.T);
    for (size_t a = 0; a < geometry_.rows.size(); ++a)
      for (const Columns& columns : window_.columns())
        for (int64_t point = 0; point < size_.n; ++point) {
          std::vector<RowSource> rows;  // none: the weights are zeros
          const int64_t w = (static_cast<int64_t>(a) * size_.n + point) * geometry_.KW * geometry_.out.C;
          if (!zero_point(scheme, taps[a], point)) rows.push_back({point * window_.row(), w});
          used += static_cast<int64_t>(rows.size());
          points_.push_back(window_.taps(columns, rows));
        }
    const double mean = static_cast<double>(used) / static_cast<double>(window_.columns().size());
    const int64_t tiles = cut({.count = rows_.tiles,
                               .halo = 1,
                               .products = row_products() * mean,
                               .floats = size_.n * window_.row() * geometry_.in.C});
    channel_ = odd_lines(tiles * size_.n * window_.row());
    // The rows of a tile at an edge of the picture, or, where they come from channels-last pixels, those of all tiles
    // and a line of channels; the transformed rows; the sums of a tile; outputs.
    input_channel_ = odd_lines(window_.row() * (window_.planar() ? size_.n : input_rows(tiles)));
    v_at_ = input_channel_ * (window_.planar() ? 1 : kernels::panel_lanes) + 2 * RowWindow::slack;
    m_at_ = v_at_ + channel_ * geometry_.in.C + 2 * RowWindow::slack;
    aside_at_ = m_at_ + size_.n * geometry_.out.C * whole_lines(window_.widest());
    scratch_floats_ = aside_at_ + size_.m * window_.aside_floats();
  }

  void run(int64_t index, const Frame& frame) const override {
    const RowTile& tile = tiles_[static_cast<size_t>(index)];
    auto* scratch = reinterpret_cast<float*>(frame.scratch);
    float *v = scratch + v_at_ + window_.lead(), *m = scratch + m_at_, *aside = scratch + aside_at_;
    transform_inputs(tile, frame, scratch + window_.lead(), v);
    for (int64_t t = tile.units.begin; t < tile.units.end; ++t)
      for (size_t a = 0; a < geometry_.rows.size(); ++a)
        for (size_t b = 0; b < window_.columns().size(); ++b) {
          multiply(a, b, v + (t - tile.units.begin) * size_.n * window_.row(), m);
          put(tile.image, t, a, window_.columns()[b], m, aside, frame);
        }
  }

 private:
  int64_t input_rows(int64_t tiles) const { return (tiles - 1) * size_.m + size_.n; }

  /// v[ic][tile][point][column].
  void transform_inputs(const RowTile& tile, const Frame& frame, float* spare, float* v) const {
    const auto [N, all, H, W] = geometry_.in;
    const int64_t first = rows_.phases.front().input + tile.units.begin * size_.m, tiles = tile.units.count();
    float* to = v;
    for (size_t i = 0; i < context_.parts.size(); ++i) {
      const int64_t C = context_.parts[i];
      const float* x = static_cast<const float*>(frame.inputs[i]) + tile.image * C * H * W;
      for (int64_t c = 0; c < C; ++c, to += channel_) {
        if (window_.planar()) {
          transform_planar(x + c * H * W, first, tiles, spare, to);
          continue;
        }
        const int64_t lane = c % kernels::panel_lanes;
        if (lane == 0)
          window_.transpose_own(x + c, C, std::min(kernels::panel_lanes, C - c), first, input_rows(tiles), spare,
                                input_channel_);
        transform(spare + lane * input_channel_ + window_.own_begin(), window_.row(), tiles, to);
      }
    }
    for (int64_t c = 0; c < geometry_.in.C; ++c, v += channel_)
      for (int64_t row = 0; row < tiles * size_.n; ++row) window_.fill_beside(v + row * window_.row());
  }

  /// Tiles of a channel from row `first` on: from the picture itself, but for those that reach beyond it.
  void transform_planar(const float* x, int64_t first, int64_t tiles, float* spare, float* v) const {
    const auto [N, C, H, W] = geometry_.in;
    const auto beyond = [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        for (int64_t j = 0; j < size_.n; ++j) {
          const int64_t h = seen_at(geometry_.border, first + t * size_.m + j, H);
          float* row = spare + j * window_.row();
          if (h >= 0)
            std::copy_n(x + h * W + window_.own_first(), window_.own_count(), row);
          else
            std::fill_n(row, window_.own_count(), 0.0f);
        }
        transform(spare, window_.row(), 1, v + t * size_.n * window_.row());
      }
    };
    const int64_t begin = std::clamp<int64_t>(ceil_div(-first, size_.m), 0, tiles);
    const int64_t end = H - first < size_.n ? begin : std::clamp((H - first - size_.n) / size_.m + 1, begin, tiles);
    beyond(0, begin);
    if (begin < end)
      transform(x + (first + begin * size_.m) * W + window_.own_first(), W, end - begin,
                v + begin * size_.n * window_.row());
    beyond(end, tiles);
  }

  /// The picture's own columns of rows x, which are `row` apart.
  void transform(const float* x, int64_t row, int64_t tiles, float* v) const {
    table_.rows_input[scheme_]({.x = x,
                                .x_row = row,
                                .v = v + window_.own_begin(),
                                .point = window_.row(),
                                .v_tile = size_.n * window_.row(),
                                .columns = window_.own_count(),
                                .tiles = tiles});
  }

  /// m[point][oc][pixel] of one tile, row phase a and columns b.
  void multiply(size_t a, size_t b, const float* v, float* m) const {
    constexpr float zeros[kernels::most_row_outputs] = {};
    const Columns& columns = window_.columns()[b];
    const int64_t OC = geometry_.out.C, pixels = whole_lines(columns.count);
    const RowTaps* taps = &points_[(a * window_.columns().size() + b) * static_cast<size_t>(size_.n)];
    for (int64_t point = 0; point < size_.n; ++point, ++taps) {
      kernels::Rows rows = rows_of(columns, *taps, 0, v, channel_);
      rows.y = m + point * OC * pixels;
      rows.y_channel = pixels;
      rows.shift = zeros;
      if (taps->taps.empty()) rows.IC = 0;
      table_.rows(rows);
    }
  }

  /// The outputs of tile t in row phase a that exist.
  void put(int64_t image, int64_t t, size_t a, const Columns& columns, const float* m, float* aside,
           const Frame& frame) const {
    const Phase& phase = geometry_.rows[a];
    const int64_t OC = geometry_.out.C, pixels = whole_lines(columns.count),
                  first = rows_.phases[a].index + t * size_.m;
    RowWindow::Output outputs[kernels::most_tile_outputs];
    const int64_t begin = std::clamp<int64_t>(-first, 0, size_.m);
    const int64_t end = std::clamp<int64_t>(phase.count - first, begin, size_.m);
    if (begin == end) return;
    for (int64_t i = begin; i < end; ++i)
      outputs[i] = window_.output(columns, image, phase.out_first + phase.out_step * (first + i), 0, frame,
                                  aside + i * window_.aside_floats());
    for (int64_t oc = 0; oc < OC; ++oc) {
      float* y[kernels::most_tile_outputs] = {};
      for (int64_t i = begin; i < end; ++i) y[i] = outputs[i].y + oc * outputs[i].y_channel;
      table_.rows_output[scheme_]({.m = m + oc * pixels,
                                   .point = OC * pixels,
                                   .y = y,
                                   .pixels = columns.count,
                                   .shift = packed_->shift()[oc],
                                   .activation = context_.activation,
                                   .residual = outputs[begin].residual});  // all are as far from their outputs
    }
    for (int64_t i = begin; i < end; ++i) window_.put(outputs[i]);
  }

  size_t scheme_;
  SchemeSize size_;
  TiledAxis rows_;
  std::vector<RowTaps> points_;  // of each row phase, with each of the columns
  int64_t channel_, input_channel_, v_at_, m_at_, aside_at_;
};

}  // namespace

std::unique_ptr<Step> winograd_rows_step(kernels::Scheme scheme, ConvGeometry geometry,
                                         std::shared_ptr<const PackedRows> packed, const kernels::Table& table,
                                         ConvContext context) {
  return std::make_unique<WinogradRowsStep>(scheme, std::move(geometry), std::move(packed), table, std::move(context));
}

std::string rows_name(kernels::Scheme scheme) { return "rows " + name_of(scheme); }

}  // namespace upconv::internal
