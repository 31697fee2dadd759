#include "layers/winograd_step.h"

#include <algorithm>
#include <limits>

#include "layers/blocking.h"

namespace upconv {
namespace {

class WinogradStep : public Step {
 public:
  WinogradStep(kernels::Scheme scheme, ConvGeometry geometry, std::shared_ptr<const PackedWinograd> packed,
               const kernels::Table& table, ConvContext context)
      : scheme_(scheme),
        size_(sizes_of(scheme)),
        geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(context),
        lanes_(lanes_of(geometry_, table)),
        planar_(context.input == Layout::contiguous && geometry_.in.C > 1),
        aside_(!lanes_.merged && context.output == Layout::contiguous && geometry_.out.C > 1),
        rows_(*axis_of(geometry_.rows, size_.T)),
        cols_(*axis_of(geometry_.cols, size_.T)),
        tile_rows_(ceil_div(rows_.positions, size_.m)),
        tile_cols_(ceil_div(cols_.positions, size_.m)),
        channel_blocks_(ceil_div(geometry_.in.C, kernels::panel_lanes)) {
    if (lanes_.merged)
      for (size_t row = 0; row < geometry_.rows.size(); ++row)
        for (size_t col = 0; col < geometry_.cols.size(); ++col)
          for (int64_t oc = 0; oc < geometry_.out.C; ++oc) merged_.push_back({row, col, oc});
    cut();
  }

  int64_t tiles() const override { return static_cast<int64_t>(works_.size()); }
  std::string algorithm() const override { return name_of(scheme_); }
  double flops() const override { return context_.flops; }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(v_floats_ + m_floats_ + panel_floats_ + aside_floats_) * sizeof(float);
  }

  void run(int64_t index, const Frame& frame) const override {
    const Work& work = works_[static_cast<size_t>(index)];
    auto* y = static_cast<float*>(frame.output);
    auto* v = reinterpret_cast<float*>(frame.scratch);
    float *m = v + v_floats_, *panel = m + m_floats_, *aside = panel + panel_floats_;
    transform_inputs(work, static_cast<const float*>(frame.inputs[0]), v, panel);
    for (int64_t group = work.group_begin; group < work.group_end; ++group) {
      if (lanes_.merged) {
        multiply(work, group, 0, v, m);
        scatter(work, group, m, y);
        continue;
      }
      for (size_t a = 0; a < geometry_.rows.size(); ++a)
        for (size_t b = 0; b < geometry_.cols.size(); ++b) {
          multiply(work, group, static_cast<int64_t>(a * geometry_.cols.size() + b), v, m);
          put(work, group, a, b, m, aside_ ? aside : y);
        }
      if (aside_) put_back(work, group, aside, y);
    }
  }

 private:
  /// What one thread does at a time: a run of tiles, counted through rows and images, for some groups of output
  /// channels; whole rows of tiles where either side is (N, C, H, W).
  struct Work {
    int64_t begin, end;
    int64_t group_begin, group_end;
    int64_t tiles() const { return end - begin; }
  };

  int64_t groups() const { return lanes_.merged ? lanes_.blocks : packed_->groups(); }
  int64_t points() const { return size_.n * size_.n; }
  /// Floats from one block of channels of the transformed inputs to the next: odd lines spread over the sets of L1.
  int64_t pitch_of(const Work& work) const { return (work.tiles() | 1) * kernels::panel_lanes; }
  /// Where a tile is; counts on.
  struct Place {
    int64_t image, row, col;
  };
  Place place_of(int64_t tile) const {
    return {tile / (tile_rows_ * tile_cols_), tile / tile_cols_ % tile_rows_, tile % tile_cols_};
  }
  void next(Place& place) const {
    if (++place.col < tile_cols_) return;
    place.col = 0;
    if (++place.row < tile_rows_) return;
    place.row = 0;
    ++place.image;
  }
  /// Calls f(image, first row of tiles, row after the last one) for the images of a work of whole rows.
  template <class F>
  void each_image(const Work& work, F f) const {
    for (int64_t t = work.begin; t < work.end;) {
      const Place place = place_of(t);
      const int64_t rows = std::min(tile_rows_ - place.row, (work.end - t) / tile_cols_);
      f(place.image, place.row, place.row + rows);
      t += rows * tile_cols_;
    }
  }
  /// The first output row of a row of tiles.
  int64_t output_row(int64_t row) const {
    return std::clamp<int64_t>(rows_.out_step * (rows_.first + row * size_.m) + rows_.out_first, 0, geometry_.out.H);
  }
  /// The row of all images' outputs that is put aside first.
  int64_t first_aside(const Work& work) const {
    const Place place = place_of(work.begin);
    return place.image * geometry_.out.H + output_row(place.row);
  }

