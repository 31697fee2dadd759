#include "layers/convolution/matrix/step.h"

#include <fmt/format.h>

#include <algorithm>

#include "layers/arithmetic.h"
#include "layers/convolution/matrix/cut.h"
#include "layers/convolution/matrix/panel.h"

namespace upconv::internal {
namespace {

using kernels::panel_lanes, kernels::tile_lanes, kernels::tile_lines;

class MatrixStep : public Step {
 public:
  MatrixStep(const MatrixPlan& plan, ConvGeometry geometry, std::shared_ptr<const PackedMatrix> packed,
             const kernels::Table& table, const kernels::TileKernels& tiles, int32_t parts, ConvContext context)
      : plan_(plan),
        geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        tiles_(tiles),
        parts_(parts),
        context_(std::move(context)),
        planar_in_(planar(context_.input, geometry_.in)),
        planar_out_(planar(context_.output, geometry_.out)),
        slots_(geometry_.cols.front().out_step),
        cut_(cut_of(cutting())),
        works_(works_of(cutting(), cut_)),
        lines_(plan_.rows, plan_.cols, cut_),
        panel_(tiles_, plan_, lines_, geometry_.in.C, cut_.cols, parts_) {
    for (const MatrixWork& work : works_) lanes_ = std::max(lanes_, lanes_of(work));
    const int64_t all = ceil_div(lines_.position(cut_.images - 1, cut_.rows - 1, cut_.cols), block_lines) * block_lines;
    strip_ = std::clamp(matrix_aside_budget / (lanes_ * slots_) / block_lines * block_lines, block_lines, all);
    add_taps();
  }

  int64_t tiles() const override { return static_cast<int64_t>(works_.size()); }
  std::string algorithm() const override { return matrix_name(parts_); }
  double flops() const override { return context_.flops; }
  Precision precision() const override { return table_.pairs ? Precision::bfloat16 : Precision::float32; }
  size_t weight_bytes() const override { return packed_->weight_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(panel_.floats() + panel_.spare_floats() + strip_ * slots_ * lanes_) * sizeof(float);
  }

  void run(int64_t index, const Frame& frame) const override {
    const MatrixWork& work = works_[static_cast<size_t>(index)];
    auto* panel = reinterpret_cast<float*>(frame.scratch);
    float* spare = panel + panel_.floats();
    float* aside = spare + panel_.spare_floats();
    panel_.pack({table_, geometry_.in, planar_in_, geometry_.border, frame.inputs, context_.parts, context_.part_types,
                 table_.pairs != nullptr},
                work, panel, spare);
    const kernels::ConfiguredTiles configured(tiles_);
    const int64_t positions = lines_.position(work.images.count() - 1, work.rows.count() - 1, work.cols.count());
    for (size_t row = 0; row < geometry_.rows.size(); ++row)
      each_run(positions, strip_, [&](Range strip) {
        for (size_t col = 0; col < geometry_.cols.size(); ++col) multiply(work, row, col, strip, panel, aside);
        put(work, geometry_.rows[row], strip, aside, frame);
      });
  }

 private:
  static constexpr int64_t block_lines = 2 * tile_lines;

  MatrixCutting cutting() const {
    return {geometry_, context_, plan_, parts_, static_cast<int64_t>(packed_->blocks().size())};
  }
  const MatrixBlock& block(int64_t number) const { return packed_->blocks()[static_cast<size_t>(number)]; }
  /// Lanes of the tiles of a work's outputs.
  int64_t lanes_of(const MatrixWork& work) const {
    int64_t tiles = 0;
    for (int64_t b = work.blocks.begin; b < work.blocks.end; ++b) tiles += block(b).tiles;
    return tiles * tile_lanes;
  }

  void add_taps() {
    for (const Phase& row : geometry_.rows)
      for (const Phase& col : geometry_.cols) {
        std::vector<kernels::Tap>& taps = taps_.emplace_back();
        for (const AxisTap& kh : row.taps)
          for (const AxisTap& kw : col.taps)
            taps.push_back(
                {lines_.input(row.in_first + kh.shift - plan_.rows.begin, col.in_first + kw.shift - plan_.cols.begin) *
                     panel_lanes,
                 kh.k * geometry_.KW + kw.k});
      }
  }

  /// aside[position of the strip][phase of the columns][lane]: a row's phases lie beside one another, as in the output.
  void multiply(const MatrixWork& work, size_t row, size_t col, Range strip, const float* panel, float* aside) const {
    const std::vector<kernels::Tap>& taps = taps_[row * geometry_.cols.size() + col];
    float* y = aside + geometry_.cols[col].out_first * lanes_;
    for (int64_t b = work.blocks.begin; b < work.blocks.end; y += block(b++).tiles * tile_lanes)
      each_run(strip.count(), block_lines, [&](Range part) {
        tiles_.products({.x = panel + block(b).input_block * panel_.pitch() + (strip.begin + part.begin) * panel_lanes,
                         .pitch = panel_.pitch(),
                         .x_part = panel_.part(),
                         .taps = taps.data(),
                         .tap_count = static_cast<int64_t>(taps.size()),
                         .blocks = plan_.blocks,
                         .w = block(b).w,
                         .y = y + part.begin * slots_ * lanes_,
                         .y_line = slots_ * lanes_,
                         .lines = static_cast<int32_t>(ceil_div(part.count(), tile_lines)),
                         .lanes = block(b).tiles,
                         .parts = parts_});
      });
  }

