#include "layers/winograd_step.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "layers/aligned.h"

namespace upconv {
namespace {

/// Tiles in a block of work: at IC = 128 its transformed inputs, 16 points * 128 * 56 floats, take 450 KiB of a 1 MiB
/// L2, and every transformed weight that streams past is used for 56 tiles: 4 register tiles on AVX-512.
constexpr int64_t block_floats = (736 << 10) / 4;
constexpr int64_t most_tiles = 56;

/// What the scheme makes of one axis: windows begin at `first`, one for each position of any phase.
struct Axis {
  int64_t first = 0, positions = 0;
  std::vector<int64_t> base;  ///< of each phase: where the window of its position 0 begins
};

/// The window shared by all phases, or nothing where a phase reads more than T inputs or T that are not neighbours, or
/// where an output has no input at all: it must be the bias alone, not that plus a rounding error.
std::optional<Axis> axis_of(const std::vector<Phase>& phases, int64_t T) {
  Axis axis;
  for (const Phase& phase : phases) {
    if (phase.in_step != 1) return {};
    const auto [least, most] = reach(phase);
    if (most - least >= T) return {};
    for (const Segment& segment : phase.segments)
      if (segment.taps.empty()) return {};
    axis.base.push_back(phase.in_first + least);
  }
  axis.first = *std::min_element(axis.base.begin(), axis.base.end());
  int64_t last = axis.first;
  for (size_t p = 0; p < phases.size(); ++p) last = std::max(last, axis.base[p] + phases[p].count);
  axis.positions = last - axis.first;
  return axis;
}

int64_t taps_of(kernels::Scheme scheme) {
  return with_scheme(scheme, [](auto s) { return int64_t{decltype(s)::T}; });
}
int64_t outputs_of(kernels::Scheme scheme) {
  return with_scheme(scheme, [](auto s) { return int64_t{decltype(s)::m}; });
}
int64_t side_of(kernels::Scheme scheme) {
  return with_scheme(scheme, [](auto s) { return int64_t{decltype(s)::n}; });
}

/// For every phase of an axis, the kernel's index of what position t of its window means, or -1.
std::vector<std::vector<int64_t>> window_taps(const std::vector<Phase>& phases, const Axis& axis, int64_t T) {
  std::vector<std::vector<int64_t>> found(phases.size(), std::vector<int64_t>(static_cast<size_t>(T), -1));
  for (size_t p = 0; p < phases.size(); ++p)
    for (const Segment& segment : phases[p].segments)
      for (const AxisTap& tap : segment.taps)
        found[p][static_cast<size_t>(phases[p].in_first + tap.shift - axis.base[p])] = tap.k;
  return found;
}

/// Whether point i of G g is zero for every g with these taps: a phase of one tap needs no point at infinity, or at 0.
bool zero_point(kernels::Scheme scheme, const std::vector<int64_t>& taps, int64_t i) {
  return with_scheme(scheme, [&](auto s) {
    using W = decltype(s);
    for (int t = 0; t < W::T; ++t)
      if (taps[static_cast<size_t>(t)] >= 0 && W::G[i][t] != 0) return false;
    return true;
  });
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// How output channels share vectors: phases of few channels lie side by side in one block.
struct Lanes {
  int64_t block;   ///< floats in a block
  bool merged;     ///< a block holds (phase, channel) pairs, phase outermost; otherwise channels of one phase
  int64_t blocks;  ///< in all phases
};
Lanes lanes_of(const ConvGeometry& geometry, const kernels::Table& table) {
  const int64_t OC = geometry.out.C;
  const auto phases = static_cast<int64_t>(geometry.rows.size() * geometry.cols.size());
  const bool merged = OC * 2 <= table.width && phases > 1;
  const int64_t block = merged && phases * OC <= table.width ? table.width : 2 * table.width;
  return {block, merged, merged ? ceil_div(phases * OC, block) : phases * ceil_div(OC, block)};
}

class WinogradStep : public Step {
 public:
  WinogradStep(kernels::Scheme scheme, ConvGeometry geometry, std::shared_ptr<const PackedWinograd> packed,
               const kernels::Table& table, ConvContext context)
      : scheme_(scheme),
        m_(outputs_of(scheme)),
        n_(side_of(scheme)),
        geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(context),
        lanes_(lanes_of(geometry_, table)),
        planar_(context.input == Layout::contiguous && geometry_.in.C > 1),
        aside_(!lanes_.merged && context.output == Layout::contiguous && geometry_.out.C > 1),
        rows_(*axis_of(geometry_.rows, taps_of(scheme))),
        cols_(*axis_of(geometry_.cols, taps_of(scheme))),
        tile_rows_(ceil_div(rows_.positions, m_)),
        tile_cols_(ceil_div(cols_.positions, m_)),
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
  std::string algorithm() const override {
    return "winograd F(" + std::to_string(m_) + "," + std::to_string(n_ - m_ + 1) + ")";
  }
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
  int64_t points() const { return n_ * n_; }
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

  /// `total` in equal parts of at most `most`: the size of a part.
  static int64_t even(int64_t total, int64_t most) {
    const int64_t parts = ceil_div(total, std::max<int64_t>(1, most));
    return std::max<int64_t>(1, ceil_div(total, std::max<int64_t>(1, parts)));
  }

  int64_t input_rows(const Work& work) const { return work.rows() * m_ + n_ - m_; }
  int64_t panel_row() const { return channel_blocks_ * step_; }
  int64_t row_phases() const { return static_cast<int64_t>(geometry_.rows.size()); }
  int64_t output_rows(const Work& work) const { return work.rows() * m_ * row_phases(); }
  int64_t aside_row() const { return geometry_.out.W * lanes_.block; }

  void transform_inputs(const Work& work, const float* x, float* v, float* panel) const {
    const ImageShape& in = geometry_.in;
    const int64_t first = rows_.first + work.row_begin * m_;  // the input row of the work's first window
    if (planar_)
      for (int64_t image = work.image_begin; image < work.image_end; ++image)
        for (int64_t h = std::max<int64_t>(0, first); h < std::min(in.H, first + input_rows(work)); ++h)
          for (int64_t c = 0; c < in.C; c += kernels::panel_lanes)
            table_.transpose(x + ((image * in.C + c) * in.H + h) * in.W, in.H * in.W,
                             panel + ((image - work.image_begin) * input_rows(work) + h - first) * panel_row() +
                                 c / kernels::panel_lanes * step_,
                             kernels::panel_lanes, std::min(kernels::panel_lanes, in.C - c), in.W);

    const float* inputs[kernels::most_points];
    kernels::WinogradInput tile{inputs, step_, v, channel_blocks_ * pitch_of(work), pitch_of(work), in.C};
    for (int64_t image = work.image_begin; image < work.image_end; ++image)
      for (int64_t row = work.row_begin; row < work.row_end; ++row)
        for (int64_t col = 0; col < tile_cols_; ++col, tile.v += kernels::panel_lanes) {
          for (int64_t i = 0; i < n_; ++i)
            for (int64_t j = 0; j < n_; ++j) {
              const int64_t h = rows_.first + row * m_ + i, w = cols_.first + col * m_ + j;
              const float*& input = inputs[i * n_ + j];
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
    const int64_t index = axis.first + tile * m_ - axis.base[number];
    return {index, static_cast<int32_t>(std::clamp<int64_t>(-index, 0, m_)),
            static_cast<int32_t>(std::clamp<int64_t>(phase.count - index, 0, m_))};
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
      const int64_t end = begin + work.rows() * m_;
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
                                                         .row = m_ * lanes_.block,
                                                         .column = lanes_.block,
                                                         .row_begin = 0,
                                                         .row_end = static_cast<int32_t>(m_),
                                                         .col_begin = 0,
                                                         .col_end = static_cast<int32_t>(m_),
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
                all[(i * m_ + j) * lanes_.block + lane];
        }
      }
    });
  }

