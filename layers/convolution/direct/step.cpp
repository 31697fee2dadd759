#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "layers/convolution/geometry.h"
#include "layers/convolution/panel.h"

namespace upconv::internal {
namespace {

struct Source {
  int64_t h, w;
};

/// A rectangle of positions of one pair of phases that read the same taps.
struct Region {
  int64_t row_begin, row_end, col_begin, col_end;
  std::vector<kernels::Tap> taps;
  std::vector<Source> sources;  ///< of each tap: how far its input is from the position's base
};

/// Outputs of one residue in both axes.
struct PhasePair {
  const Phase* row;
  const Phase* col;
  std::vector<Region> regions;
  int64_t first_tap;  ///< its place among the packed taps
};

/// Whole rows of the input as one panel, with what lies beside them, that all phases of the columns share. Where
/// outputs step over columns, those of one residue lie side by side, so that the inputs of neighbouring outputs always
/// do.
struct Window {
  int64_t col_begin = 0, cols = 0;  ///< columns of the input; 0: no window
  int64_t col_step = 1, part = 0;   ///< from one output's input to the next; columns of one residue
  int64_t row_step = 1;
  int64_t pitch = 0, row = 0;  ///< floats from one block of channels, and from one row, to the next
  int64_t row_begin = 0,
          halo = 0;  ///< what position 0 of all row phases reads: from row_begin on, halo rows beyond one

  /// Where column w of the input lies among those of a row.
  int64_t line(int64_t w) const { return (w - col_begin) % col_step * part + (w - col_begin) / col_step; }
  /// How many rows of the input so many neighbouring rows of outputs read.
  int64_t rows(int64_t outputs) const { return (outputs - 1) * row_step + 1 + halo; }
};

/// What one thread does at a time: some blocks of channels for a run of rows of one row phase, or of all that share a
/// window, over some images, all column phases.
struct Tile {
  int64_t block_begin, block_end;
  int64_t phase_begin, phase_end;  ///< of the rows
  int64_t image_begin, image_end;
  int64_t row_begin, row_end;
};

// A tile's weights of a pair of phases should stay in half of L2 while its rows pass by; its own output, where it is
// put aside for transposing, and its window in a quarter of 1 MiB each.
int64_t weight_budget() { return std::min<int64_t>(l2_bytes(), 1 << 20) / 2; }
constexpr int64_t aside_budget = (256 << 10) / 4;   // floats
constexpr int64_t window_budget = (256 << 10) / 4;  // floats
// Multiply-adds in a tile: at least 40 to 80 us of one AVX-512 core, as less does not pay for handing it out and
// packing its input; more where 16 tiles remain for each thread, as rows that lie together share their window.
constexpr int64_t least_tile_work = 1 << 22;

class DirectStep : public Step {
 public:
  DirectStep(ConvGeometry geometry, std::shared_ptr<const PackedDirect> packed, const kernels::Table& table,
             ConvContext context)
      : geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        lanes_(2 * table.width),
        context_(context),
        planar_(planar(context.input, geometry_.in)),
        aside_(planar(context.output, geometry_.out)) {
    find_window();
    for (const Phase& row : geometry_.rows)
      for (const Phase& col : geometry_.cols) pairs_.push_back({&row, &col, regions(row, col), first_tap(row, col)});
    cut();
    count_weights();
  }

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return "direct"; }
  size_t weight_bytes() const override { return weight_bytes_; }
  double flops() const override { return context_.flops; }
  std::span<const float> packed() const override { return packed_->floats(); }
  size_t scratch_bytes() const override { return static_cast<size_t>(aside_floats_ + panel_floats_) * sizeof(float); }

