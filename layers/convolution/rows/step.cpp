#include "layers/convolution/rows/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "layers/convolution/panel.h"
#include "layers/convolution/rows/window.h"

namespace upconv::internal {
namespace {

// What a tile packs should stay in half of L2, in floats; and a tile should be worth handing out, in multiply-adds,
// with 8 of them for each thread.
int64_t window_budget() { return std::min<int64_t>(l2_bytes(), 1 << 20) / 2 / 4; }
constexpr double least_tile_work = 1 << 22;

/// What one thread does at a time: a run of rows of outputs, of all row phases, or of tiles of them, in one image.
struct Tile {
  int64_t image, begin, end;
};

class RowsStep : public Step {
 public:
  RowsStep(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed, const kernels::Table& table,
           ConvContext context, std::optional<Tiling> tiling)
      : geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(std::move(context)),
        tiling_(tiling),
        window_(geometry_, table_, context_) {}

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return rows_name(tiling_); }
  double flops() const override { return context_.flops; }
  size_t weight_bytes() const override { return packed_->floats().size_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override { return static_cast<size_t>(scratch_floats_) * sizeof(float); }

 protected:
  /// Cuts `count` units of each image into tiles; returns the most units of one. `products`: multiply-adds of a unit,
  /// `floats`: what a unit packs, and the first one `halo` units' worth beside it.
  int64_t cut(int64_t count, int64_t halo, double products, int64_t floats) {
    const double tile_work = std::max(least_tile_work, context_.flops / 2 / (8 * context_.threads));
    const auto work = static_cast<int64_t>(tile_work / std::max(1.0, products)) + 1;
    const int64_t fit = std::max<int64_t>(1, window_budget() / floats - halo);
    // Units that lie together share their window, so tiles of fewer than its halo pack everything twice and more.
    const int64_t shared = ceil_div(geometry_.in.N * count, 2 * context_.threads);
    int64_t parts = ceil_div(count, std::max<int64_t>(1, std::min({fit, shared, std::max(work, halo)})));
    if (parts > 1) parts = std::min(count, ceil_div(parts, context_.threads) * context_.threads);  // none waits long
    for (int64_t image = 0; image < geometry_.in.N; ++image)
      for (int64_t part = 0; part < parts; ++part)
        tiles_.push_back({image, count * part / parts, count * (part + 1) / parts});
    return ceil_div(count, parts);
  }

  /// Multiply-adds of a row of outputs for one row of the kernel.
  double row_products() const {
    int64_t taps = 0;
    for (const Phase& col : geometry_.cols) taps += static_cast<int64_t>(taps_of(col).size()) * col.count;
    return static_cast<double>(taps * geometry_.in.C * geometry_.out.C);
  }

  /// Odd lines from one channel to the next spread them over the sets of L1.
  static int64_t odd_lines(int64_t floats) { return (ceil_div(floats, 16) | 1) * 16; }

  /// Rows of all columns' pixels, without a destination.
  kernels::Rows rows_of(const Columns& columns, const RowTaps& taps, int64_t block, const float* x,
                        int64_t channel) const {
    const int64_t outputs = row_outputs(geometry_), oc = block * outputs;
    return {.x = x,
            .channel = channel,
            .x_row = window_.row(),
            .taps = taps.taps.data(),
            .both = taps.both,
            .alone = {taps.alone[0], taps.alone[1]},
            .w = packed_->weights(block),
            .w_channel = packed_->channel(),
            .shift = packed_->shift() + oc,
            .y = nullptr,
            .y_row = 0,
            .rows = 1,
            .pixels = columns.count,
            .IC = geometry_.in.C,
            .phases = static_cast<int32_t>(columns.phases.size()),
            .OC = static_cast<int32_t>(std::min(outputs, geometry_.out.C - oc)),
            .far = packed_->blocks() > 1,
            .activation = {}};
  }

  ConvGeometry geometry_;
  std::shared_ptr<const PackedRows> packed_;
  const kernels::Table& table_;
  ConvContext context_;
  std::optional<Tiling> tiling_;
  RowWindow window_;
  std::vector<Tile> tiles_;
  int64_t scratch_floats_ = 0;
};

class DirectRowsStep : public RowsStep {
 public:
  DirectRowsStep(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed, const kernels::Table& table,
                 ConvContext context)
      : RowsStep(std::move(geometry), std::move(packed), table, std::move(context), {}),
        read_(reach(geometry_.rows)),
        step_(geometry_.rows.front().in_step) {
    size_t most = 0;
    int64_t count = 0;
    for (const Phase& row : geometry_.rows) {
      count = std::max(count, row.count);
      most += taps_of(row).size();
      for (const Columns& columns : window_.columns()) runs_.push_back(runs_of(row, columns));
    }
    const int64_t rows =
        cut(count, window_rows(1), row_products() * static_cast<double>(most), window_.row() * step_ * geometry_.in.C);
    channel_ = odd_lines(window_rows(rows) * window_.row());
    window_floats_ = window_.lead() + channel_ * geometry_.in.C + RowWindow::slack;
    scratch_floats_ = whole_lines(window_floats_) + window_.aside_floats();
  }

