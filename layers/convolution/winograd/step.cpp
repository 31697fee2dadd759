#include "layers/convolution/winograd/step.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "layers/convolution/panel.h"
#include "layers/convolution/winograd/merged.h"

namespace upconv::internal {
namespace {

/// What one thread does at a time: a box of tiles, for some row phases and some groups of output channels.
struct Work {
  int64_t image_begin, image_end, row_begin, row_end, col_begin, col_end;
  int64_t phase_begin, phase_end;  ///< of the rows
  int64_t group_begin, group_end;
  int64_t images() const { return image_end - image_begin; }
  int64_t rows() const { return row_end - row_begin; }
  int64_t cols() const { return col_end - col_begin; }
  int64_t tiles() const { return images() * rows() * cols(); }
  /// Floats from one block of channels of the transformed inputs to the next: odd lines spread over the sets of L1.
  int64_t pitch() const { return (tiles() | 1) * kernels::panel_lanes; }
};

class WinogradStep : public Step {
 public:
  WinogradStep(const Tiling& tiling, ConvGeometry geometry, std::shared_ptr<const PackedWinograd> packed,
               const kernels::Table& table, ConvContext context)
      : tiling_(tiling),
        size_(sizes_of(tiling.scheme)),
        geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(context),
        lanes_(lanes_of(geometry_, table, tiling)),
        planar_(planar(context.input, geometry_.in)),
        aside_(!lanes_.merged && planar(context.output, geometry_.out)),
        rows_(*axis_of(geometry_.rows, tiling)),
        cols_(*axis_of(geometry_.cols, tiling)),
        channel_blocks_(ceil_div(geometry_.in.C, kernels::panel_lanes)),
        residues_(rows_.residues * cols_.residues) {
    if (lanes_.merged) merged_.emplace(geometry_, tiling, lanes_.block, context_.output);
    cut();
  }

  int64_t tiles() const override { return static_cast<int64_t>(works_.size()); }
  std::string algorithm() const override { return name_of(tiling_); }
  size_t weight_bytes() const override { return packed_->floats().size_bytes(); }
  double flops() const override { return context_.flops; }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(v_floats_ + m_floats_ + panel_floats_ + aside_floats_) * sizeof(float);
  }

  void run(int64_t index, const Frame& frame) const override {
    const Work& work = works_[static_cast<size_t>(index)];
    auto* y = static_cast<float*>(frame.output);
    auto* v = reinterpret_cast<float*>(frame.scratch);
    const Scratch scratch{v, v + v_floats_, v + v_floats_ + m_floats_, v + v_floats_ + m_floats_ + panel_floats_};
    pack_panel(work, frame, scratch.panel);
    const Target target{y, context_.residual_of(frame, y)};
    if (tiling_.by_phase)
      run_by_phase(work, target, scratch);
    else
      run_shared(work, target, scratch);
  }

 private:
  struct Scratch {
    float *v, *m, *panel, *aside;
  };
  struct Target {
    float* y;
    kernels::Residual residual;
  };

  /// Where outputs go: output (h, w) of an image, channel oc, is at
  /// base + image * image + h / row_step * row + w * pixel + oc.
  struct Aside {
    float* base;
    int64_t image, row, pixel, row_step;
    int64_t oc_begin, oc_end;
    kernels::Residual residual;
  };

  int64_t groups() const { return lanes_.merged ? lanes_.blocks : packed_->groups(); }
  int64_t points() const { return size_.n * size_.n; }
  int64_t phase_number(size_t a, size_t b) const { return static_cast<int64_t>(a * geometry_.cols.size() + b); }

  /// One transform, then group by group all phases, whose outputs lie aside together.
  void run_shared(const Work& work, const Target& target, const Scratch& scratch) const {
    transform_inputs(work, 0, 0, scratch);
    for (int64_t group = work.group_begin; group < work.group_end; ++group) {
      if (lanes_.merged) {
        for (int64_t point = 0; point < points(); ++point)
          multiply(work, group, 0, point, scratch.v, scratch.m, after(group, 0, point));
        scatter(work, group, scratch.m, target, scratch);
        continue;
      }
      const Aside aside = aside_of(work, group, group + 1, scratch);
      for (size_t a = 0; a < geometry_.rows.size(); ++a)
        for (size_t b = 0; b < geometry_.cols.size(); ++b) {
          for (int64_t point = 0; point < points(); ++point)
            multiply(work, group, phase_number(a, b), point, scratch.v, scratch.m,
                     after(group, phase_number(a, b), point));
          put(work, group, a, b, scratch.m, aside_ ? aside : in_place(target));
        }
      if (aside_)
        for (size_t a = 0; a < geometry_.rows.size(); ++a) put_back(work, a, aside, target.y);
    }
  }