  void run(int64_t index, const Frame& frame) const override {
    const Tile& tile = tiles_[static_cast<size_t>(index)];
    auto* y = static_cast<float*>(frame.output);
    auto* panel = reinterpret_cast<float*>(frame.scratch);
    float* aside = panel + panel_floats_;
    if (window_.cols > 0) pack_window(tile, frame, panel);
    for (int64_t phase = tile.phase_begin; phase < tile.phase_end; ++phase) {
      const Phase& row = geometry_.rows[static_cast<size_t>(phase)];
      const Output output = output_of(tile, row, aside_ ? aside : y, context_.residual_of(frame, y));
      for (size_t col = 0; col < geometry_.cols.size(); ++col) {
        const PhasePair& pair = pairs_[static_cast<size_t>(phase) * geometry_.cols.size() + col];
        const int64_t ahead = ahead_of(index, pair);
        for (const Region& region : pair.regions)
          if (window_.cols > 0)
            run_in_window(tile, pair, region, panel, output);
          else
            run_gathered(tile, pair, region, frame, panel, output, ahead);
      }
      if (aside_) put_back(tile, row, output, y);
    }
  }

 private:
  /// Where a tile's outputs go: image, row and column say how far apart; a row is a position of the tile's row phase.
  struct Output {
    float* base;                 ///< of image 0, row 0, column 0, channel 0; may lie outside of the memory
    int64_t image, row, column;  ///< strides, in floats
    kernels::Residual residual;
  };

  /// Rows that fill a register tile are read from a window; others are gathered pixel by pixel, as are those of weights
  /// with infinities, which zeros beside the row would turn into NaN.
  void find_window() {
    const int64_t C = geometry_.in.C, W = geometry_.in.W;
    channel_blocks_ = ceil_div(C, kernels::panel_lanes);
    pitch_ = table_.pixels * kernels::panel_lanes;
    if (!has_rows_of(geometry_, planar_ ? vector_row : wide_row) || !packed_->finite()) return;
    const Reach read = reach(geometry_.cols);
    const int64_t cols = read.end - read.begin, step = geometry_.cols.front().in_step, part = ceil_div(cols, step);
    const int64_t lines = (part * step) | 1;  // odd, so that blocks of channels spread over the sets of L1
    if (cols > 2 * W || lines * channel_blocks_ * kernels::panel_lanes * 2 > window_budget) return;
    pitch_ = lines * kernels::panel_lanes;
    const Reach rows = reach(geometry_.rows);
    window_ = {.col_begin = read.begin,
               .cols = cols,
               .col_step = step,
               .part = part,
               .row_step = geometry_.rows.front().in_step,
               .pitch = pitch_,
               .row = pitch_ * channel_blocks_,
               .row_begin = rows.begin,
               .halo = rows.first_end - rows.begin - 1};
  }

  /// The runs of positions of an axis that read the same taps; in a window the zeros beside it make all alike. No
  /// weight that is multiplied by such a zero may be infinite.
  std::vector<Segment> col_segments(const Phase& col) const {
    if (window_.cols > 0) return {{0, col.count, taps_of(col)}};
    const auto lines = static_cast<double>(geometry_.in.N * geometry_.rows.front().count);
    return packed_->finite() ? gathered_segments(col, lines, table_) : col.segments;
  }

  std::vector<Region> regions(const Phase& row, const Phase& col) const {
    std::vector<Region> all;
    for (const Segment& r : row.segments)
      for (const Segment& c : col_segments(col)) {
        Region region{r.begin, r.end, c.begin, c.end, {}, {}};
        for (const AxisTap& kh : r.taps)
          for (const AxisTap& kw : c.taps) {
            const int64_t gathered = static_cast<int64_t>(region.taps.size()) * channel_blocks_ * pitch_;
            const int64_t at =
                window_.cols > 0 ? kh.shift * window_.row + window_.line(col.in_first + kw.shift) * kernels::panel_lanes
                                 : gathered;
            region.taps.push_back({at, kh.k * geometry_.KW + kw.k});
            region.sources.push_back({kh.shift, kw.shift});
          }
        all.push_back(std::move(region));
      }
    const auto work = [](const Region& r) {
      return (r.row_end - r.row_begin) * (r.col_end - r.col_begin) * static_cast<int64_t>(r.taps.size());
    };
    // The one with most multiply-adds waits least for weights from memory; the others find them in L2.
    std::stable_sort(all.begin(), all.end(), [&](auto& a, auto& b) { return work(a) > work(b); });
    return all;
  }