  void run(int64_t index, const Frame& frame) const override {
    const Tile& tile = tiles_[static_cast<size_t>(index)];
    auto* scratch = reinterpret_cast<float*>(frame.scratch);
    float *window = scratch + window_.lead(), *aside = scratch + whole_lines(window_floats_);
    window_.pack(tile.image, read_.begin + step_ * tile.begin, window_rows(tile.end - tile.begin), frame, window,
                 channel_);
    for (int64_t block = 0; block < packed_->blocks(); ++block)
      for (size_t a = 0; a < geometry_.rows.size(); ++a)
        for (size_t b = 0; b < window_.columns().size(); ++b)
          for (const Run& run : runs_[a * window_.columns().size() + b])
            run_rows(tile, run, block, geometry_.rows[a], window_.columns()[b], frame, window, aside);
  }

 private:
  /// Rows of outputs that meet the picture with the same rows of the kernel.
  struct Run {
    int64_t begin, end;
    RowTaps taps;
  };

  /// The rows of a run that are the tile's: at once where they are computed in their place.
  void run_rows(const Tile& tile, const Run& run, int64_t block, const Phase& row, const Columns& columns,
                const Frame& frame, const float* window, float* aside) const {
    const int64_t last = std::min(tile.end, run.end), oc = block * row_outputs(geometry_);
    kernels::Rows rows = rows_of(columns, run.taps, block, window, channel_);
    rows.x_row *= step_;
    rows.y_row = row.out_step * geometry_.out.W;
    rows.activation = context_.activation;
    for (int64_t r = std::max(tile.begin, run.begin); r < last; r += rows.rows) {
      const auto output = window_.output(columns, tile.image, row.out_first + row.out_step * r, oc, frame, aside);
      rows.x = window + step_ * (r - tile.begin) * window_.row();
      rows.y = output.y;
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
      runs.push_back({segment.begin, segment.end, window_.taps(columns, rows)});
    }
    return runs;
  }

