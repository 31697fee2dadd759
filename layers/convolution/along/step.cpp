#include "layers/convolution/along/step.h"

#include <algorithm>

#include "layers/arithmetic.h"
#include "layers/convolution/along/tiles.h"
#include "layers/convolution/panel.h"

namespace upconv::internal {
namespace {

class AlongStep : public Step {
 public:
  AlongStep(const AlongPlan& plan, ConvGeometry geometry, std::shared_ptr<const PackedAlong> packed,
            const kernels::Table& table, ConvContext context)
      : plan_(plan),
        geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(std::move(context)),
        scheme_(static_cast<size_t>(plan.scheme)),
        planar_(planar(context_.input, geometry_.in)),
        aside_(planar(context_.output, geometry_.out)),
        channel_blocks_(ceil_div(geometry_.in.C, kernels::panel_lanes)),
        block_(2 * table.width),
        shifts_(shifts_of(geometry_.rows.front())),
        tiles_(cut({plan_, geometry_, context_, table, packed_->blocks()})) {
    for (const AlongTile& tile : tiles_) {
      rows_ = std::max(rows_, tile.rows.count());
      braids_ = std::max(braids_, tile.braids.count());
    }
    panel_ = pixels_of(braids_) * lanes;
    v_block_ = (inputs_of(braids_) * plan_.step | 1) * lanes;
    v_row_ = channel_blocks_ * v_block_;
    v_point_ = input_rows(rows_) * v_row_;
    m_point_ = rows_ * braids_ * plan_.step * block_;
    add_regions();
  }

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return along_name(plan_.scheme); }
  double flops() const override { return context_.flops; }
  size_t weight_bytes() const override { return packed_->floats().size_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override { return static_cast<size_t>(v_floats() + others_floats()) * sizeof(float); }

  void run(int64_t index, const Frame& frame) const override {
    const AlongTile& tile = tiles_[static_cast<size_t>(index)];
    auto* v = reinterpret_cast<float*>(frame.scratch);
    float* others = v + v_floats();
    transform(tile, frame, others, v);
    for (int64_t block = tile.blocks.begin; block < tile.blocks.end; ++block) {
      for (int64_t point = 0; point < plan_.size.n; ++point) multiply(tile, block, point, v, others);
      for (int64_t row = tile.rows.begin; row < tile.rows.end; ++row)
        put(tile, block, row, others, others + plan_.size.n * m_point_, frame);
    }
  }

 private:
  static constexpr int64_t lanes = kernels::panel_lanes;
  static constexpr int64_t max_pixels = 32;

  /// Rows of outputs that read the same rows of the kernel, and for each point the taps of those in the transformed
  /// inputs of the first of them.
  struct Region {
    Range rows;
    std::vector<std::vector<kernels::Tap>> taps;
  };

  /// Braids of inputs that so many braids of outputs read.
  int64_t inputs_of(int64_t braids) const { return braids + plan_.chunks - 1; }
  /// Pixels of the row that those are made of.
  int64_t pixels_of(int64_t braids) const {
    return inputs_of(braids) * plan_.outputs() + (plan_.size.T - 1) * plan_.step;
  }
  int64_t row_step() const { return geometry_.rows.front().in_step; }
  int64_t input_rows(int64_t rows) const { return (rows - 1) * row_step() + shifts_.most - shifts_.least + 1; }
  int64_t v_floats() const { return plan_.size.n * v_point_; }
  /// A row of the input, and later products and a row of outputs aside, use the same memory.
  int64_t others_floats() const {
    const int64_t aside = aside_ ? braids_ * plan_.outputs() * block_ : 0;
    return std::max(channel_blocks_ * panel_, plan_.size.n * m_point_ + aside);
  }

  void add_regions() {
    const Phase& row = geometry_.rows.front();
    for (const Segment& segment : row.segments) {
      Region region{{segment.begin, segment.end}, {}};
      for (int64_t point = 0; point < plan_.size.n; ++point) {
        std::vector<kernels::Tap>& taps = region.taps.emplace_back();
        for (const AxisTap& kh : segment.taps)
          for (int64_t chunk = 0; chunk < plan_.chunks; ++chunk)
            if (!plan_.is_zero(point, chunk))
              taps.push_back(
                  {(kh.shift - shifts_.least) * v_row_ + chunk * plan_.step * lanes, kh.k * plan_.chunks + chunk});
      }
      regions_.push_back(std::move(region));
    }
  }

  /// v[point][row][block][tile][16] of a tile's inputs, a row after another. Rows of zeros are not read by any tap, and
  /// left as they are.
  void transform(const AlongTile& tile, const Frame& frame, float* panel, float* v) const {
    const PanelSource source{table_,         geometry_.in,       planar_, geometry_.border, frame.inputs,
                             context_.parts, context_.part_types};
    const int64_t braids = tile.braids.count();
    const int64_t first = geometry_.rows.front().in_first + shifts_.least + row_step() * tile.rows.begin;
    for (int64_t r = 0; r < input_rows(tile.rows.count()); ++r, v += v_row_) {
      const int64_t h = seen_at(geometry_.border, first + r, geometry_.in.H);
      if (h < 0) continue;
      source.pack_seen({.image = tile.image,
                        .h = h,
                        .w = plan_.first + tile.braids.begin * plan_.outputs(),
                        .step = 1,
                        .count = pixels_of(braids)},
                       panel, panel_);
      for (int64_t block = 0; block < channel_blocks_; ++block)
        table_.rows_input[scheme_]({.x = panel + block * panel_,
                                    .x_row = plan_.step * lanes,
                                    .v = v + block * v_block_,
                                    .point = v_point_,
                                    .v_tile = plan_.step * lanes,
                                    .columns = plan_.step * lanes,
                                    .tiles = inputs_of(braids)});
    }
  }

  /// m[point][row][tile][oc in block] of one point.
  void multiply(const AlongTile& tile, int64_t block, int64_t point, const float* v, float* m) const {
    const kernels::Block weights = packed_->point(block, point);
    const int64_t width = int64_t{weights.vectors} * table_.width, count = tile.braids.count() * plan_.step;
    void* ys[max_pixels];
    kernels::Direct direct{.x = nullptr,
                           .pitch = v_block_,
                           .y = ys,
                           .taps = nullptr,
                           .blocks = &weights,
                           .pixels = 0,
                           .tap_count = 0,
                           .block_count = 1,
                           .IC = geometry_.in.C,
                           .ahead = lanes * width,
                           .ahead_step = width,
                           .activation = {}};
    const int64_t cuts = ceil_div(count, table_.pixels);
    for (const Region& region : regions_) {
      const std::vector<kernels::Tap>& taps = region.taps[static_cast<size_t>(point)];
      direct.taps = taps.data();
      direct.tap_count = static_cast<int64_t>(taps.size());
      const int64_t end = std::min(tile.rows.end, region.rows.end);
      for (int64_t row = std::max(tile.rows.begin, region.rows.begin); row < end; ++row) {
        const int64_t r = row - tile.rows.begin;
        float* sums = m + point * m_point_ + r * braids_ * plan_.step * block_;
        for (int64_t c = 0; c < cuts; ++c) {
          const Range part = part_of(count, c, cuts);
          direct.pixels = part.count();
          for (int64_t i = 0; i < part.count(); ++i) ys[i] = sums + (part.begin + i) * block_;
          direct.x = v + point * v_point_ + r * row_step() * v_row_ + part.begin * lanes;
          table_.direct(direct);
        }
      }
    }
  }

  /// The outputs of a block in one row.
  void put(const AlongTile& tile, int64_t block, int64_t row, const float* m, float* aside, const Frame& frame) const {
    const ImageShape& out = geometry_.out;
    const Phase &rows = geometry_.rows.front(), &cols = geometry_.cols.front();
    const int64_t first = tile.braids.begin * plan_.outputs();
    const int64_t pixels = std::min(tile.braids.end * plan_.outputs(), cols.count) - first;
    const int64_t h = rows.out_first + rows.out_step * row, w = cols.out_first + first, oc = packed_->oc(block);
    auto* y = static_cast<float*>(frame.output);
    float* pixel = aside_ ? aside : y + ((tile.image * out.H + h) * out.W + w) * out.C + oc;
    table_.along_output[scheme_]({.m = m + (row - tile.rows.begin) * braids_ * plan_.step * block_,
                                  .point = m_point_,
                                  .m_tile = block_,
                                  .y = pixel,
                                  .y_pixel = aside_ ? block_ : out.C,
                                  .step = plan_.step,
                                  .pixels = pixels,
                                  .shift = packed_->shift(block),
                                  .lanes = packed_->lanes(block),
                                  .activation = context_.activation,
                                  .residual = aside_ ? kernels::Residual{} : context_.residual_of(frame, y)});
    if (aside_)
      table_.transpose(aside, block_, y + ((tile.image * out.C + oc) * out.H + h) * out.W + w, out.H * out.W, pixels,
                       packed_->lanes(block));
  }

  AlongPlan plan_;
  ConvGeometry geometry_;
  std::shared_ptr<const PackedAlong> packed_;
  const kernels::Table& table_;
  ConvContext context_;
  size_t scheme_;
  bool planar_;  // the input is (N, C, H, W)
  bool aside_;   // the output is put aside per row and transposed from there
  int64_t channel_blocks_;
  int64_t block_;      // lanes of a whole block
  ShiftRange shifts_;  // of the rows
  std::vector<AlongTile> tiles_;
  int64_t rows_ = 1, braids_ = 1;              // of the largest tile
  int64_t panel_, v_block_, v_row_, v_point_;  // floats from one block, row or point to the next
  int64_t m_point_;
  std::vector<Region> regions_;
};

}  // namespace

std::unique_ptr<Step> along_step(const AlongPlan& plan, ConvGeometry geometry,
                                 std::shared_ptr<const PackedAlong> packed, const kernels::Table& table,
                                 ConvContext context) {
  return std::make_unique<AlongStep>(plan, std::move(geometry), std::move(packed), table, std::move(context));
}

std::string along_name(kernels::Scheme scheme) { return "along rows " + name_of(scheme); }

}  // namespace upconv::internal