  /// Taps that no position reads are not read, as most of them at 1x1 inputs with padding.
  void count_weights() {
    std::vector<bool> used(static_cast<size_t>(packed_->taps()));
    for (const PhasePair& pair : pairs_)
      for (const Region& region : pair.regions)
        for (const kernels::Tap& tap : region.taps) used[static_cast<size_t>(tap.index)] = true;
    weight_bytes_ = packed_->bytes() / used.size() * static_cast<size_t>(std::count(used.begin(), used.end(), true));
  }

  /// Multiply-adds of one row of one image for one vector lane and one input channel, at most.
  int64_t taps_of_row(const Phase& row) const {
    int64_t rows = 0, cols = 0;
    for (const Segment& segment : row.segments) rows = std::max(rows, static_cast<int64_t>(segment.taps.size()));
    for (const Phase& col : geometry_.cols)
      for (const Segment& segment : col.segments)
        cols += static_cast<int64_t>(segment.taps.size()) * (segment.end - segment.begin);
    return std::max<int64_t>(1, rows * cols);
  }

  /// Cuts the work into tiles: runs of blocks outermost, so that their weights are read once and stay; then row phases,
  /// images, rows.
  void cut() {
    const int64_t blocks = static_cast<int64_t>(packed_->blocks().size());
    const int64_t run = blocks_in_run();
    for (int64_t begin = 0; begin < blocks; begin += run)
      if (window_.cols > 0)
        cut_phases(begin, std::min(blocks, begin + run), 0, row_phases());
      else
        for (int64_t phase = 0; phase < row_phases(); ++phase)
          cut_phases(begin, std::min(blocks, begin + run), phase, phase + 1);
    for (const Tile& tile : tiles_) {
      const int64_t rows = tile.row_end - tile.row_begin;
      if (aside_)
        aside_floats_ =
            std::max(aside_floats_, (tile.image_end - tile.image_begin) * rows * geometry_.out.W * lanes_of(tile));
      if (window_.cols > 0)
        panel_floats_ = std::max(panel_floats_, (window_.rows(rows) + (window_.col_step > 1 ? 1 : 0)) * window_.row);
    }
    if (window_.cols > 0) return;
    for (const PhasePair& pair : pairs_)
      for (const Region& region : pair.regions)
        panel_floats_ = std::max(panel_floats_, static_cast<int64_t>(region.taps.size()) * channel_blocks_ * pitch_);
  }

  int64_t blocks_in_run() const {
    const int64_t blocks = static_cast<int64_t>(packed_->blocks().size());
    const auto pairs = static_cast<int64_t>(pairs_.size());
    const int64_t bytes = static_cast<int64_t>(packed_->bytes()) / (blocks * pairs);  // of one block in one pair
    int64_t most = weight_budget() / std::max<int64_t>(1, bytes);
    if (positions() <= 2 * table_.pixels) {  // weights are read once or twice, and inputs packed for fewer runs
      const int64_t work = positions() * pairs / row_phases() * bytes / 4;  // of a block in one row phase
      most = std::max(most, tile_work() / std::max<int64_t>(1, work));
    }
    if (aside_) most = std::min(most, aside_budget / (geometry_.out.W * lanes_));
    return equal_parts(blocks, most);
  }

  int64_t tile_work() const {
    return std::max(least_tile_work, static_cast<int64_t>(context_.flops / 2 / (16 * context_.threads)));
  }

  /// Positions of a phase in all images, about.
  int64_t positions() const { return geometry_.in.N * geometry_.rows.front().count * geometry_.cols.front().count; }

  int64_t row_phases() const { return static_cast<int64_t>(geometry_.rows.size()); }