  /// Moves what is aside of a row phase to where it belongs, a run of one row of outputs at a time.
  void put(const MatrixWork& work, const Phase& row, Range strip, float* aside, const Frame& frame) const {
    for (int64_t number = strip.begin / lines_.row_lines; number * lines_.row_lines < strip.end; ++number) {
      const int64_t image = number / lines_.image_rows, r = number % lines_.image_rows,
                    first = number * lines_.row_lines;
      const Range cols{std::max<int64_t>(0, strip.begin - first), std::min(work.cols.count(), strip.end - first)};
      if (r >= work.rows.count() || work.rows.begin + r >= row.count || cols.count() <= 0) continue;
      const int64_t W = geometry_.out.W, from = std::min(W, (work.cols.begin + cols.begin) * slots_);
      const int64_t pixels = std::min(W, (work.cols.begin + cols.end) * slots_) - from;
      if (pixels <= 0) continue;
      const Run run{.image = work.images.begin + image,
                    .h = row.out_first + row.out_step * (work.rows.begin + r),
                    .w = from,
                    .pixels = pixels};
      put_run(work, run, aside + (first + cols.begin - strip.begin) * slots_ * lanes_, frame);
    }
  }

  /// Neighbours in a row of the output.
  struct Run {
    int64_t image, h, w, pixels;
  };

  /// All channels of a work, those of whole blocks together.
  void put_run(const MatrixWork& work, const Run& run, float* from, const Frame& frame) const {
    for (int64_t b = work.blocks.begin; b < work.blocks.end;) {
      const int64_t oc = block(b).oc;
      int64_t lanes = 0, tiles = 0;
      do {
        lanes += block(b).lanes;
        tiles += block(b++).tiles;
      } while (b < work.blocks.end && lanes == tiles * tile_lanes);
      if (planar_out_)
        put_planar(run, from, {oc, oc + lanes}, frame);
      else
        put_pixels(run, from, {oc, oc + lanes}, frame);
      from += tiles * tile_lanes;
    }
  }

  void put_planar(const Run& run, float* from, Range channels, const Frame& frame) const {
    const ImageShape& out = geometry_.out;
    const int64_t C = channels.count();
    each_pixels(run.pixels, lanes_ == C, [&](int64_t p, int64_t count) {
      activate(from + p * lanes_, from + p * lanes_, count, channels, context_.activation);
    });
    float* y =
        static_cast<float*>(frame.output) + ((run.image * out.C + channels.begin) * out.H + run.h) * out.W + run.w;
    table_.transpose(from, lanes_, y, out.H * out.W, run.pixels, C);
  }

  /// What is stored as bfloat16 is rounded last, from where it is aside.
  void put_pixels(const Run& run, float* from, Range channels, const Frame& frame) const {
    const ImageShape& out = geometry_.out;
    const int64_t C = channels.count();
    const int64_t first = ((run.image * out.H + run.h) * out.W + run.w) * out.C + channels.begin;
    const kernels::Residual residual = context_.residual_of(frame, frame.output);
    each_pixels(run.pixels, lanes_ == C && out.C == C, [&](int64_t p, int64_t count) {
      const int64_t at = first + p * out.C;
      float* sums = from + p * lanes_;
      float* to = context_.rounded() ? sums : static_cast<float*>(frame.output) + at;
      activate(sums, to, count, channels, residual.values ? Pointwise{} : context_.activation);
      if (residual.values) table_.affine_add(to, residual.values + at, to, count * C, 1, 0, context_.activation);
      if (context_.rounded()) table_.round(to, static_cast<uint16_t*>(frame.output) + at, count * C);
    });
  }

  /// Pixels one by one, or all at once where their channels lie together.
  template <class F>
  static void each_pixels(int64_t pixels, bool together, F f) {
    if (together) return f(0, pixels);
    for (int64_t p = 0; p < pixels; ++p) f(p, 1);
  }

  /// y = act(x + shift) of pixels whose channels lie together.
  void activate(const float* x, float* y, int64_t pixels, Range channels, const Pointwise& activation) const {
    table_.affine_channels(x, y, pixels, channels.count(), packed_->ones() + channels.begin,
                           packed_->shift() + channels.begin, activation);
  }

  MatrixPlan plan_;
  ConvGeometry geometry_;
  std::shared_ptr<const PackedMatrix> packed_;
  const kernels::Table& table_;
  const kernels::TileKernels& tiles_;
  int32_t parts_;
  ConvContext context_;
  bool planar_in_, planar_out_;
  int64_t slots_;  // outputs of a row beside one another that are of different phases
  MatrixCut cut_;
  std::vector<MatrixWork> works_;
  MatrixLines lines_;
  MatrixPanel panel_;
  int64_t lanes_ = tile_lanes;                   // of the largest work
  int64_t strip_;                                // positions whose sums are aside at a time
  std::vector<std::vector<kernels::Tap>> taps_;  // of each pair of phases
};

}  // namespace

std::string matrix_name(int32_t parts) {
  return parts == 1 ? "tiles" : fmt::format("tiles x{}", kernels::products_of(parts));
}

std::unique_ptr<Step> matrix_step(const MatrixPlan& plan, ConvGeometry geometry,
                                  std::shared_ptr<const PackedMatrix> packed, const kernels::Table& table,
                                  const kernels::TileKernels& tiles, int32_t parts, ConvContext context) {
  return std::make_unique<MatrixStep>(plan, std::move(geometry), std::move(packed), table, tiles, parts,
                                      std::move(context));
}

}  // namespace upconv::internal