  void cut() {
    const int64_t unit = planar_ || aside_ ? tile_cols_ : 1;
    const int64_t in_image = tile_rows_ * tile_cols_ / unit, total = geometry_.in.N * in_image;
    const int64_t most = most_tiles(size_, geometry_.in.C) / unit;
    // Groups of outputs are shared out where there are too few works for the threads: each then transforms its inputs.
    const int64_t wanted = context_.threads == 1 ? 1 : 2 * context_.threads;
    const int64_t run = best_run(unit, total, std::min(most, std::max(in_image, ceil_div(total, wanted))));
    const int64_t parts = std::clamp<int64_t>(ceil_div(wanted, ceil_div(total, run)), 1, groups());
    for (int64_t part = 0; part < parts; ++part)
      for (int64_t i = 0; i < total; i += run)
        works_.push_back(
            {i * unit, std::min(total, i + run) * unit, groups() * part / parts, groups() * (part + 1) / parts});
    const Work& longest = works_.front();
    v_floats_ = points() * channel_blocks_ * pitch_of(longest);
    m_floats_ = points() * longest.tiles() * lanes_.block;
    step_ = kernels::panel_lanes;
    if (planar_) {
      const int64_t rows = std::min(longest.tiles() / tile_cols_, tile_rows_);
      int64_t most = 0;
      for (int64_t row = 0; row < tile_rows_; ++row) {
        const auto [first, last] = rows_read(row, std::min(row + rows, tile_rows_));
        most = std::max(most, last - first);
      }
      step_ *= most * geometry_.in.W;
    }
    zeros_.assign(static_cast<size_t>(channel_blocks_ * step_), 0.0f);
    if (planar_) panel_floats_ = channel_blocks_ * step_;
    if (aside_)
      aside_floats_ = longest.tiles() / tile_cols_ * size_.m * rows_.out_step * geometry_.out.W * lanes_.block;
  }

  /// How many units of tiles make a work, at most `most`, so that `total` of them take the fewest instructions: for one
  /// channel and two vectors 3 a tile and 6 a register tile.
  int64_t best_run(int64_t unit, int64_t total, int64_t most) const {
    const auto cost = [&](int64_t units) { return 3 * units * unit + 6 * ceil_div(units * unit, table_.pixels); };
    int64_t best = 1, least = std::numeric_limits<int64_t>::max();
    for (int64_t run = 1; run <= most; ++run) {
      const int64_t sum = total / run * cost(run) + cost(total % run);
      if (sum > least) continue;
      best = run;
      least = sum;
    }
    return best;
  }

  /// The rows of the input that the rows of tiles from `begin` to `end` read: the first, and the one after the last.
  std::pair<int64_t, int64_t> rows_read(int64_t begin, int64_t end) const {
    int64_t first = geometry_.in.H, last = 0;
    for (int64_t i = begin * size_.m; i < end * size_.m + size_.n - size_.m; ++i) {
      const int64_t h = source(geometry_.border, rows_.first + i, geometry_.in.H);
      if (h < 0) continue;
      first = std::min(first, h);
      last = std::max(last, h + 1);
    }
    return {std::min(first, last), last};
  }

  void transform_inputs(const Work& work, const float* x, float* v, float* panel) const {
    const ImageShape& in = geometry_.in;
    kernels::WinogradInput tile{nullptr, step_, v, channel_blocks_ * pitch_of(work), pitch_of(work), in.C};
    if (!planar_) {
      Place place = place_of(work.begin);
      for (int64_t t = work.begin; t < work.end; ++t, next(place))
        transform_input(place, x + place.image * in.H * in.W * in.C, in.C, tile);
      return;
    }
    each_image(work, [&](int64_t image, int64_t begin, int64_t end) {
      const auto [first, last] = rows_read(begin, end);
      pack_planar(table_, in, x, image, first, 0, panel, step_, (last - first) * in.W);
      for (Place place{image, begin, 0}; place.image == image && place.row < end; next(place))
        transform_input(place, panel - first * in.W * kernels::panel_lanes, kernels::panel_lanes, tile);
    });
  }

