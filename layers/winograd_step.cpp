#include "layers/winograd_step.h"

#include <algorithm>

#include "layers/blocking.h"

namespace upconv {
namespace {

/// The transformed inputs of a block may take three quarters of a 1 MiB L2, about: 16 points * 256 channels * 46 tiles.
/// More tiles at once save more than the rest of L2 is worth: at 256 channels the weights stream from L3.
constexpr int64_t block_floats = (736 << 10) / 4;

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
    step_ = planar_ ? geometry_.in.W * kernels::panel_lanes : kernels::panel_lanes;
    zeros_.assign(static_cast<size_t>(channel_blocks_ * step_), 0.0f);
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
    auto* v = reinterpret_cast<float*>(frame.scratch);
    float *m = v + v_floats_, *panel = m + m_floats_, *aside = panel + panel_floats_;
    transform_inputs(work, static_cast<const float*>(frame.inputs[0]), v, panel);
    for (int64_t group = work.group_begin; group < work.group_end; ++group) {
      const int64_t phases = lanes_.merged ? 1 : phase_count();
      for (int64_t phase = 0; phase < phases; ++phase) {
        multiply(work, group, phase, v, m);
        if (lanes_.merged)
          scatter(work, group, m, static_cast<float*>(frame.output));
        else
          transform_outputs(work, group, phase, m, aside_ ? aside : static_cast<float*>(frame.output));
      }
      if (aside_) put_back(work, group, aside, static_cast<float*>(frame.output));
    }
  }

 private:
  /// What one thread does at a time: rows of tiles of some images, for some groups of output channels.
  struct Work {
    int64_t image_begin, image_end, row_begin, row_end;
    int64_t group_begin, group_end;
    int64_t rows() const { return row_end - row_begin; }
    int64_t images() const { return image_end - image_begin; }
  };

  int64_t phase_count() const { return static_cast<int64_t>(geometry_.rows.size() * geometry_.cols.size()); }
  int64_t groups() const { return lanes_.merged ? lanes_.blocks : packed_->groups(); }
  int64_t points() const { return size_.n * size_.n; }
  int64_t tiles_of(const Work& work) const { return work.images() * work.rows() * tile_cols_; }
  /// Floats from one block of channels of the transformed inputs to the next: odd lines spread over the sets of L1.
  int64_t pitch_of(const Work& work) const { return (tiles_of(work) | 1) * kernels::panel_lanes; }

  void cut() {
    const int64_t per_tile = points() * channel_blocks_ * kernels::panel_lanes;
    const int64_t most = std::clamp<int64_t>(block_floats / per_tile, 14, most_tiles);
    const int64_t N = geometry_.in.N, in_image = tile_rows_ * tile_cols_;
    int64_t rows = tile_rows_, images = 1;
    if (in_image > most)
      rows = even(tile_rows_, most / tile_cols_);
    else
      images = even(N, std::min(most / in_image, ceil_div(N, 4)));
    const int64_t works = ceil_div(N, images) * ceil_div(tile_rows_, rows);
    const int64_t parts = std::clamp<int64_t>(ceil_div(4, std::max<int64_t>(1, works)), 1, groups());
    for (int64_t part = 0; part < parts; ++part)
      for (int64_t image = 0; image < N; image += images)
        for (int64_t row = 0; row < tile_rows_; row += rows)
          works_.push_back({image, std::min(N, image + images), row, std::min(tile_rows_, row + rows),
                            groups() * part / parts, groups() * (part + 1) / parts});
    for (const Work& work : works_) {
      v_floats_ = std::max(v_floats_, points() * channel_blocks_ * pitch_of(work));
      m_floats_ = std::max(m_floats_, points() * tiles_of(work) * lanes_.block);
      if (planar_) panel_floats_ = std::max(panel_floats_, work.images() * input_rows(work) * panel_row());
      if (aside_) aside_floats_ = std::max(aside_floats_, work.images() * output_rows(work) * aside_row());
    }
  }