  /// A transform for each phase whose windows are not those of the one before (k3s2 has the same in all), then point by
  /// point all groups, so that the inputs of a point are read from L1 or L2 and may be many, or, of lean weights, group
  /// by group all points; the outputs of a row phase lie aside together.
  void run_by_phase(const Work& work, const Target& target, const Scratch& scratch) const {
    const Aside aside = aside_of(work, work.group_begin, work.group_end, scratch);
    const auto first = static_cast<size_t>(work.phase_begin);
    size_t row = 0, col = 0;  // the phases whose windows are transformed
    for (size_t a = first; a < static_cast<size_t>(work.phase_end); ++a) {
      for (size_t b = 0; b < geometry_.cols.size(); ++b) {
        if ((a == first && b == 0) || rows_.phases[a].input != rows_.phases[row].input ||
            cols_.phases[b].input != cols_.phases[col].input) {
          if (tiling_.lean)
            transform_lean(work, a, b, scratch);
          else
            transform_inputs(work, a, b, scratch);
          row = a;
          col = b;
        }
        if (tiling_.lean)
          run_phase_lean(work, a, b, aside_ ? aside : in_place(target), scratch);
        else
          run_phase(work, a, b, aside_ ? aside : in_place(target), scratch);
      }
      if (aside_) put_back(work, a, aside, target.y);
    }
  }

  void run_phase(const Work& work, size_t a, size_t b, const Aside& to, const Scratch& scratch) const {
    const int64_t phase = phase_number(a, b), group_floats = points() * work.tiles() * lanes_.block;
    for (int64_t point = 0; point < points(); ++point)
      for (int64_t group = work.group_begin; group < work.group_end; ++group)
        multiply(work, group, phase, point, scratch.v, scratch.m + (group - work.group_begin) * group_floats,
                 group + 1 < work.group_end ? packed_->weights(group + 1, phase, point)
                                            : after(work.group_begin, phase, point));
    for (int64_t group = work.group_begin; group < work.group_end; ++group)
      put(work, group, a, b, scratch.m + (group - work.group_begin) * group_floats, to);
  }

  void run_phase_lean(const Work& work, size_t a, size_t b, const Aside& to, const Scratch& scratch) const {
    for (int64_t group = work.group_begin; group < work.group_end; ++group) {
      table_.lean_products[static_cast<int>(tiling_.scheme)]({.v = scratch.v,
                                                              .w = packed_->weights(group, phase_number(a, b)),
                                                              .m = scratch.m,
                                                              .tiles = work.tiles(),
                                                              .IC = geometry_.in.C * residues_});
      put(work, group, a, b, scratch.m, to);
    }
  }

  // Cutting.

  void cut() {
    const int64_t N = geometry_.in.N, l2 = std::min<int64_t>(l2_bytes(), 1 << 20);
    const int64_t most = most_tiles(geometry_, table_, tiling_, aside_, l2);
    const int64_t total = N * rows_.tiles * cols_.tiles, threads = context_.threads;
    // By phase a work is one row phase where that makes works enough of few tiles, or where the weights of all would
    // not stay in L3 while boxes of tiles pass by. Groups of outputs are shared out last: each part transforms inputs.
    const int64_t wanted = threads == 1 ? 1 : 2 * threads;
    const bool split = tiling_.by_phase && (packed_->floats().size_bytes() > l3_share || total < wanted * most);
    const int64_t phase_parts = split ? static_cast<int64_t>(geometry_.rows.size()) : 1;
    const int64_t run =
        std::min(most, std::max(rows_.tiles * cols_.tiles, ceil_div(total, ceil_div(wanted, phase_parts))));
    const int64_t cols = equal_parts(cols_.tiles, run);
    const int64_t rows = cols < cols_.tiles ? 1 : best_run(cols, rows_.tiles, run / cols, N * phase_parts);
    const int64_t images = rows < rows_.tiles ? 1 : best_run(rows * cols, N, run / (rows * cols), phase_parts);
    const int64_t boxes = ceil_div(N, images) * ceil_div(rows_.tiles, rows) * ceil_div(cols_.tiles, cols);
    const int64_t group_parts = std::clamp<int64_t>(ceil_div(threads, boxes * phase_parts), 1, groups());
    const auto row_phases = static_cast<int64_t>(geometry_.rows.size());
    for (int64_t group = 0; group < group_parts; ++group)
      for (int64_t phase = 0; phase < phase_parts; ++phase)
        for (int64_t image = 0; image < N; image += images)
          for (int64_t row = 0; row < rows_.tiles; row += rows)
            for (int64_t col = 0; col < cols_.tiles; col += cols)
              works_.push_back({image, std::min(N, image + images), row, std::min(rows_.tiles, row + rows), col,
                                std::min(cols_.tiles, col + cols), row_phases * phase / phase_parts,
                                row_phases * (phase + 1) / phase_parts, groups() * group / group_parts,
                                groups() * (group + 1) / group_parts});
    const Work& longest = works_.front();
    v_floats_ = points() * point_floats(longest);
    for (const Work& work : works_)
      m_floats_ = std::max(m_floats_, points() * work.tiles() * lanes_.block *
                                          (tiling_.by_phase && !tiling_.lean ? work.group_end - work.group_begin : 1));
    panel_floats_ = longest.images() * channel_blocks_ * panel_block(longest);
    for (const Work& work : works_)
      if (aside_ || lanes_.merged)
        aside_floats_ = std::max(aside_floats_, aside_ ? aside_floats(work) : merged_floats(work));
  }