  /// One tile, from inputs whose pixel (0, 0) is at x, and goes on to the next tile's place.
  void transform_input(const Place& place, const float* x, int64_t pixel, kernels::WinogradInput& tile) const {
    const ImageShape& in = geometry_.in;
    const int64_t top = rows_.first + place.row * size_.m, left = cols_.first + place.col * size_.m;
    const float* inputs[kernels::most_points];
    for (int64_t i = 0; i < size_.n; ++i)
      for (int64_t j = 0; j < size_.n; ++j) {
        const int64_t h = source(geometry_.border, top + i, in.H), w = source(geometry_.border, left + j, in.W);
        inputs[i * size_.n + j] = h >= 0 && w >= 0 ? x + (h * in.W + w) * pixel : zeros_.data();
      }
    tile.x = inputs;
    table_.winograd_input[static_cast<int>(scheme_)](tile);
    tile.v += kernels::panel_lanes;
  }

  /// The products of all points: m[point][tile][lane].
  void multiply(const Work& work, int64_t group, int64_t phase, const float* v, float* m) const {
    const int64_t tiles = work.tiles(), cuts = ceil_div(tiles, table_.pixels), pitch = pitch_of(work);
    const kernels::Block* blocks = packed_->points(group, phase);
    const kernels::Tap tap{0, 0};
    float* ys[max_pixels];
    for (int64_t point = 0; point < points(); ++point) {
      float* sums = m + point * tiles * lanes_.block;
      if (packed_->zero(phase, point)) {
        std::fill_n(sums, tiles * lanes_.block, 0.0f);
        continue;
      }
      for (int64_t cut = 0; cut < cuts; ++cut) {
        const int64_t first = tiles * cut / cuts, last = tiles * (cut + 1) / cuts;
        for (int64_t t = first; t < last; ++t) ys[t - first] = sums + t * lanes_.block;
        table_.direct({.x = v + point * channel_blocks_ * pitch + first * kernels::panel_lanes,
                       .pitch = pitch,
                       .y = ys,
                       .taps = &tap,
                       .blocks = blocks + point,
                       .pixels = last - first,
                       .tap_count = 1,
                       .block_count = 1,
                       .IC = geometry_.in.C,
                       .activation = {}});
      }
    }
  }

  /// The positions of a tile that a phase has: those whose index, from that of the tile's first window on, exists.
  struct Range {
    int64_t index;
    int32_t begin, end;
  };
  Range range_of(const Axis& axis, const Phase& phase, size_t number, int64_t tile) const {
    const int64_t index = axis.first + tile * size_.m - axis.base[number];
    return {index, static_cast<int32_t>(std::clamp<int64_t>(-index, 0, size_.m)),
            static_cast<int32_t>(std::clamp<int64_t>(phase.count - index, 0, size_.m))};
  }

  /// Outputs of row phase a and column phase b: to y (N, H, W, C), or, put aside, [row][column][lane].
  void put(const Work& work, int64_t group, size_t a, size_t b, const float* m, float* y) const {
    const ImageShape& out = geometry_.out;
    const Phase &row_phase = geometry_.rows[a], &col_phase = geometry_.cols[b];
    const int64_t oc = group * lanes_.block, pixel = aside_ ? lanes_.block : out.C;
    y += aside_ ? -first_aside(work) * out.W * pixel : oc;
    Place place = place_of(work.begin);
    for (int64_t t = work.begin; t < work.end; ++t, m += lanes_.block, next(place)) {
      const Range r = range_of(rows_, row_phase, a, place.row), c = range_of(cols_, col_phase, b, place.col);
      const int64_t h = place.image * out.H + row_phase.out_first + row_phase.out_step * r.index;
      table_.winograd_output[static_cast<int>(scheme_)](
          {.m = m,
           .point = work.tiles() * lanes_.block,
           .y = y + (h * out.W + col_phase.out_first + col_phase.out_step * c.index) * pixel,
           .row = row_phase.out_step * out.W * pixel,
           .column = col_phase.out_step * pixel,
           .row_begin = r.begin,
           .row_end = r.end,
           .col_begin = c.begin,
           .col_end = c.end,
           .shift = packed_->shift(group),
           .lanes = static_cast<int32_t>(std::min(lanes_.block, out.C - oc)),
           .activation = context_.activation});
    }
  }

