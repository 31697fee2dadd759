#include "layers/convolution/direct/step.h"

#include <algorithm>
#include <optional>

#include "layers/arithmetic.h"
#include "layers/convolution/direct/tiles.h"

namespace upconv::internal {
namespace {

class DirectStep : public Step {
 public:
  DirectStep(ConvGeometry geometry, std::shared_ptr<const PackedDirect> packed, const kernels::Table& table,
             ConvContext context)
      : geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        context_(std::move(context)),
        planar_(planar(context_.input, geometry_.in)),
        aside_(planar(context_.output, geometry_.out)),
        lanes_(2 * table.width),
        channel_blocks_(ceil_div(geometry_.in.C, kernels::panel_lanes * table.in_word())),
        IC_(ceil_div(geometry_.in.C / geometry_.groups, table.in_word())),
        window_(window_of(geometry_, planar_, packed_->finite(), context_.threads, table)),
        pitch_(window_ ? window_->pitch : table.pixels * kernels::panel_lanes),
        pairs_(phase_pairs(geometry_, window_, packed_->finite(), channel_blocks_ * pitch_, table)),
        tiles_(cut({geometry_, context_, table, *packed_, window_, aside_})) {
    make_room();
    count_weights();
  }

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return "direct"; }
  size_t weight_bytes() const override { return weight_bytes_; }
  double flops() const override { return context_.flops; }
  Precision precision() const override {
    return table_.pairs || packed_->halved() ? Precision::bfloat16 : Precision::float32;
  }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override { return static_cast<size_t>(aside_floats_ + panel_floats_) * sizeof(float); }

  void run(int64_t index, const Frame& frame) const override {
    const DirectTile& tile = tiles_[static_cast<size_t>(index)];
    auto* panel = reinterpret_cast<float*>(frame.scratch);
    if (window_)
      window_->pack(source_of(frame), tile.images.begin, window_->first(tile.rows.begin),
                    window_->rows(tile.rows.count()), tile.cols.begin, panel, panel + panel_floats_ - window_->row);
    for (int64_t phase = tile.phases.begin; phase < tile.phases.end; ++phase) {
      const Phase& row = geometry_.rows[static_cast<size_t>(phase)];
      const Output output = aside_ ? output_aside(tile, panel + panel_floats_) : output_in_place(tile, row, frame);
      for (size_t col = 0; col < geometry_.cols.size(); ++col) {
        const size_t number = static_cast<size_t>(phase) * geometry_.cols.size() + col;
        const int64_t ahead = ahead_of(index, number);
        for (const Region& region : pairs_[number].regions)
          if (window_)
            run_in_window(tile, pairs_[number], region, panel, output);
          else
            run_gathered(tile, pairs_[number], region, frame, panel, output, ahead);
      }
      if (aside_) put_back(tile, row, output, static_cast<float*>(frame.output));
    }
  }

 private:
  /// Where a tile's outputs of its first channel go: in elements, image, row and column say how far apart, a row being
  /// a position of the tile's row phase.
  struct Output {
    void* memory;
    int64_t first;  ///< of image 0, row 0, column 0, which need not exist
    int64_t image, row, column;
    kernels::Residual residual;

    int64_t at(int64_t i, int64_t r, int64_t c) const { return first + i * image + r * row + c * column; }
  };

  void make_room() {
    for (const DirectTile& tile : tiles_) {
      const int64_t rows = tile.rows.count();
      if (aside_)
        aside_floats_ = std::max(
            aside_floats_, tile.images.count() * rows * columns_of(geometry_, tile.cols).count() * lanes_of(tile));
      if (window_) panel_floats_ = std::max(panel_floats_, window_->floats(rows));
    }
    if (window_) return;
    for (const PhasePair& pair : pairs_)
      for (const Region& region : pair.regions)
        panel_floats_ = std::max(panel_floats_, static_cast<int64_t>(region.taps.size()) * channel_blocks_ * pitch_);
  }

  /// Taps that no position reads are not read, as most of them at 1x1 inputs with padding.
  void count_weights() {
    std::vector<bool> used(static_cast<size_t>(packed_->taps()));
    for (const PhasePair& pair : pairs_)
      for (const Region& region : pair.regions)
        for (const kernels::Tap& tap : region.taps) used[static_cast<size_t>(tap.index)] = true;
    weight_bytes_ = packed_->bytes() / used.size() * static_cast<size_t>(std::count(used.begin(), used.end(), true));
  }