  void cut_phases(int64_t block_begin, int64_t block_end, int64_t phase_begin, int64_t phase_end) {
    const int64_t lanes = (block_end - block_begin) * lanes_, N = geometry_.in.N;
    int64_t count = 0, taps = 0;
    for (int64_t phase = phase_begin; phase < phase_end; ++phase) {
      count = std::max(count, geometry_.rows[static_cast<size_t>(phase)].count);
      taps += taps_of_row(geometry_.rows[static_cast<size_t>(phase)]);
    }
    const int64_t work = taps * geometry_.in.C / geometry_.groups * lanes;
    int64_t most = tile_work() / work;  // rows in a tile
    if (aside_) most = std::min(most, aside_budget / (geometry_.out.W * lanes));
    if (window_.cols > 0)
      most = std::min(most, (window_budget / window_.row - 1 - window_.halo) / window_.row_step + 1);
    const int64_t rows = equal_parts(count, most), images = window_.cols > 0 ? 1 : equal_parts(N, most / rows);
    for (int64_t image = 0; image < N; image += images)
      for (int64_t r = 0; r < count; r += rows)
        tiles_.push_back({block_begin, block_end, phase_begin, phase_end, image, std::min(image + images, N), r,
                          std::min(r + rows, count)});
  }

  int64_t first_channel(const Tile& tile) const { return packed_->blocks()[static_cast<size_t>(tile.block_begin)].oc; }
  int64_t lanes_of(const Tile& tile) const {
    const kernels::Block& last = packed_->blocks()[static_cast<size_t>(tile.block_end) - 1];
    return last.oc + last.lanes - first_channel(tile);
  }

  Output output_of(const Tile& tile, const Phase& row, float* memory, const kernels::Residual& residual) const {
    const ImageShape& out = geometry_.out;
    if (!aside_)
      return {memory + row.out_first * out.W * out.C, out.H * out.W * out.C, row.out_step * out.W * out.C, out.C,
              residual};
    const int64_t channels = lanes_of(tile), rows = tile.row_end - tile.row_begin;
    Output output{memory, rows * out.W * channels, out.W * channels, channels, {}};
    output.base -= tile.image_begin * output.image + tile.row_begin * output.row + first_channel(tile);
    return output;
  }

  /// The input row that lies first in a tile's window; may be above the picture.
  int64_t window_first(const Tile& tile) const { return window_.row_begin + window_.row_step * tile.row_begin; }

  PanelSource source_of(const Frame& frame) const {
    return {table_, geometry_.in, planar_, geometry_.border, frame.inputs, context_.parts};
  }

  /// Row h of the input, all channels, with what lies beside it. Columns of one residue are brought together from
  /// `spare`, where they lie in order.
  void pack_window_row(const Frame& frame, int64_t image, int64_t h, float* to, float* spare) const {
    constexpr int64_t lanes = kernels::panel_lanes;
    const int64_t step = window_.col_step;
    source_of(frame).pack_run(image, h, window_.col_begin, 1, window_.cols, step == 1 ? to : spare, pitch_);
    if (step == 1) return;
    for (int64_t block = 0; block < channel_blocks_; ++block, spare += pitch_, to += pitch_)
      for (int64_t residue = 0; residue < std::min(step, window_.cols); ++residue)
        table_.pack(spare + residue * lanes, step * lanes, lanes, to + residue * window_.part * lanes, 0,
                    ceil_div(window_.cols - residue, step));
  }

  /// The input rows that a tile needs. Rows of zeros are not read.
  void pack_window(const Tile& tile, const Frame& frame, float* panel) const {
    const int64_t first = window_first(tile), rows = window_.rows(tile.row_end - tile.row_begin);
    float* spare = panel + panel_floats_ - window_.row;
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t h = source(geometry_.border, first + row, geometry_.in.H);
      if (h >= 0) pack_window_row(frame, tile.image_begin, h, panel + row * window_.row, spare);
    }
  }