  /// Moves what was put aside into (N, C, H, W): the rows of an image at once, as they lie one after another.
  void put_back(const Work& work, int64_t group, const float* aside, float* y) const {
    const ImageShape& out = geometry_.out;
    const int64_t oc = group * lanes_.block, lanes = std::min(lanes_.block, out.C - oc);
    each_image(work, [&](int64_t image, int64_t begin, int64_t end) {
      const int64_t first = output_row(begin), rows = output_row(end) - first;
      table_.transpose(aside, lanes_.block, y + ((image * out.C + oc) * out.H + first) * out.W, out.H * out.W,
                       rows * out.W, lanes);
      aside += rows * out.W * lanes_.block;
    });
  }

  /// What a lane of merged phases is.
  struct Merged {
    size_t row, col;
    int64_t oc;
  };

  /// Outputs of merged phases: every lane is a channel of a phase and goes to its own pixel.
  void scatter(const Work& work, int64_t group, const float* m, float* y) const {
    const ImageShape& out = geometry_.out;
    const bool planar = context_.output == Layout::contiguous;
    const int64_t channel = planar ? out.H * out.W : 1, pixel = planar ? 1 : out.C;
    const int64_t lanes = std::min(lanes_.block, static_cast<int64_t>(merged_.size()) - group * lanes_.block);
    alignas(64) float all[kernels::most_points * max_block];
    Place place = place_of(work.begin);
    for (int64_t t = work.begin; t < work.end; ++t, m += lanes_.block, next(place)) {
      table_.winograd_output[static_cast<int>(scheme_)]({.m = m,
                                                         .point = work.tiles() * lanes_.block,
                                                         .y = all,
                                                         .row = size_.m * lanes_.block,
                                                         .column = lanes_.block,
                                                         .row_begin = 0,
                                                         .row_end = static_cast<int32_t>(size_.m),
                                                         .col_begin = 0,
                                                         .col_end = static_cast<int32_t>(size_.m),
                                                         .shift = packed_->shift(group),
                                                         .lanes = static_cast<int32_t>(lanes_.block),
                                                         .activation = context_.activation});
      float* to = y + place.image * out.C * out.H * out.W;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const Merged& of = merged_[static_cast<size_t>(group * lanes_.block + lane)];
        const Phase &row_phase = geometry_.rows[of.row], &col_phase = geometry_.cols[of.col];
        const Range r = range_of(rows_, row_phase, of.row, place.row),
                    c = range_of(cols_, col_phase, of.col, place.col);
        float* lane_to = to + of.oc * channel;
        for (int64_t i = r.begin; i < r.end; ++i) {
          float* row_to = lane_to + (row_phase.out_first + row_phase.out_step * (r.index + i)) * out.W * pixel;
          for (int64_t j = c.begin; j < c.end; ++j)
            row_to[(col_phase.out_first + col_phase.out_step * (c.index + j)) * pixel] =
                all[(i * size_.m + j) * lanes_.block + lane];
        }
      }
    }
  }

  static constexpr int max_pixels = 32;
  static constexpr int max_block = 32;
  kernels::Scheme scheme_;
  SchemeSize size_;
  ConvGeometry geometry_;
  std::shared_ptr<const PackedWinograd> packed_;
  const kernels::Table& table_;
  ConvContext context_;
  Lanes lanes_;
  bool planar_;  // the input is (N, C, H, W)
  bool aside_;   // the output is put aside and transposed from there
  Axis rows_, cols_;
  int64_t tile_rows_, tile_cols_, channel_blocks_;
  int64_t step_ = 0;  // floats from one block of channels of an input pixel to the next
  std::vector<float> zeros_;
  std::vector<Merged> merged_;
  std::vector<Work> works_;
  int64_t v_floats_ = 0, m_floats_ = 0, panel_floats_ = 0, aside_floats_ = 0;
};

}  // namespace

std::unique_ptr<Step> winograd_step(kernels::Scheme scheme, ConvGeometry geometry,
                                    std::shared_ptr<const PackedWinograd> packed, const kernels::Table& table,
                                    ConvContext context) {
  return std::make_unique<WinogradStep>(scheme, std::move(geometry), std::move(packed), table, context);
}

}  // namespace upconv