  const kernels::Block* blocks_of(const DirectTile& tile) const { return packed_->blocks().data() + tile.blocks.begin; }
  int64_t first_channel(const DirectTile& tile) const { return blocks_of(tile)->oc; }
  int64_t lanes_of(const DirectTile& tile) const {
    const kernels::Block& last = packed_->blocks()[static_cast<size_t>(tile.blocks.end) - 1];
    return last.oc + last.lanes - first_channel(tile);
  }

  Output output_in_place(const DirectTile& tile, const Phase& row, const Frame& frame) const {
    const ImageShape& out = geometry_.out;
    return {.memory = frame.output,
            .first = row.out_first * out.W * out.C + first_channel(tile),
            .image = out.H * out.W * out.C,
            .row = row.out_step * out.W * out.C,
            .column = out.C,
            .residual = context_.residual_of(frame, frame.output)};
  }
  Output output_aside(const DirectTile& tile, float* memory) const {
    const Range columns = columns_of(geometry_, tile.cols);
    const int64_t channels = lanes_of(tile), row = columns.count() * channels, image = tile.rows.count() * row;
    return {.memory = memory,
            .first = -(tile.images.begin * image + tile.rows.begin * row + columns.begin * channels),
            .image = image,
            .row = row,
            .column = channels,
            .residual = {}};
  }

  PanelSource source_of(const Frame& frame) const {
    return {table_,
            geometry_.in,
            planar_,
            geometry_.border,
            frame.inputs,
            context_.parts,
            context_.part_types,
            table_.pairs != nullptr};
  }

  /// How many floats after a pair's weights those lie, about, that this thread should need next: the next pair's, or
  /// those of the next tile that it should get.
  int64_t ahead_of(int64_t index, size_t number) const {
    const int64_t following = std::min(index + context_.threads, tiles() - 1);
    const DirectTile &tile = tiles_[static_cast<size_t>(index)], &next = tiles_[static_cast<size_t>(following)];
    const int64_t block = static_cast<int64_t>(packed_->bytes() / sizeof(float) / packed_->blocks().size());
    const PhasePair& pair = pairs_[number];
    const bool last = pair.col == &geometry_.cols.back();
    const PhasePair& after = pairs_[last ? static_cast<size_t>(next.phases.begin) * geometry_.cols.size() : number + 1];
    return (after.first_tap - pair.first_tap) * IC_ / (packed_->halved() ? 2 : 1) * lanes_ +
           (last ? next.blocks.begin - tile.blocks.begin : 0) * block;
  }

  /// Asks for weights 16 channels ahead.
  kernels::Direct direct_of(const DirectTile& tile, const Region& region, const float* panel, void* const* ys,
                            const Output& output) const {
    return {.x = panel,
            .pitch = pitch_,
            .y = ys,
            .taps = region.taps.data(),
            .blocks = blocks_of(tile),
            .pixels = 0,
            .tap_count = static_cast<int64_t>(region.taps.size()),
            .block_count = tile.blocks.count(),
            .IC = IC_,
            .ahead = kernels::panel_lanes * lanes_,
            .ahead_step = lanes_,
            .activation = context_.activation,
            .residual = output.residual,
            .rounded = context_.rounded()};
  }

  void* output_at(const PhasePair& pair, const Output& output, int64_t image, int64_t row, int64_t col) const {
    return context_.output_at(output.memory, output.at(image, row, pair.col->out_first + pair.col->out_step * col));
  }

  void run_in_window(const DirectTile& tile, const PhasePair& pair, const Region& region, const float* panel,
                     const Output& output) const {
    void* ys[max_pixels];
    kernels::Direct direct = direct_of(tile, region, nullptr, ys, output);
    const Range cols{std::max(tile.cols.begin, region.cols.begin), std::min(tile.cols.end, region.cols.end)};
    if (cols.count() <= 0) return;
    const int64_t cuts = ceil_div(cols.count(), table_.pixels);
    const int64_t begin = std::max(tile.rows.begin, region.rows.begin);
    const int64_t end = std::min(tile.rows.end, region.rows.end);
    for (int64_t row = begin; row < end; ++row)
      for (int64_t c = 0; c < cuts; ++c) {
        const auto [part_begin, part_end] = part_of(cols.count(), c, cuts);
        const int64_t first = cols.begin + part_begin;
        direct.pixels = part_end - part_begin;
        for (int64_t i = 0; i < direct.pixels; ++i) ys[i] = output_at(pair, output, tile.images.begin, row, first + i);
        direct.x = panel +
                   (pair.row->in_first + window_->row_step * row - window_->first(tile.rows.begin)) * window_->row +
                   (first - tile.cols.begin) * kernels::panel_lanes;
        (packed_->halved() ? table_.direct_halved : table_.direct)(direct);
      }
  }