  static constexpr int max_pixels = 32;
  static constexpr int max_block = 32;
  kernels::Scheme scheme_;
  int64_t m_, n_;
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

PackedWinograd::PackedWinograd(const kernels::Table& table, kernels::Scheme scheme, const ConvGeometry& geometry,
                               const WeightView& weight, const std::vector<float>& shift) {
  const Lanes lanes = lanes_of(geometry, table);
  const int64_t n = side_of(scheme), T = taps_of(scheme), IC = weight.IC, OC = weight.OC;
  const auto rows = static_cast<int64_t>(geometry.rows.size()), cols = static_cast<int64_t>(geometry.cols.size());
  groups_ = lanes.merged ? lanes.blocks : ceil_div(OC, lanes.block);
  phases_ = lanes.merged ? 1 : rows * cols;
  points_ = n * n;
  lanes_ = lanes.block;
  weights_.assign(static_cast<size_t>(groups_ * phases_ * points_ * IC * lanes_) + line_floats, 0.0f);
  shift_.assign(static_cast<size_t>(groups_ * lanes_) + line_floats, 0.0f);
  float *w = aligned(weights_), *s = aligned(shift_);
  shift_start_ = s;
  for (int64_t b = 0; b < groups_ * phases_ * points_; ++b)
    blocks_.push_back(
        {w + b * IC * lanes_, nullptr, 0, 0, static_cast<int32_t>(lanes_ / table.width), static_cast<int32_t>(lanes_)});

  const Axis row_axis = *axis_of(geometry.rows, T), col_axis = *axis_of(geometry.cols, T);
  const auto row_taps = window_taps(geometry.rows, row_axis, T), col_taps = window_taps(geometry.cols, col_axis, T);
  for (int64_t phase = 0; phase < phases_; ++phase)
    for (int64_t point = 0; point < points_; ++point)
      zero_.push_back(!lanes.merged && (zero_point(scheme, row_taps[static_cast<size_t>(phase / cols)], point / n) ||
                                        zero_point(scheme, col_taps[static_cast<size_t>(phase % cols)], point % n)));
  std::vector<double> g(static_cast<size_t>(T * T));
  for (int64_t phase = 0; phase < rows * cols; ++phase)
    for (int64_t oc = 0; oc < OC; ++oc) {
      const int64_t lane = lanes.merged ? phase * OC + oc : oc;
      float* block = w + (lane / lanes_ * phases_ + (lanes.merged ? 0 : phase)) * points_ * IC * lanes_ + lane % lanes_;
      s[lane] = shift[static_cast<size_t>(oc)];
      for (int64_t ic = 0; ic < IC; ++ic) {
        const float* from = weight.data + oc * weight.oc_stride + ic * weight.ic_stride;
        for (int64_t i = 0; i < T; ++i)
          for (int64_t j = 0; j < T; ++j) {
            const int64_t kh = row_taps[static_cast<size_t>(phase / cols)][static_cast<size_t>(i)];
            const int64_t kw = col_taps[static_cast<size_t>(phase % cols)][static_cast<size_t>(j)];
            g[static_cast<size_t>(i * T + j)] =
                kh < 0 || kw < 0 ? 0.0 : from[kh * geometry.KW + kw] * weight.scale[static_cast<size_t>(oc)];
          }
        with_scheme(scheme, [&](auto s) {
          using W = decltype(s);
          double half[W::n][W::T];
          for (int i = 0; i < W::n; ++i)
            for (int j = 0; j < W::T; ++j) {
              half[i][j] = 0;
              for (int t = 0; t < W::T; ++t) half[i][j] += W::G[i][t] * g[static_cast<size_t>(t * W::T + j)];
            }
          for (int i = 0; i < W::n; ++i)
            for (int j = 0; j < W::n; ++j) {
              double sum = 0;
              for (int t = 0; t < W::T; ++t) sum += half[i][t] * W::G[j][t];
              block[(i * W::n + j) * IC * lanes_ + ic * lanes_] = static_cast<float>(sum);
            }
        });
      }
    }
}

const kernels::Block* PackedWinograd::points(int64_t group, int64_t phase) const {
  return blocks_.data() + (group * phases_ + phase) * points_;
}

namespace {

/// The mean number of points of a phase that are not zero.
double points_of(kernels::Scheme scheme, const ConvGeometry& geometry, const Axis& rows, const Axis& cols,
                 bool merged) {
  const int64_t n = side_of(scheme), T = taps_of(scheme);
  if (merged) return static_cast<double>(n * n);
  const auto mean = [&](const std::vector<Phase>& phases, const Axis& axis) {
    double sum = 0;
    for (const auto& taps : window_taps(phases, axis, T))
      for (int64_t i = 0; i < n; ++i) sum += zero_point(scheme, taps, i) ? 0 : 1;
    return sum / static_cast<double>(phases.size());
  };
  return mean(geometry.rows, rows) * mean(geometry.cols, cols);
}

}  // namespace

std::string winograd_key(kernels::Scheme scheme, const ConvGeometry& geometry) {
  const int64_t T = taps_of(scheme);
  std::string key = "winograd/" + std::to_string(static_cast<int>(scheme));
  for (const auto* phases : {&geometry.rows, &geometry.cols})
    for (const auto& taps : window_taps(*phases, *axis_of(*phases, T), T)) {
      key += '/';
      for (int64_t k : taps) key += std::to_string(k) + ',';
    }
  return key;
}

// Costs are cycles of one core at two multiply-adds of a vector a cycle, for one image.
//
// Transforms: a vector through a tile takes n * n loads, as many stores and twice as many additions, about
// 4 cycles a point with its share of address arithmetic. Weights beyond half of L2 stream from L3 at about 8 bytes a
// cycle, once for every block of tiles.
std::optional<double> winograd_cost(kernels::Scheme scheme, const ConvGeometry& geometry, const kernels::Table& table,
                                    double images) {
  if (geometry.groups != 1 || geometry.in.C < 16) return {};
  const auto rows = axis_of(geometry.rows, taps_of(scheme)), cols = axis_of(geometry.cols, taps_of(scheme));
  if (!rows || !cols || rows->positions < 1 || cols->positions < 1) return {};
  const double m = static_cast<double>(outputs_of(scheme)), n = static_cast<double>(side_of(scheme));
  const double tiles =
      std::ceil(static_cast<double>(rows->positions) / m) * std::ceil(static_cast<double>(cols->positions) / m);
  const Lanes lanes = lanes_of(geometry, table);
  const double IC = static_cast<double>(geometry.in.C), width = static_cast<double>(table.width);
  const double vectors = static_cast<double>(lanes.blocks * lanes.block) / width;
  const double transforms = tiles * 4 * n * n * (IC / width + vectors);
  // Points that are not zero, over all phases, times the vectors of one phase.
  const double products = points_of(scheme, geometry, *rows, *cols, lanes.merged) * vectors;
  const double weights = products * IC * width * 4;
  const double blocks = std::max(1.0, tiles * images / static_cast<double>(most_tiles));
  const double streamed = weights > 512 * 1024 ? weights * blocks / 8 / images : 0;
  return std::max(tiles * IC * products / 2, streamed) + transforms;
}

double direct_cost(const ConvGeometry& geometry, const kernels::Table& table, double images) {
  const double width = static_cast<double>(table.width);
  const double IC = static_cast<double>(geometry.in.C / geometry.groups);
  const double OC = static_cast<double>(geometry.out.C / geometry.groups);
  double taps = 0;
  for (const Phase& row : geometry.rows)
    for (const Segment& r : row.segments)
      for (const Phase& col : geometry.cols)
        for (const Segment& c : col.segments)
          taps += static_cast<double>((r.end - r.begin) * (c.end - c.begin)) *
                  static_cast<double>(r.taps.size() * c.taps.size());
  const double vectors = std::ceil(OC / width) * static_cast<double>(geometry.groups);
  double weights = IC * OC * static_cast<double>(geometry.groups) * 4;
  double kernel = 0;
  for (const Phase& row : geometry.rows)
    for (const Phase& col : geometry.cols) {
      size_t most_row = 0, most_col = 0;
      for (const Segment& r : row.segments) most_row = std::max(most_row, r.taps.size());
      for (const Segment& c : col.segments) most_col = std::max(most_col, c.taps.size());
      kernel += static_cast<double>(most_row * most_col);
    }
  weights *= kernel;
  return std::max(taps * IC * vectors / 2, weights > 512 * 1024 ? weights / 8 / images : 0);
}

std::unique_ptr<Step> winograd_step(kernels::Scheme scheme, ConvGeometry geometry,
                                    std::shared_ptr<const PackedWinograd> packed, const kernels::Table& table,
                                    ConvContext context) {
  return std::make_unique<WinogradStep>(scheme, std::move(geometry), std::move(packed), table, context);
}

}  // namespace upconv