  int64_t input_rows(const Work& work) const { return work.rows() * size_.m + size_.n - size_.m; }
  int64_t panel_row() const { return channel_blocks_ * step_; }
  int64_t row_phases() const { return static_cast<int64_t>(geometry_.rows.size()); }
  int64_t output_rows(const Work& work) const { return work.rows() * size_.m * row_phases(); }
  int64_t aside_row() const { return geometry_.out.W * lanes_.block; }

  void transform_inputs(const Work& work, const float* x, float* v, float* panel) const {
    const ImageShape& in = geometry_.in;
    const int64_t first = rows_.first + work.row_begin * size_.m;  // the input row of the work's first window
    if (planar_)
      for (int64_t image = work.image_begin; image < work.image_end; ++image)
        for (int64_t h = std::max<int64_t>(0, first); h < std::min(in.H, first + input_rows(work)); ++h)
          pack_planar(table_, in, x, image, h, 0,
                      panel + ((image - work.image_begin) * input_rows(work) + h - first) * panel_row(), step_, in.W);

    const float* inputs[kernels::most_points];
    kernels::WinogradInput tile{inputs, step_, v, channel_blocks_ * pitch_of(work), pitch_of(work), in.C};
    for (int64_t image = work.image_begin; image < work.image_end; ++image)
      for (int64_t row = work.row_begin; row < work.row_end; ++row)
        for (int64_t col = 0; col < tile_cols_; ++col, tile.v += kernels::panel_lanes) {
          for (int64_t i = 0; i < size_.n; ++i)
            for (int64_t j = 0; j < size_.n; ++j) {
              const int64_t h = rows_.first + row * size_.m + i, w = cols_.first + col * size_.m + j;
              const float*& input = inputs[i * size_.n + j];
              if (h < 0 || h >= in.H || w < 0 || w >= in.W)
                input = zeros_.data();
              else if (planar_)
                input = panel + ((image - work.image_begin) * input_rows(work) + h - first) * panel_row() +
                        w * kernels::panel_lanes;
              else
                input = x + ((image * in.H + h) * in.W + w) * in.C;
            }
          table_.winograd_input[static_cast<int>(scheme_)](tile);
        }
  }