  /// How many units of tiles make a work, at most `most`, so that the threads are done first with `times` runs of
  /// `total` units, one work after another: for one channel and two vectors 3 a tile and 6 a register tile.
  int64_t best_run(int64_t unit, int64_t total, int64_t most, int64_t times) const {
    const auto cost = [&](int64_t units) { return 3 * units * unit + 6 * ceil_div(units * unit, table_.pixels); };
    int64_t best = 1, least = std::numeric_limits<int64_t>::max();
    for (int64_t run = 1; run <= std::min(most, total); ++run) {
      const int64_t whole = times * (total / run), rests = total % run > 0 ? times : 0;
      const int64_t rounds = ceil_div(whole, context_.threads), free = rounds * context_.threads - whole;
      const int64_t end =
          rounds * cost(run) + ceil_div(std::max<int64_t>(0, rests - free), context_.threads) * cost(total % run);
      if (end > least) continue;
      best = run;
      least = end;
    }
    return best;
  }

  // Inputs.

  // The panel of a box: the inputs of its tiles in all phases, with what lies around the picture,
  // [image][block][row][column][16].
  int64_t panel_rows(const Work& work) const { return inputs_of(rows_, work.rows()); }
  int64_t panel_cols(const Work& work) const { return inputs_of(cols_, work.cols()); }
  int64_t inputs_of(const Axis& axis, int64_t tiles) const {
    return ((tiles - 1) * size_.m + size_.n - 1) * axis.in_step + axis.residues + spread_of(axis);
  }
  int64_t panel_block(const Work& work) const { return panel_rows(work) * panel_cols(work) * kernels::panel_lanes; }
  static int64_t first_of(const Axis& axis) {
    int64_t first = axis.phases.front().input;
    for (const Axis::Start& start : axis.phases) first = std::min(first, start.input);
    return first;
  }
  /// How far apart the phases' tiles begin.
  static int64_t spread_of(const Axis& axis) {
    int64_t last = axis.phases.front().input;
    for (const Axis::Start& start : axis.phases) last = std::max(last, start.input);
    return last - first_of(axis);
  }

  void pack_panel(const Work& work, const Frame& frame, float* panel) const {
    const ImageShape& in = geometry_.in;
    constexpr int64_t lanes = kernels::panel_lanes;
    const int64_t rows = panel_rows(work), cols = panel_cols(work), pitch = panel_block(work);
    const int64_t top = first_of(rows_) + work.row_begin * size_.m * rows_.in_step;
    const int64_t left = first_of(cols_) + work.col_begin * size_.m * cols_.in_step;
    const PanelSource source_of{table_, in, planar_, geometry_.border, frame.inputs, context_.parts};
    for (int64_t image = work.image_begin; image < work.image_end; ++image, panel += channel_blocks_ * pitch)
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t h = source(geometry_.border, top + r, in.H);
        float* row = panel + r * cols * lanes;
        if (h >= 0)
          source_of.pack_run(image, h, left, 1, cols, row, pitch);
        else
          for (int64_t block = 0; block < channel_blocks_; ++block)
            std::fill_n(row + block * pitch, cols * lanes, 0.0f);
      }
  }

