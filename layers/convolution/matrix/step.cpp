#include "layers/convolution/matrix/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

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
        slots_(plan_.together ? 1 : geometry_.cols.front().out_step),
        works_(works_of(cutting())),
        lines_(plan_.rows, plan_.cols, works_.cut),
        panel_(tiles_, plan_, lines_, geometry_.in.C, works_.cut.cols, parts_) {
    const std::span<const float> shift(packed_->shift(),
                                       static_cast<size_t>(geometry_.out.C * packed_->order().phases));
    has_shift_ = std::ranges::any_of(shift, [](float x) { return x != 0; });
    at_once_ = std::max<int64_t>(1, matrix_weights_budget / std::max<int64_t>(1, weights_of_block(cutting())));
    for (const MatrixWork& work : works_.all)
      most_blocks_ = std::max(most_blocks_, std::min(at_once_, work.blocks.count()));
    const MatrixCut& cut = works_.cut;
    strip_ = strip_of({lines_, cut.images, cut.rows, cut.cols});
    add_taps();
  }

  int64_t tiles() const override { return static_cast<int64_t>(works_.all.size()); }
  std::string algorithm() const override { return matrix_name(parts_); }
  double flops() const override { return context_.flops; }
  Precision precision() const override { return table_.pairs ? Precision::bfloat16 : Precision::float32; }
  size_t weight_bytes() const override { return packed_->weight_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(panel_.floats() + panel_.spare_floats() + most_blocks_ * block_sums()) * sizeof(float);
  }

  void run(int64_t index, const Frame& frame) const override {
    const MatrixWork& work = works_.all[static_cast<size_t>(index)];
    auto* panel = reinterpret_cast<float*>(frame.scratch);
    float* spare = panel + panel_.floats();
    float* aside = spare + panel_.spare_floats();
    panel_.pack({table_, geometry_.in, planar_in_, geometry_.border, frame.inputs, context_.parts, context_.part_types,
                 table_.pairs != nullptr},
                work, panel, spare);
    const kernels::ConfiguredTiles configured(tiles_);
    const MatrixTiles tiles(lines_, work.images.count(), work.rows.count(), work.cols.count());
    each_run(work.blocks.count(), at_once_, [&](Range blocks) {
      MatrixWork part = work;
      part.blocks = {work.blocks.begin + blocks.begin, work.blocks.begin + blocks.end};
      each_run(tiles.positions, std::min(strip_, strip_of(tiles)), [&](Range strip) {
        for (size_t pass = 0; pass < taps_.size(); ++pass) multiply(part, pass, tiles, strip, panel, aside);
        put(part, tiles, strip, aside, frame);
      });
    });
  }

 private:
  static constexpr int64_t block_lines = 2 * tile_lines, block_lanes = 2 * tile_lanes, quad = 4;

  MatrixCutting cutting() const {
    return {geometry_, context_, plan_, parts_, static_cast<int64_t>(packed_->blocks().size())};
  }
  /// Positions whose sums are aside at a time: whole rows where these have tiles of their own, so that no run of
  /// outputs is cut in two.
  int64_t strip_of(const MatrixTiles& tiles) const {
    const int64_t most = matrix_aside_budget / (most_blocks_ * block_lanes * slots_ * row_phases()),
                  all = ceil_div(tiles.positions, block_lines) * block_lines;
    const int64_t two_rows = std::lcm(tiles.row_positions, block_lines);
    const int64_t part = tiles.by_rows && two_rows <= most ? two_rows : block_lines;
    return std::clamp(most / part * part, part, std::max(part, all));
  }
  const MatrixBlock& block(int64_t number) const { return packed_->blocks()[static_cast<size_t>(number)]; }
  /// What the sums of a block begin with.
  const float* shift(const MatrixBlock& block) const { return has_shift_ ? packed_->shift() + block.oc : nullptr; }

  void add_taps() {
    const TapOrder& order = packed_->order();
    for (size_t pass = 0; pass < order.firsts.size(); ++pass) {
      std::vector<int64_t>& taps = taps_.emplace_back();
      for (int64_t i = 0; i < order.counts[pass]; ++i) {
        const auto [row, col] = order.inputs[static_cast<size_t>(order.firsts[pass] + i)];
        taps.push_back(lines_.input(row - plan_.rows.begin, col - plan_.cols.begin) * panel_lanes);
      }
    }
  }

  int64_t row_phases() const { return plan_.together ? 1 : static_cast<int64_t>(geometry_.rows.size()); }
  /// Floats of a row phase's sums of a block of outputs, and of all row phases'.
  int64_t phase_sums() const { return strip_ * slots_ * block_lanes; }
  int64_t block_sums() const { return row_phases() * phase_sums(); }

  /// aside[block][phase of the rows][position of the strip][phase of the columns][lane]: the phases of a row of outputs
  /// lie beside one another, as in the output. Phases that are together share lanes.
  void multiply(const MatrixWork& work, size_t pass, const MatrixTiles& tiles, Range strip, const float* panel,
                float* aside) const {
    const size_t row = pass / geometry_.cols.size(), col = pass % geometry_.cols.size();
    const std::vector<int64_t>& taps = taps_[pass];
    const auto tap_count = static_cast<int64_t>(taps.size());
    const int64_t y_line = slots_ * block_lanes;
    float* y = aside + static_cast<int64_t>(row) * phase_sums() +
               (plan_.together ? 0 : geometry_.cols[col].out_first * block_lanes);
    for (int64_t b = work.blocks.begin; b < work.blocks.end; ++b, y += block_sums())
      each_run(plan_.blocks, channels_at_once(strip, tap_count), [&](Range channels) {
        MatrixTileLines of_tiles(tiles, lines_, strip.begin);
        each_run(strip.count(), lines_at_once(block(b)), [&](Range part) {
          const int64_t line = of_tiles.next();
          kernels::TileProducts products{
              .x = panel + (block(b).input_block + channels.begin) * panel_.pitch() + line * panel_lanes,
              .x_tiles = {},
              .pitch = panel_.pitch(),
              .x_part = panel_.part(),
              .taps = taps.data(),
              .tap_count = tap_count,
              .blocks = channels.count(),
              .w = block(b).w + (packed_->order().firsts[pass] * plan_.blocks + channels.begin * tap_count) * parts_ *
                                    block(b).tiles * kernels::tile_words,
              .y = y + part.begin * y_line,
              .y_line = y_line,
              .lines = static_cast<int32_t>(ceil_div(part.count(), tile_lines)),
              .lanes = block(b).tiles,
              .parts = parts_,
              .first = channels.begin > 0 ? y + part.begin * y_line : shift(block(b)),
              .first_line = channels.begin > 0 ? y_line : 0};
          for (int32_t tile = 1; tile < products.lines; ++tile)
            products.x_tiles[tile] = (of_tiles.next() - line) * panel_lanes;
          tiles_.products(products);
        });
      });
  }

  /// Positions that are multiplied at once.
  int64_t lines_at_once(const MatrixBlock& block) const {
    return tile_lines * (parts_ == 1 && block.tiles == 1 ? kernels::most_tiles_by_one : kernels::most_tiles_by_two);
  }

  /// Blocks of 32 channels whose weights all positions of a strip find in L1, between which sums are aside: for
  /// bfloat16 alone, as parts multiply six times what they load. 256-128 k4s2 64x64 in bfloat16: 1,840 GFLOP/s in the
  /// place of 1,500.
  int64_t channels_at_once(Range strip, int64_t taps) const {
    constexpr int64_t near = 32 << 10;
    const int64_t weights = taps * 2 * kernels::tile_words * static_cast<int64_t>(sizeof(float));
    if (parts_ > 1 || strip.count() <= block_lines || weights * plan_.blocks <= near) return plan_.blocks;
    return equal_parts(plan_.blocks, std::max<int64_t>(1, near / weights));
  }

  /// Neighbours in a row of the output.
  struct Run {
    int64_t image, h, w, pixels;
  };

  /// Calls row(image, row of positions, columns of them, where the first block's sums for these are aside) for each row
  /// of positions of a strip; rows and columns count from the first of all.
  template <class EachRow>
  void each_row_of_positions(const MatrixWork& work, const MatrixTiles& tiles, Range strip, float* aside,
                             EachRow&& row) const {
    for (int64_t number = strip.begin / tiles.row_positions; number * tiles.row_positions < strip.end; ++number) {
      const int64_t image = number / tiles.image_rows, r = number % tiles.image_rows,
                    first = number * tiles.row_positions;
      const Range cols{std::max<int64_t>(0, strip.begin - first), std::min(work.cols.count(), strip.end - first)};
      if (r >= work.rows.count() || cols.count() <= 0) continue;
      row(work.images.begin + image, work.rows.begin + r,
          Range{work.cols.begin + cols.begin, work.cols.begin + cols.end},
          aside + (first + cols.begin - strip.begin) * slots_ * block_lanes);
    }
  }

  /// Calls run(outputs, where the first block's sums for them are aside) for each row of outputs of a strip: those of
  /// all phases, so that rows are written that lie beside one another.
  template <class EachRun>
  void each_row(const MatrixWork& work, const MatrixTiles& tiles, Range strip, float* aside, EachRun&& run) const {
    each_row_of_positions(work, tiles, strip, aside, [&](int64_t image, int64_t r, Range cols, float* sums) {
      const int64_t W = geometry_.out.W, from = std::min(W, cols.begin * slots_);
      const int64_t pixels = std::min(W, cols.end * slots_) - from;
      for (const Phase& row : geometry_.rows) {
        if (pixels > 0 && r < row.count)
          run(Run{.image = image, .h = row.out_first + row.out_step * r, .w = from, .pixels = pixels}, sums);
        sums += phase_sums();
      }
    });
  }

  /// Moves what is aside to where it belongs, the rows of all phases in turn. 64 planes of 128 x 128 are stored in 0.17
  /// ms so; in 0.25 where each phase has all of its rows first, between which the processor fetches the other one's.
  void put(const MatrixWork& work, const MatrixTiles& tiles, Range strip, float* aside, const Frame& frame) const {
    if (plan_.together) return put_together(work, tiles, strip, aside, frame);
    if (planar_out_) {
      for (int64_t b = work.blocks.begin; b < work.blocks.end; ++b, aside += block_sums())
        each_row(work, tiles, strip, aside,
                 [&](const Run& run, const float* from) { put_planar(run, from, block(b), frame); });
      return;
    }
    each_row(work, tiles, strip, aside, [&](const Run& run, const float* from) {
      for (int64_t b = work.blocks.begin; b < work.blocks.end; ++b, from += block_sums())
        put_pixels(run, from, block(b), frame);
    });
  }

  /// Of phases that are together, a row's outputs of a channel lie in neighbouring lanes, as many as it has phases.
  void put_together(const MatrixWork& work, const MatrixTiles& tiles, Range strip, float* aside,
                    const Frame& frame) const {
    constexpr int64_t some = 64;
    const ImageShape& out = geometry_.out;
    const auto phases = static_cast<int64_t>(geometry_.cols.size());
    each_row_of_positions(work, tiles, strip, aside, [&](int64_t image, int64_t r, Range cols, const float* sums) {
      for (const Phase& row : geometry_.rows) {
        if (r < row.count)
          for (int64_t oc = 0; oc < out.C; ++oc) {
            const int64_t h = row.out_first + row.out_step * r;
            float* y = static_cast<float*>(frame.output) + ((image * out.C + oc) * out.H + h) * out.W;
            for (int64_t p = cols.begin; p < cols.end; p += some) {
              const int64_t positions = std::min(some, cols.end - p), w = p * phases;
              if (w >= out.W) break;
              float pixels[some * tile_lanes];
              const float* from = sums + (p - cols.begin) * block_lanes + oc * phases;
              phases == 2 ? gather<2>(from, positions, pixels) : gather(from, positions, phases, pixels);
              table_.activate(pixels, y + w, std::min(positions * phases, out.W - w), context_.activation);
            }
          }
        sums += out.C * phases;
      }
    });
  }
  /// The lanes from `from` on of each position, one after another.
  static void gather(const float* from, int64_t positions, int64_t lanes, float* to) {
    for (int64_t p = 0; p < positions; ++p) std::copy_n(from + p * block_lanes, lanes, to + p * lanes);
  }
  template <int64_t lanes>
  static void gather(const float* from, int64_t positions, float* to) {
    for (int64_t p = 0; p < positions; ++p) std::memcpy(to + p * lanes, from + p * block_lanes, lanes * sizeof(float));
  }

  void put_planar(const Run& run, const float* from, const MatrixBlock& block, const Frame& frame) const {
    const ImageShape& out = geometry_.out;
    const Pointwise& act = context_.activation;
    const int64_t plane = out.H * out.W;
    float* y = static_cast<float*>(frame.output) + (run.image * out.C + block.oc) * plane + run.h * out.W + run.w;
    if (block.lanes < quad) return put_few_planes(run.pixels, from, block.lanes, y);
    table_.transpose(from, block_lanes, y, plane, run.pixels, block.lanes);
    if (act.kind == Pointwise::identity) return;
    for (int64_t c = 0; c < block.lanes; ++c) table_.activate(y + c * plane, y + c * plane, run.pixels, act);
  }

  /// Up to three planes, as a picture's red, green and blue, are turned in quads with what lies beside them.
  void put_few_planes(int64_t pixels, const float* from, int64_t planes, float* y) const {
    constexpr int64_t some = 64;
    float turned[quad * some];
    for (int64_t p = 0; p < pixels; p += some) {
      const int64_t count = std::min(some, pixels - p);
      table_.transpose(from + p * block_lanes, block_lanes, turned, some, count, quad);
      for (int64_t c = 0; c < planes; ++c)
        table_.activate(turned + c * some, y + c * geometry_.out.H * geometry_.out.W + p, count, context_.activation);
    }
  }

  void put_pixels(const Run& run, const float* from, const MatrixBlock& block, const Frame& frame) const {
    static constexpr float zeros[block_lanes] = {};
    const ImageShape& out = geometry_.out;
    const int64_t first = ((run.image * out.H + run.h) * out.W + run.w) * out.C + block.oc;
    const kernels::Residual residual = context_.residual_of(frame, frame.output);
    table_.add_pixels({.x = from,
                       .x_stride = block_lanes,
                       .added = residual.values ? residual.values + first : zeros,
                       .added_stride = residual.values ? out.C : 0,
                       .y = context_.output_at(frame.output, first),
                       .y_stride = out.C,
                       .stored = context_.rounded(),
                       .pixels = run.pixels,
                       .channels = block.lanes},
                      context_.activation);
  }

  MatrixPlan plan_;
  ConvGeometry geometry_;
  std::shared_ptr<const PackedMatrix> packed_;
  const kernels::Table& table_;
  const kernels::TileKernels& tiles_;
  int32_t parts_;
  ConvContext context_;
  bool planar_in_, planar_out_;
  bool has_shift_;
  int64_t slots_;  // outputs of a row beside one another that are of different phases
  MatrixWorks works_;
  MatrixLines lines_;
  MatrixPanel panel_;
  int64_t at_once_ = 1;                     // blocks whose weights stay in L2 while all positions pass
  int64_t most_blocks_ = 1;                 // of a work, at once
  int64_t strip_;                           // positions whose sums are aside at a time
  std::vector<std::vector<int64_t>> taps_;  // of each pass
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