  int64_t first_tap(const Phase& row, const Phase& col) const {
    const std::vector<AxisTap> rows = taps_of(row), cols = taps_of(col);
    return rows.empty() || cols.empty() ? 0 : rows.front().k * geometry_.KW + cols.front().k;
  }

  /// How many floats after a pair's weights those lie, about, that this thread should need next: the next pair's, or
  /// those of the next tile that it should get.
  int64_t ahead_of(int64_t index, const PhasePair& pair) const {
    const int64_t following = std::min(index + context_.threads, tiles() - 1);
    const Tile &tile = tiles_[static_cast<size_t>(index)], &next = tiles_[static_cast<size_t>(following)];
    const int64_t block = static_cast<int64_t>(packed_->bytes() / sizeof(float) / packed_->blocks().size());
    const bool last = pair.col == &geometry_.cols.back();
    const PhasePair& after =
        last ? pairs_[static_cast<size_t>(next.phase_begin) * geometry_.cols.size()] : *(&pair + 1);
    return (after.first_tap - pair.first_tap) * geometry_.in.C / geometry_.groups * lanes_ +
           (last ? next.block_begin - tile.block_begin : 0) * block;
  }

  /// Asks for weights 16 channels ahead.
  kernels::Direct direct_of(const Tile& tile, const Region& region, const float* panel, float* const* ys,
                            const Output& output) const {
    return {.x = panel,
            .pitch = pitch_,
            .y = ys,
            .taps = region.taps.data(),
            .blocks = packed_->blocks().data() + tile.block_begin,
            .pixels = 0,
            .tap_count = static_cast<int64_t>(region.taps.size()),
            .block_count = tile.block_end - tile.block_begin,
            .IC = geometry_.in.C / geometry_.groups,
            .ahead = kernels::panel_lanes * lanes_,
            .ahead_step = lanes_,
            .activation = context_.activation,
            .residual = output.residual};
  }

  static float* output_at(const PhasePair& pair, const Output& output, int64_t image, int64_t row, int64_t col) {
    return output.base + image * output.image + row * output.row +
           (pair.col->out_first + pair.col->out_step * col) * output.column;
  }

  void run_in_window(const Tile& tile, const PhasePair& pair, const Region& region, const float* panel,
                     const Output& output) const {
    float* ys[max_pixels];
    kernels::Direct direct = direct_of(tile, region, nullptr, ys, output);
    const int64_t cols = region.col_end - region.col_begin, cuts = ceil_div(cols, table_.pixels);
    for (int64_t row = std::max(tile.row_begin, region.row_begin); row < std::min(tile.row_end, region.row_end); ++row)
      for (int64_t c = 0; c < cuts; ++c) {
        const int64_t first = region.col_begin + cols * c / cuts, last = region.col_begin + cols * (c + 1) / cuts;
        for (int64_t col = first; col < last; ++col)
          ys[col - first] = output_at(pair, output, tile.image_begin, row, col);
        direct.x = panel + (pair.row->in_first + window_.row_step * row - window_first(tile)) * window_.row +
                   first * kernels::panel_lanes;
        direct.pixels = last - first;
        table_.direct(direct);
      }
  }