  /// The products of all points: m[point][tile][lane].
  void multiply(const Work& work, int64_t group, int64_t phase, const float* v, float* m) const {
    const int64_t tiles = tiles_of(work), cuts = ceil_div(tiles, table_.pixels), pitch = pitch_of(work);
    const kernels::Block* blocks = packed_->points(group, phase);
    const kernels::Tap tap{0, 0};
    float* ys[max_pixels];
    for (int64_t point = 0; point < points(); ++point) {
      if (packed_->zero(phase, point)) {
        std::fill_n(m + point * tiles * lanes_.block, tiles * lanes_.block, 0.0f);
        continue;
      }
      for (int64_t c = 0; c < cuts; ++c) {
        const int64_t first = tiles * c / cuts, last = tiles * (c + 1) / cuts;
        for (int64_t t = first; t < last; ++t) ys[t - first] = m + (point * tiles + t) * lanes_.block;
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

  /// Calls f(tile number, image, tile row, tile column).
  template <class F>
  void each_tile(const Work& work, F f) const {
    int64_t t = 0;
    for (int64_t image = work.image_begin; image < work.image_end; ++image)
      for (int64_t row = work.row_begin; row < work.row_end; ++row)
        for (int64_t col = 0; col < tile_cols_; ++col) f(t++, image, row, col);
  }

  /// The first output row of the work's tiles, all phases together; rows put aside begin there.
  int64_t first_output_row(const Work& work) const {
    int64_t first = geometry_.out.H;
    for (size_t p = 0; p < geometry_.rows.size(); ++p) {
      const Range range = range_of(rows_, geometry_.rows[p], p, work.row_begin);
      const Phase& phase = geometry_.rows[p];
      if (phase.count > range.index + range.begin)
        first = std::min(first, phase.out_first + phase.out_step * (range.index + range.begin));
    }
    return first;
  }

  void transform_outputs(const Work& work, int64_t group, int64_t phase, const float* m, float* y) const {
    const ImageShape& out = geometry_.out;
    const auto cols = static_cast<int64_t>(geometry_.cols.size());
    const size_t a = static_cast<size_t>(phase / cols), b = static_cast<size_t>(phase % cols);
    const Phase &row_phase = geometry_.rows[a], &col_phase = geometry_.cols[b];
    const int64_t oc = group * lanes_.block;
    const int64_t pixel = aside_ ? lanes_.block : out.C;
    const int64_t first_row = aside_ ? first_output_row(work) : 0;
    each_tile(work, [&](int64_t t, int64_t image, int64_t row, int64_t col) {
      const Range r = range_of(rows_, row_phase, a, row), c = range_of(cols_, col_phase, b, col);
      const int64_t h = row_phase.out_first + row_phase.out_step * r.index - first_row;
      const int64_t w = col_phase.out_first + col_phase.out_step * c.index;
      float* to = aside_ ? y + (image - work.image_begin) * output_rows(work) * aside_row()
                         : y + image * out.H * out.W * out.C + oc;
      table_.winograd_output[static_cast<int>(scheme_)](
          {.m = m + t * lanes_.block,
           .point = tiles_of(work) * lanes_.block,
           .y = to + (h * out.W + w) * pixel,
           .row = row_phase.out_step * out.W * pixel,
           .column = col_phase.out_step * pixel,
           .row_begin = r.begin,
           .row_end = r.end,
           .col_begin = c.begin,
           .col_end = c.end,
           .shift = packed_->shift(group),
           .lanes = static_cast<int32_t>(std::min(lanes_.block, out.C - oc)),
           .activation = context_.activation});
    });
  }

  /// Moves what was put aside, [row][column][lane], into (N, C, H, W).
  void put_back(const Work& work, int64_t group, const float* aside, float* y) const {
    const ImageShape& out = geometry_.out;
    const int64_t oc = group * lanes_.block, lanes = std::min(lanes_.block, out.C - oc);
    const int64_t first = first_output_row(work);
    for (size_t p = 0; p < geometry_.rows.size(); ++p) {
      const Phase& phase = geometry_.rows[p];
      const int64_t begin = range_of(rows_, phase, p, work.row_begin).index;
      const int64_t end = begin + work.rows() * size_.m;
      for (int64_t i = std::max<int64_t>(0, begin); i < std::min(phase.count, end); ++i) {
        const int64_t h = phase.out_first + phase.out_step * i;
        for (int64_t image = work.image_begin; image < work.image_end; ++image)
          table_.transpose(aside + ((image - work.image_begin) * output_rows(work) + h - first) * aside_row(),
                           lanes_.block, y + ((image * out.C + oc) * out.H + h) * out.W, out.H * out.W, out.W, lanes);
      }
    }
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
    const int64_t lanes = std::min(lanes_.block, phase_count() * out.C - group * lanes_.block);
    alignas(64) float all[kernels::most_points * max_block];
    each_tile(work, [&](int64_t t, int64_t image, int64_t row, int64_t col) {
      table_.winograd_output[static_cast<int>(scheme_)]({.m = m + t * lanes_.block,
                                                         .point = tiles_of(work) * lanes_.block,
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
      float* to = y + image * out.C * out.H * out.W;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const Merged& of = merged_[static_cast<size_t>(group * lanes_.block + lane)];
        const Phase &row_phase = geometry_.rows[of.row], &col_phase = geometry_.cols[of.col];
        const Range r = range_of(rows_, row_phase, of.row, row), c = range_of(cols_, col_phase, of.col, col);
        float* lane_to = to + of.oc * channel;
        for (int64_t i = r.begin; i < r.end; ++i) {
          float* row_to = lane_to + (row_phase.out_first + row_phase.out_step * (r.index + i)) * out.W * pixel;
          for (int64_t j = c.begin; j < c.end; ++j)
            row_to[(col_phase.out_first + col_phase.out_step * (c.index + j)) * pixel] =
                all[(i * size_.m + j) * lanes_.block + lane];
        }
      }
    });
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