  Reach read_;
  int64_t step_;
  std::vector<std::vector<Run>> runs_;  // each row phase with each of the columns
  int64_t channel_, window_floats_;
};

/// F(m, T) down the columns of the picture: n rows of inputs become n points, whose products with the transformed
/// kernel, a row of the kernel's each, become m rows of outputs of every row phase.
class WinogradRowsStep : public RowsStep {
 public:
  WinogradRowsStep(const Tiling& tiling, ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                   const kernels::Table& table, ConvContext context)
      : RowsStep(std::move(geometry), std::move(packed), table, std::move(context), tiling),
        size_(sizes_of(tiling.scheme)),
        rows_(*axis_of(geometry_.rows, tiling)) {
    int64_t used = 0;
    const auto taps = window_taps(geometry_.rows, rows_, size_.T);
    for (size_t a = 0; a < geometry_.rows.size(); ++a)
      for (const Columns& columns : window_.columns())
        for (int64_t point = 0; point < size_.n; ++point) {
          std::vector<RowSource> rows;  // none: the weights are zeros
          const int64_t w = (static_cast<int64_t>(a) * size_.n + point) * geometry_.KW * geometry_.out.C;
          if (!zero_point(tiling.scheme, taps[a], point)) rows.push_back({point * window_.row(), w});
          used += static_cast<int64_t>(rows.size());
          points_.push_back(window_.taps(columns, rows));
        }
    const double mean = static_cast<double>(used) / static_cast<double>(window_.columns().size());
    const int64_t tiles = cut(rows_.tiles, 1, row_products() * mean, size_.n * window_.row() * geometry_.in.C);
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
    const Tile& tile = tiles_[static_cast<size_t>(index)];
    auto* scratch = reinterpret_cast<float*>(frame.scratch);
    float *v = scratch + v_at_ + window_.lead(), *m = scratch + m_at_, *aside = scratch + aside_at_;
    transform_inputs(tile, frame, scratch + window_.lead(), v);
    for (int64_t t = tile.begin; t < tile.end; ++t)
      for (size_t a = 0; a < geometry_.rows.size(); ++a)
        for (size_t b = 0; b < window_.columns().size(); ++b) {
          multiply(a, b, v + (t - tile.begin) * size_.n * window_.row(), m);
          put(tile.image, t, a, window_.columns()[b], m, aside, frame);
        }
  }

 private:
  size_t scheme() const { return static_cast<size_t>(tiling_->scheme); }
  int64_t input_rows(int64_t tiles) const { return (tiles - 1) * size_.m + size_.n; }

  /// v[ic][tile][point][column].
  void transform_inputs(const Tile& tile, const Frame& frame, float* spare, float* v) const {
    const auto [N, all, H, W] = geometry_.in;
    const int64_t first = rows_.phases.front().input + tile.begin * size_.m, tiles = tile.end - tile.begin;
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
          const int64_t h = source(geometry_.border, first + t * size_.m + j, H);
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
    transform(x + (first + begin * size_.m) * W + window_.own_first(), W, end - begin,
              v + begin * size_.n * window_.row());
    beyond(end, tiles);
  }