  /// Floats of a point of the transformed inputs.
  int64_t point_floats(const Work& work) const { return residues_ * channel_blocks_ * work.pitch(); }

  /// The inputs of row phase a and column phase b in the panel.
  const float* panel_of(const Work& work, size_t a, size_t b, const Scratch& scratch) const {
    return scratch.panel +
           ((rows_.phases[a].input - first_of(rows_)) * panel_cols(work) + (cols_.phases[b].input - first_of(cols_))) *
               kernels::panel_lanes;
  }

  /// v[part][residue and block of channels][point][tile of the part][ic], as kernels::LeanProducts has it.
  void transform_lean(const Work& work, size_t a, size_t b, const Scratch& scratch) const {
    constexpr int64_t lanes = kernels::panel_lanes;
    const int64_t row = panel_cols(work) * lanes, tiles = work.tiles(),
                  parts = ceil_div(tiles, lean_tiles(table_, tiling_.scheme));
    const float* panel = panel_of(work, a, b, scratch);
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t begin = kernels::lean_begin(tiles, parts, part);
      const int64_t end = kernels::lean_begin(tiles, parts, part + 1);
      float* v = scratch.v + begin * points() * residues_ * channel_blocks_ * lanes;
      for (int64_t residue = 0; residue < residues_; ++residue)
        for (int64_t block = 0; block < channel_blocks_; ++block, v += points() * (end - begin) * lanes)
          for (int64_t tile = begin, run = 0; tile < end; tile += run) {  // neighbours in a row
            const int64_t image = tile / (work.rows() * work.cols());
            const int64_t r = tile / work.cols() % work.rows(), c = tile % work.cols();
            run = std::min(end - tile, work.cols() - c);
            const float* x = panel + (image * channel_blocks_ + block) * panel_block(work) +
                             residue / cols_.residues * row + residue % cols_.residues * lanes;
            table_.winograd_input[static_cast<int>(tiling_.scheme)](
                {.x = x + r * size_.m * rows_.in_step * row + c * size_.m * cols_.in_step * lanes,
                 .row = rows_.in_step * row,
                 .step = cols_.in_step,
                 .v = v + (tile - begin) * lanes,
                 .point = (end - begin) * lanes,
                 .tiles = run,
                 .channels = std::min(lanes, geometry_.in.C - block * lanes)});
          }
    }
  }

  /// v[point][tile][residue][ic] of the windows of row phase a and column phase b; where they share them, of all.
  void transform_inputs(const Work& work, size_t a, size_t b, const Scratch& scratch) const {
    constexpr int64_t lanes = kernels::panel_lanes;
    const int64_t row = panel_cols(work) * lanes;
    const float* panel = panel_of(work, a, b, scratch);
    for (int64_t image = 0; image < work.images(); ++image)
      for (int64_t block = 0; block < channel_blocks_; ++block, panel += panel_block(work))
        for (int64_t residue = 0; residue < residues_; ++residue) {
          const float* x = panel + residue / cols_.residues * row + residue % cols_.residues * lanes;
          float* v = scratch.v + (residue * channel_blocks_ + block) * work.pitch() +
                     image * work.rows() * work.cols() * lanes;
          for (int64_t r = 0; r < work.rows(); ++r)
            table_.winograd_input[static_cast<int>(tiling_.scheme)](
                {.x = x + r * size_.m * rows_.in_step * row,
                 .row = rows_.in_step * row,
                 .step = cols_.in_step,
                 .v = v + r * work.cols() * lanes,
                 .point = point_floats(work),
                 .tiles = work.cols(),
                 .channels = std::min(lanes, geometry_.in.C - block * lanes)});
        }
  }

  /// The weights of the point that is multiplied next, in the phase that follows after the last one.
  const float* after(int64_t group, int64_t phase, int64_t point) const {
    do ++point;
    while (point < points() && packed_->channels(phase, point) == 0);
    return packed_->weights(group, phase, point);
  }

  /// m[point][tile][lane] of one point; asks for the weights at `next` meanwhile.
  void multiply(const Work& work, int64_t group, int64_t phase, int64_t point, const float* v, float* m,
                const float* next) const {
    float* sums = m + point * work.tiles() * lanes_.block;
    const int64_t channels = packed_->channels(phase, point);
    if (channels == 0)
      std::fill_n(sums, work.tiles() * lanes_.block, 0.0f);
    else
      table_.products({.v = v + point * point_floats(work),
                       .pitch = work.pitch(),
                       .w = packed_->weights(group, phase, point),
                       .m = sums,
                       .tiles = work.tiles(),
                       .IC = channels,
                       .vectors = static_cast<int32_t>(lanes_.block / table_.width),
                       .next = next});
  }

  // Outputs.

  Aside in_place(const Target& target) const {
    const ImageShape& out = geometry_.out;
    return {target.y, out.H * out.W * out.C, out.W * out.C, out.C, 1, 0, out.C, target.residual};
  }

  /// The outputs of a run of tiles of an axis, as far as they exist.
  struct Range {
    int64_t begin, end;
    int64_t count() const { return end - begin; }
  };
  Range outputs_of(const Axis& axis, int64_t begin, int64_t end, int64_t size) const {
    const int64_t step = size_.m * axis.out_step;
    return {std::clamp<int64_t>(axis.out_first + begin * step, 0, size),
            std::clamp<int64_t>(axis.out_first + end * step, 0, size)};
  }
  Range output_rows(const Work& work) const { return outputs_of(rows_, work.row_begin, work.row_end, geometry_.out.H); }
  Range output_cols(const Work& work) const { return outputs_of(cols_, work.col_begin, work.col_end, geometry_.out.W); }

  /// The box's outputs aside, [image][row][column][lane]; by phase one row phase at a time.
  Aside aside_of(const Work& work, int64_t group_begin, int64_t group_end, const Scratch& scratch) const {
    const Range rows = output_rows(work), cols = output_cols(work);
    const int64_t step = tiling_.by_phase ? rows_.out_step : 1;
    const int64_t oc = group_begin * lanes_.block, pixel = (group_end - group_begin) * lanes_.block;
    const int64_t row = cols.count() * pixel, image = ceil_div(rows.count(), step) * row;
    return {scratch.aside - work.image_begin * image - rows.begin / step * row - cols.begin * pixel - oc,
            image,
            row,
            pixel,
            step,
            oc,
            std::min(geometry_.out.C, group_end * lanes_.block),
            {}};
  }
  int64_t aside_floats(const Work& work) const {
    const int64_t groups = tiling_.by_phase ? work.group_end - work.group_begin : 1;
    const int64_t rows = ceil_div(output_rows(work).count(), tiling_.by_phase ? rows_.out_step : 1);
    return work.images() * rows * output_cols(work).count() * groups * lanes_.block;
  }

  /// The positions of a tile that a phase has: those whose index, from that of the tile's first one on, exists.
  struct Positions {
    int64_t index;
    int32_t begin, end;
  };
  Positions positions_of(const Axis& axis, const Phase& phase, size_t number, int64_t tile) const {
    const int64_t index = axis.phases[number].index + tile * size_.m;
    return {index, static_cast<int32_t>(std::clamp<int64_t>(-index, 0, size_.m)),
            static_cast<int32_t>(std::clamp<int64_t>(phase.count - index, 0, size_.m))};
  }

  /// Calls f(image, row, column) for the tiles of a box, in order.
  template <class F>
  static void each_tile(const Work& work, F f) {
    for (int64_t image = work.image_begin; image < work.image_end; ++image)
      for (int64_t row = work.row_begin; row < work.row_end; ++row)
        for (int64_t col = work.col_begin; col < work.col_end; ++col) f(image, row, col);
  }

  /// Outputs of row phase a and column phase b.
  void put(const Work& work, int64_t group, size_t a, size_t b, const float* m, const Aside& to) const {
    const Phase &row_phase = geometry_.rows[a], &col_phase = geometry_.cols[b];
    const int64_t oc = group * lanes_.block;
    kernels::WinogradOutput output{.m = m,
                                   .point = work.tiles() * lanes_.block,
                                   .y = nullptr,
                                   .row = row_phase.out_step / to.row_step * to.row,
                                   .column = col_phase.out_step * to.pixel,
                                   .row_begin = 0,
                                   .row_end = 0,
                                   .col_begin = 0,
                                   .col_end = 0,
                                   .shift = packed_->shift(group),
                                   .lanes = static_cast<int32_t>(std::min(lanes_.block, geometry_.out.C - oc)),
                                   .activation = context_.activation,
                                   .residual = to.residual};
    each_tile(work, [&](int64_t image, int64_t row, int64_t col) {
      const Positions r = positions_of(rows_, row_phase, a, row), c = positions_of(cols_, col_phase, b, col);
      const int64_t h = row_phase.out_first + row_phase.out_step * r.index;
      output.y = to.base + image * to.image + h / to.row_step * to.row +
                 (col_phase.out_first + col_phase.out_step * c.index) * to.pixel + oc;
      output.row_begin = r.begin;
      output.row_end = r.end;
      output.col_begin = c.begin;
      output.col_end = c.end;
      table_.winograd_output[static_cast<int>(tiling_.scheme)](output);
      output.m += lanes_.block;
    });
  }

  /// Moves the rows of row phase a that lie aside into (N, C, H, W).
  void put_back(const Work& work, size_t a, const Aside& from, float* y) const {
    const ImageShape& out = geometry_.out;
    const Phase& phase = geometry_.rows[a];
    const Range rows = output_rows(work), cols = output_cols(work);
    const int64_t first =
        rows.begin + ((phase.out_first - rows.begin) % phase.out_step + phase.out_step) % phase.out_step;
    for (int64_t image = work.image_begin; image < work.image_end; ++image)
      for (int64_t h = first; h < rows.end; h += phase.out_step)
        table_.transpose(
            from.base + image * from.image + h / from.row_step * from.row + cols.begin * from.pixel + from.oc_begin,
            from.pixel, y + ((image * out.C + from.oc_begin) * out.H + h) * out.W + cols.begin, out.H * out.W,
            cols.count(), from.oc_end - from.oc_begin);
  }

  /// Outputs of merged phases, a row of tiles at a time: aside first, [row][column][lane], from where each lane, a
  /// channel of a phase, goes to pixels of its own.
  void scatter(const Work& work, int64_t group, const float* m, const Target& target, const Scratch& scratch) const {
    const int64_t row = work.cols() * size_.m * lanes_.block;
    kernels::WinogradOutput output{.m = m,
                                   .point = work.tiles() * lanes_.block,
                                   .y = nullptr,
                                   .row = row,
                                   .column = lanes_.block,
                                   .row_begin = 0,
                                   .row_end = static_cast<int32_t>(size_.m),
                                   .col_begin = 0,
                                   .col_end = static_cast<int32_t>(size_.m),
                                   .shift = packed_->shift(group),
                                   .lanes = static_cast<int32_t>(lanes_.block),
                                   .activation = context_.activation};
    float *values = scratch.aside, *others = values + size_.m * row;
    if (context_.residual) output.residual = {others, values};
    for (int64_t image = work.image_begin; image < work.image_end; ++image)
      for (int64_t tiles = work.row_begin; tiles < work.row_end; ++tiles) {
        const TileRow row_of{group, tiles, work.col_begin, work.col_end};
        const int64_t start = image * geometry_.out.C * geometry_.out.H * geometry_.out.W;
        if (context_.residual) merged_->get(row_of, target.residual.values + start, others);
        for (int64_t col = 0; col < work.cols(); ++col, output.m += lanes_.block) {
          output.y = values + col * size_.m * lanes_.block;
          table_.winograd_output[static_cast<int>(tiling_.scheme)](output);
        }
        merged_->put(row_of, values, target.y + start);
      }
  }
  int64_t merged_floats(const Work& work) const {
    return work.cols() * size_.m * size_.m * lanes_.block * (context_.residual ? 2 : 1);
  }

  static constexpr size_t l3_share = 4 << 20;  // bytes of weights that stay in L3 beside what else is there
  Tiling tiling_;
  SchemeSize size_;
  ConvGeometry geometry_;
  std::shared_ptr<const PackedWinograd> packed_;
  const kernels::Table& table_;
  ConvContext context_;
  Lanes lanes_;
  bool planar_;  // the input is (N, C, H, W)
  bool aside_;   // the output is put aside and transposed from there
  Axis rows_, cols_;
  int64_t channel_blocks_, residues_;
  std::optional<MergedOutputs> merged_;  // where phases are
  std::vector<Work> works_;
  int64_t v_floats_ = 0, m_floats_ = 0, panel_floats_ = 0, aside_floats_ = 0;
};

}  // namespace

std::unique_ptr<Step> winograd_step(const Tiling& tiling, ConvGeometry geometry,
                                    std::shared_ptr<const PackedWinograd> packed, const kernels::Table& table,
                                    ConvContext context) {
  return std::make_unique<WinogradStep>(tiling, std::move(geometry), std::move(packed), table, context);
}

}  // namespace upconv::internal