  /// Positions of all rows and images strung together; the inputs of each tap are gathered side by side. Where that
  /// takes several register tiles, each asks for its part of the weights that come `ahead` floats later, so that memory
  /// and multiply-adds are at work at the same time.
  void run_gathered(const DirectTile& tile, const PhasePair& pair, const Region& region, const Frame& frame,
                    float* panel, const Output& output, int64_t ahead) const {
    const Range shared{std::max(tile.rows.begin, region.rows.begin), std::min(tile.rows.end, region.rows.end)};
    const int64_t rows = shared.count(), cols = region.cols.count();
    if (rows <= 0 || cols <= 0) return;
    void* ys[max_pixels];
    kernels::Direct direct = direct_of(tile, region, panel, ys, output);
    const int64_t count = tile.images.count() * rows * cols, cuts = ceil_div(count, table_.pixels);
    direct.ahead_step = ceil_div(lanes_, cuts);
    for (int64_t c = 0; c < cuts; ++c) {
      if (cuts > 1) direct.ahead = ahead + c * direct.ahead_step * direct.IC;
      const auto [first, last] = part_of(count, c, cuts);
      for (int64_t p = first, run = 0; p < last; p += run) {  // neighbours in a row
        const int64_t image = tile.images.begin + p / (rows * cols);
        const int64_t row = shared.begin + p / cols % rows, col = region.cols.begin + p % cols;
        run = std::min(last - p, region.cols.end - col);
        gather(pair, region, {image, row, col, pair.col->in_step, run}, frame,
               panel + (p - first) * kernels::panel_lanes);
        for (int64_t i = 0; i < run; ++i) ys[p - first + i] = output_at(pair, output, image, row, col + i);
      }
      direct.pixels = last - first;
      (packed_->halved() ? table_.direct_halved : table_.direct)(direct);
    }
  }

  /// The inputs of every tap for a run of neighbouring positions, those of the first at `panel`.
  void gather(const PhasePair& pair, const Region& region, const SeenPixels& positions, const Frame& frame,
              float* panel) const {
    const PanelSource from = source_of(frame);
    const int64_t h = pair.row->in_first + pair.row->in_step * positions.h;
    const int64_t w = pair.col->in_first + pair.col->in_step * positions.w;
    for (size_t t = 0; t < region.taps.size(); ++t)
      from.pack_seen(
          {positions.image, h + region.offsets[t].h, w + region.offsets[t].w, positions.step, positions.count},
          panel + region.taps[t].x, pitch_);
  }

  /// Moves what was put aside, [pixel][channel], to its place in (N, C, H, W): the tile's part of a row of the picture
  /// at a time.
  void put_back(const DirectTile& tile, const Phase& row, const Output& output, float* y) const {
    const ImageShape& out = geometry_.out;
    const int64_t oc = first_channel(tile);
    const Range columns = columns_of(geometry_, tile.cols);
    for (int64_t image = tile.images.begin; image < tile.images.end; ++image)
      for (int64_t r = tile.rows.begin; r < std::min(tile.rows.end, row.count); ++r) {
        float* to = y + ((image * out.C + oc) * out.H + row.out_first + row.out_step * r) * out.W;
        table_.transpose(static_cast<float*>(output.memory) + output.at(image, r, columns.begin), output.column,
                         to + columns.begin, out.H * out.W, columns.count(), lanes_of(tile));
      }
  }

  static constexpr int max_pixels = 32;
  ConvGeometry geometry_;
  std::shared_ptr<const PackedDirect> packed_;
  const kernels::Table& table_;
  ConvContext context_;
  bool planar_;             // the input is (N, C, H, W)
  bool aside_;              // the output is put aside per tile and transposed from there
  int64_t lanes_;           // of a whole block
  int64_t channel_blocks_;  // lines of a pixel
  int64_t IC_;              // words of a group's channels
  std::optional<Window> window_;
  int64_t pitch_;
  std::vector<PhasePair> pairs_;
  std::vector<DirectTile> tiles_;
  int64_t panel_floats_ = 0, aside_floats_ = 0;
  size_t weight_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Step> direct_step(ConvGeometry geometry, std::shared_ptr<const PackedDirect> packed,
                                  const kernels::Table& table, ConvContext context) {
  return std::make_unique<DirectStep>(std::move(geometry), std::move(packed), table, std::move(context));
}

}  // namespace upconv::internal