  /// Positions of all rows and images strung together; the inputs of each tap are gathered side by side. Where that
  /// takes several register tiles, each asks for its part of the weights that come `ahead` floats later, so that memory
  /// and multiply-adds are at work at the same time.
  void run_gathered(const Tile& tile, const PhasePair& pair, const Region& region, const Frame& frame, float* panel,
                    const Output& output, int64_t ahead) const {
    const int64_t row_begin = std::max(tile.row_begin, region.row_begin);
    const int64_t rows = std::min(tile.row_end, region.row_end) - row_begin, cols = region.col_end - region.col_begin;
    if (rows <= 0 || cols <= 0) return;
    float* ys[max_pixels];
    kernels::Direct direct = direct_of(tile, region, panel, ys, output);
    const PanelSource from = source_of(frame);
    const int64_t count = (tile.image_end - tile.image_begin) * rows * cols;
    const int64_t cuts = ceil_div(count, table_.pixels);
    direct.ahead_step = ceil_div(lanes_, cuts);
    for (int64_t c = 0; c < cuts; ++c) {
      if (cuts > 1) direct.ahead = ahead + c * direct.ahead_step * direct.IC;
      const int64_t first = count * c / cuts, last = count * (c + 1) / cuts;
      for (int64_t p = first, run = 0; p < last; p += run) {  // neighbours in a row
        const int64_t image = tile.image_begin + p / (rows * cols);
        const int64_t row = row_begin + p / cols % rows, col = region.col_begin + p % cols;
        const int64_t h = pair.row->in_first + pair.row->in_step * row;
        const int64_t w = pair.col->in_first + pair.col->in_step * col;
        run = std::min(last - p, region.col_end - col);
        for (size_t t = 0; t < region.taps.size(); ++t)
          from.pack_run(image, h + region.sources[t].h, w + region.sources[t].w, pair.col->in_step, run,
                        panel + region.taps[t].x + (p - first) * kernels::panel_lanes, pitch_);
        for (int64_t i = 0; i < run; ++i) ys[p - first + i] = output_at(pair, output, image, row, col + i);
      }
      direct.pixels = last - first;
      table_.direct(direct);
    }
  }

  /// Moves what was put aside, [pixel][channel], to its place in (N, C, H, W): whole rows of the picture at a time.
  void put_back(const Tile& tile, const Phase& row, const Output& output, float* y) const {
    const ImageShape& out = geometry_.out;
    const int64_t oc = first_channel(tile);
    for (int64_t image = tile.image_begin; image < tile.image_end; ++image)
      for (int64_t r = tile.row_begin; r < std::min(tile.row_end, row.count); ++r) {
        const float* from = output.base + image * output.image + r * output.row + oc;
        float* to = y + ((image * out.C + oc) * out.H + row.out_first + row.out_step * r) * out.W;
        table_.transpose(from, output.column, to, out.H * out.W, out.W, lanes_of(tile));
      }
  }

  static constexpr int max_pixels = 32;
  ConvGeometry geometry_;
  std::shared_ptr<const PackedDirect> packed_;
  const kernels::Table& table_;
  int64_t lanes_;  // of a whole block
  Window window_;
  int64_t channel_blocks_ = 0, pitch_ = 0, panel_floats_ = 0;
  ConvContext context_;
  bool planar_;  // the input is (N, C, H, W)
  bool aside_;   // the output is put aside per tile and transposed from there
  std::vector<PhasePair> pairs_;
  std::vector<Tile> tiles_;
  int64_t aside_floats_ = 0;
  size_t weight_bytes_ = 0;
};

}  // namespace

bool has_rows_of(const ConvGeometry& geometry, int64_t pixels) {
  return std::any_of(geometry.cols.begin(), geometry.cols.end(), [=](const Phase& col) { return col.count >= pixels; });
}

std::vector<Segment> gathered_segments(const Phase& col, double lines, const kernels::Table& table) {
  const std::vector<AxisTap> taps = taps_of(col);
  int64_t apart = 0, shortest = col.count;
  for (const Segment& segment : col.segments) {
    apart += (segment.end - segment.begin) * static_cast<int64_t>(segment.taps.size());
    shortest = std::min(shortest, segment.end - segment.begin);
  }
  const int64_t together = col.count * static_cast<int64_t>(taps.size());
  const bool few = static_cast<double>(shortest) * lines < 2 * table.pixels;
  if (together * 4 > apart * 5 || !few || vector_cycles(table.isa) > 1) return col.segments;
  return {{0, col.count, taps}};
}

std::unique_ptr<Step> direct_step(ConvGeometry geometry, std::shared_ptr<const PackedDirect> packed,
                                  const kernels::Table& table, ConvContext context) {
  return std::make_unique<DirectStep>(std::move(geometry), std::move(packed), table, context);
}

}  // namespace upconv::internal