  /// The picture's own columns of rows x, which are `row` apart.
  void transform(const float* x, int64_t row, int64_t tiles, float* v) const {
    table_.rows_input[scheme()]({.x = x,
                                 .x_row = row,
                                 .v = v + window_.own_begin(),
                                 .v_row = window_.row(),
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
      float* y[kernels::most_row_outputs];
      for (int64_t oc = 0; oc < OC; ++oc) y[oc] = m + (point * OC + oc) * pixels;
      kernels::Rows rows = rows_of(columns, *taps, 0, v, channel_);
      rows.y = y;
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
      for (int64_t i = begin; i < end; ++i) y[i] = outputs[i].y[oc];
      table_.rows_output[scheme()]({.m = m + oc * pixels,
                                    .point = OC * pixels,
                                    .y = y,
                                    .pixels = columns.count,
                                    .shift = packed_->shift()[oc],
                                    .activation = context_.activation,
                                    .residual = outputs[begin].residual});  // all are as far from their outputs
    }
    for (int64_t i = begin; i < end; ++i) window_.put(outputs[i]);
  }

  SchemeSize size_;
  Axis rows_;
  std::vector<RowTaps> points_;  // of each row phase, with each of the columns
  int64_t channel_, input_channel_, v_at_, m_at_, aside_at_;
};

/// What becomes of two multiply-adds a cycle: weights that are broadcast for two vectors at a time fill the front end,
/// for four nearly so, and of two phases there are more inputs to load. The direct kernel has its 1.33 and 1.14, and
/// its transposing: between planar neighbours this is faster by 3 to 8 % on AVX-512, and for one phase by 1 to 3 on
/// AVX2.
double instructions_of(const ConvGeometry& geometry, const kernels::Table& table) {
  if (geometry.out.C <= kernels::few_row_outputs) return table.width >= 16 ? 1.16 : 1.4;
  if (table.width >= 16) return 1.04;
  return row_outputs(geometry) == kernels::most_row_outputs ? 1.3 : 1.5;
}

}  // namespace

// The shifts follow the weights, and then a float that is not zero where any weight is infinite or NaN.
PackedRows::PackedRows(const kernels::Table& table, const WeightView& weight, const Packer& packer,
                       const ConvGeometry& geometry, const std::optional<Tiling>& tiling) {
  const int64_t OC = weight.layout.OC, IC = weight.layout.IC, KW = geometry.KW, lanes = row_outputs(geometry);
  const int64_t taps = weight.layout.taps * lanes;  // floats of a channel as it comes
  std::vector<std::vector<int64_t>> windows;
  if (tiling) windows = window_taps(geometry.rows, *axis_of(geometry.rows, *tiling), sizes_of(tiling->scheme).T);
  const int64_t n = tiling ? sizes_of(tiling->scheme).n : 0;
  channel_ = tiling ? static_cast<int64_t>(windows.size()) * n * KW * lanes : taps;
  blocks_ = ceil_div(OC, lanes);
  block_ = whole_lines(IC * channel_);
  shift_at_ = blocks_ * block_;
  const int64_t infinite = shift_at_ + OC, chunk = packed_at_once(weight.layout, lanes), chunks = ceil_div(IC, chunk);
  const auto pack = [&](int64_t part, float* out, float* scratch) {
    const int64_t block = part / chunks, first = part % chunks * chunk, count = std::min(chunk, IC - first);
    const int64_t oc = block * lanes, outputs = std::min(lanes, OC - oc);
    float *panel = scratch + chunk * taps, *to = out + block * block_ + first * channel_;
    weight.read(table, 0, oc, outputs, first, count, panel, lanes, scratch);
    const double* scale = weight.scale.data() + oc;
    const auto transform = [&](float* v) {
      for (const std::vector<int64_t>& rows : windows)
        with_scheme(tiling->scheme, [&](auto s) {
          using W = decltype(s);
          for (int point = 0; point < W::n; ++point)
            for (int64_t kw = 0; kw < KW; ++kw)
              for (int64_t lane = 0; lane < lanes; ++lane) {
                double sum = 0;
                for (int t = 0; t < W::T; ++t)
                  if (const int64_t kh = rows[static_cast<size_t>(t)]; kh >= 0 && W::G[point][t] != 0)
                    sum += W::G[point][t] * (panel[(kh * KW + kw) * lanes + lane] * scale[lane]);
                *v++ = static_cast<float>(sum);
              }
        });
    };
    bool finite = true;
    for (int64_t c = 0; c < count; ++c, panel += taps, to += channel_) {
      if (tiling) {
        transform(to);
        finite &= std::all_of(to, to + channel_, [](float w) { return std::isfinite(w); });
      } else {
        for (int64_t tap = 0; tap < taps; tap += lanes)  // zeros beyond the last block's outputs
          finite &= scaled(panel + tap, scale, outputs, to + tap);
      }
    }
    if (!finite) std::atomic_ref(out[infinite]).store(1.0f, std::memory_order_relaxed);
    if (part == 0) std::copy_n(weight.shift.begin(), OC, out + shift_at_);
  };
  packed_ = packer({static_cast<size_t>(infinite) + 1, static_cast<size_t>(2 * chunk * taps), blocks_ * chunks, pack});
  finite_ = packed_.span[static_cast<size_t>(infinite)] == 0;
}

std::string rows_name(const std::optional<Tiling>& tiling) {
  return tiling ? "rows" + name_of(*tiling).substr(std::string_view("winograd").size()) : "rows";
}

std::string rows_key(const ConvGeometry& geometry, const std::optional<Tiling>& tiling) {
  return tiling ? "rows/" + axis_key(geometry.rows, *tiling) : fmt::format("rows/{}", row_outputs(geometry));
}

std::optional<double> rows_cost(const ConvGeometry& geometry, Layout input, Layout output, const kernels::Table& table,
                                const std::optional<Tiling>& tiling) {
  const ImageShape &in = geometry.in, &out = geometry.out;
  const bool few = out.C <= kernels::few_row_outputs;
  if (geometry.groups != 1 || !has_rows_of(geometry, few && !tiling ? vector_row : wide_row)) return {};
  if (tiling && !few) return {};
  // Products of a row with a row of the kernel; then cycles around them: a float into the window, or a vector of n rows
  // through a transform, either way; and a float into its place.
  double rows = 0, around = static_cast<double>(out.C * out.H * out.W);
  if (tiling) {
    const auto axis = axis_of(geometry.rows, *tiling);
    if (!axis || axis->in_step > 1 || geometry.cols.front().in_step > 1) return {};
    const SchemeSize size = sizes_of(tiling->scheme);
    int64_t longest = 0;
    for (const Phase& row : geometry.rows) longest = std::max(longest, static_cast<int64_t>(taps_of(row).size()));
    if (in.C < 16 || longest < size.T || static_cast<int>(tiling->scheme) >= kernels::row_schemes) return {};
    for (const auto& taps : window_taps(geometry.rows, *axis, size.T))
      for (int64_t point = 0; point < size.n; ++point)
        if (!zero_point(tiling->scheme, taps, point)) rows += static_cast<double>(axis->tiles);
    const auto phases = static_cast<int64_t>(geometry.rows.size());
    const int64_t floats = axis->tiles * size.n * (in.C * in.W + phases * out.C * out.W);
    around += (size.n > 4 ? 8 : 6) * static_cast<double>(floats) / table.width;
  } else {
    for (const Phase& row : geometry.rows)
      for (const Segment& segment : row.segments)
        rows += static_cast<double>(segment.end - segment.begin) * static_cast<double>(segment.taps.size());
    around += 0.4 * static_cast<double>(in.C * in.H * in.W);
    if (!few) around /= 4;  // hidden behind products
    if (geometry.cols.front().in_step > 1) around += 3 * static_cast<double>(in.C * in.H * in.W);  // pixel by pixel
  }
  // Channels-last pixels are transposed, out of L2 and beyond: 64-3 k4s2 32x32 in DCGAN. Outputs go there one by one.
  if (planar(Layout::contiguous, in) && input == Layout::channels_last)
    around += 2 * static_cast<double>(in.C * in.H * in.W);
  const bool apart = geometry.cols.front().out_step > 1 && !alternate(geometry.cols);
  if (apart || (planar(Layout::contiguous, out) && output == Layout::channels_last))
    around += 8 * static_cast<double>(out.C * out.H * out.W);
  double vectors = 0;  // of pixels, each for every tap of a row of the kernel
  for (const Phase& col : geometry.cols)
    vectors += static_cast<double>(ceil_div(col.count, table.width)) * static_cast<double>(taps_of(col).size());
  return vector_cycles(table.isa) * rows * vectors * static_cast<double>(in.C * out.C) / 2 *
             instructions_of(geometry, table) +
         around;
}

std::unique_ptr<Step> rows_step(ConvGeometry geometry, std::shared_ptr<const PackedRows> packed,
                                const kernels::Table& table, ConvContext context, const std::optional<Tiling>& tiling) {
  if (tiling)
    return std::make_unique<WinogradRowsStep>(*tiling, std::move(geometry), std::move(packed), table,
                                              std::move(context));
  return std::make_unique<DirectRowsStep>(std::move(geometry), std::move(packed), table, std::move(context));
}

}  // namespace upconv::internal
