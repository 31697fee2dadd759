#include "layers/conv_step.h"

#include <algorithm>
#include <cstdint>

namespace upconv {
namespace {

constexpr size_t align = 64 / sizeof(float);

float* aligned(std::vector<float>& memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory.data());
  return memory.data() + ((64 - address % 64) % 64) / sizeof(float);
}

/// A rectangle of positions of one pair of phases that read the same taps.
struct Region {
  int64_t row_begin, row_end, col_begin, col_end;
  std::vector<kernels::Tap> taps;
};

/// Outputs of one residue in both axes.
struct PhasePair {
  const Phase* row;
  const Phase* col;
  std::vector<Region> regions;
};

/// What one thread does at a time: some blocks of channels for a run of rows of one row phase, over some images, all
/// column phases.
struct Tile {
  int64_t block_begin, block_end;
  int64_t row_phase;
  int64_t image_begin, image_end;
  int64_t row_begin, row_end;
};

// A tile's weights should stay in half of a 1 MiB L2 while its rows pass by; its own output, where it is put aside for
// transposing, in a quarter.
constexpr int64_t weight_budget = 512 << 10;       // bytes
constexpr int64_t aside_budget = (256 << 10) / 4;  // floats
// Multiply-adds in a tile: about 20 us of one AVX-512 core at 60 per ns. Less does not pay for handing it out.
constexpr int64_t tile_work = 1 << 20;

class DirectStep : public Step {
 public:
  DirectStep(ConvGeometry geometry, std::shared_ptr<const PackedDirect> packed, const kernels::Table& table,
             Layout output_layout, kernels::Activation activation, double flops)
      : geometry_(std::move(geometry)),
        packed_(std::move(packed)),
        table_(table),
        lanes_(2 * table.width),
        aside_(output_layout == Layout::contiguous && geometry_.out.H * geometry_.out.W > 1 && geometry_.out.C > 1),
        activation_(activation),
        flops_(flops) {
    for (const Phase& row : geometry_.rows)
      for (const Phase& col : geometry_.cols) pairs_.push_back({&row, &col, regions(row, col)});
    cut();
  }

  int64_t tiles() const override { return static_cast<int64_t>(tiles_.size()); }
  std::string algorithm() const override { return "direct"; }
  double flops() const override { return flops_; }
  size_t scratch_bytes() const override { return static_cast<size_t>(aside_floats_) * sizeof(float); }

  void run(int64_t index, const Frame& frame) const override {
    const Tile& tile = tiles_[static_cast<size_t>(index)];
    const auto* x = static_cast<const float*>(frame.inputs[0]);
    auto* y = static_cast<float*>(frame.output);
    const Output output = output_of(tile, aside_ ? reinterpret_cast<float*>(frame.scratch) : y);
    for (size_t col = 0; col < geometry_.cols.size(); ++col) {
      const PhasePair& pair = pairs_[static_cast<size_t>(tile.row_phase) * geometry_.cols.size() + col];
      for (const Region& region : pair.regions) run_region(tile, pair, region, x, output);
    }
    if (aside_) put_back(tile, output, y);
  }

 private:
  /// Where a tile's outputs go: image, row and column say how far apart; a row is a position of the tile's row phase.
  struct Output {
    float* base;                 ///< of image 0, row 0, column 0, channel 0; may lie outside of the memory
    int64_t image, row, column;  ///< strides, in floats
  };

  std::vector<Region> regions(const Phase& row, const Phase& col) const {
    std::vector<Region> all;
    const int64_t C = geometry_.in.C, W = geometry_.in.W;
    for (const Segment& r : row.segments)
      for (const Segment& c : col.segments) {
        Region region{r.begin, r.end, c.begin, c.end, {}};
        for (const AxisTap& kh : r.taps)
          for (const AxisTap& kw : c.taps)
            region.taps.push_back({(kh.shift * W + kw.shift) * C, kh.k * geometry_.KW + kw.k});
        all.push_back(std::move(region));
      }
    return all;
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
      for (size_t phase = 0; phase < geometry_.rows.size(); ++phase)
        cut_phase(begin, std::min(blocks, begin + run), static_cast<int64_t>(phase));
    for (const Tile& tile : tiles_)
      if (aside_)
        aside_floats_ = std::max(aside_floats_, (tile.image_end - tile.image_begin) * (tile.row_end - tile.row_begin) *
                                                    geometry_.out.W * lanes_of(tile));
  }

  int64_t blocks_in_run() const {
    const int64_t blocks = static_cast<int64_t>(packed_->blocks().size());
    const int64_t phases = static_cast<int64_t>(geometry_.rows.size());
    const int64_t bytes = static_cast<int64_t>(packed_->bytes()) / (blocks * phases);  // of one block in one phase
    int64_t most = weight_budget / std::max<int64_t>(1, bytes);
    if (aside_) most = std::min(most, aside_budget / (geometry_.out.W * lanes_));
    return even(blocks, most);
  }

  void cut_phase(int64_t block_begin, int64_t block_end, int64_t phase) {
    const Phase& row = geometry_.rows[static_cast<size_t>(phase)];
    const int64_t lanes = (block_end - block_begin) * lanes_, N = geometry_.in.N;
    const int64_t work = taps_of_row(row) * geometry_.in.C / geometry_.groups * lanes;
    int64_t most = tile_work / work;  // rows in a tile
    if (aside_) most = std::min(most, aside_budget / (geometry_.out.W * lanes));
    const int64_t rows = even(row.count, most), images = even(N, most / rows);
    for (int64_t image = 0; image < N; image += images)
      for (int64_t r = 0; r < row.count; r += rows)
        tiles_.push_back(
            {block_begin, block_end, phase, image, std::min(image + images, N), r, std::min(r + rows, row.count)});
  }

  /// `total` in equal parts of at most `most`: the size of a part.
  static int64_t even(int64_t total, int64_t most) {
    most = std::max<int64_t>(1, most);
    const int64_t parts = std::max<int64_t>(1, (total + most - 1) / most);
    return std::max<int64_t>(1, (total + parts - 1) / parts);
  }

  int64_t first_channel(const Tile& tile) const { return packed_->blocks()[static_cast<size_t>(tile.block_begin)].oc; }
  int64_t lanes_of(const Tile& tile) const {
    const kernels::Block& last = packed_->blocks()[static_cast<size_t>(tile.block_end) - 1];
    return last.oc + last.lanes - first_channel(tile);
  }

  Output output_of(const Tile& tile, float* memory) const {
    const Phase& row = geometry_.rows[static_cast<size_t>(tile.row_phase)];
    const ImageShape& out = geometry_.out;
    if (!aside_)
      return {memory + row.out_first * out.W * out.C, out.H * out.W * out.C, row.out_step * out.W * out.C, out.C};
    const int64_t channels = lanes_of(tile), rows = tile.row_end - tile.row_begin;
    Output output{memory, rows * out.W * channels, out.W * channels, channels};
    output.base -= tile.image_begin * output.image + tile.row_begin * output.row + first_channel(tile);
    return output;
  }

  void run_region(const Tile& tile, const PhasePair& pair, const Region& region, const float* x,
                  const Output& output) const {
    const int64_t row_begin = std::max(tile.row_begin, region.row_begin);
    const int64_t row_end = std::min(tile.row_end, region.row_end);
    const int64_t rows = row_end - row_begin, cols = region.col_end - region.col_begin;
    const int64_t images = tile.image_end - tile.image_begin;
    if (rows <= 0 || cols <= 0) return;

    // Wide rows are cut one by one, so that a register tile's pixels lie side by side; narrow ones are strung together.
    const bool wide = cols * 2 > table_.pixels;
    const int64_t run = wide ? cols : images * rows * cols;
    const int64_t runs = wide ? images * rows : 1;
    const int64_t cuts = (run + table_.pixels - 1) / table_.pixels;
    const float* xs[max_pixels];
    float* ys[max_pixels];
    kernels::Direct direct{xs,
                           ys,
                           region.taps.data(),
                           packed_->blocks().data() + tile.block_begin,
                           0,
                           static_cast<int64_t>(region.taps.size()),
                           tile.block_end - tile.block_begin,
                           geometry_.in.C / geometry_.groups,
                           activation_};
    for (int64_t r = 0; r < runs; ++r)
      for (int64_t c = 0; c < cuts; ++c) {
        const int64_t first = r * run + run * c / cuts, last = r * run + run * (c + 1) / cuts;
        for (int64_t p = first; p < last; ++p) {
          const int64_t image = tile.image_begin + p / (rows * cols);
          const int64_t row = row_begin + p / cols % rows, col = region.col_begin + p % cols;
          xs[p - first] = input_at(pair, x, image, row, col);
          ys[p - first] = output.base + image * output.image + row * output.row +
                          (pair.col->out_first + pair.col->out_step * col) * output.column;
        }
        direct.pixels = last - first;
        table_.direct(direct);
      }
  }

  const float* input_at(const PhasePair& pair, const float* x, int64_t image, int64_t row, int64_t col) const {
    const ImageShape& in = geometry_.in;
    const int64_t h = pair.row->in_first + pair.row->in_step * row, w = pair.col->in_first + pair.col->in_step * col;
    return x + ((image * in.H + h) * in.W + w) * in.C;
  }

  /// Moves what was put aside, [pixel][channel], to its place in (N, C, H, W): whole rows of the picture at a time.
  void put_back(const Tile& tile, const Output& output, float* y) const {
    const Phase& row = geometry_.rows[static_cast<size_t>(tile.row_phase)];
    const ImageShape& out = geometry_.out;
    const int64_t oc = first_channel(tile);
    for (int64_t image = tile.image_begin; image < tile.image_end; ++image)
      for (int64_t r = tile.row_begin; r < tile.row_end; ++r) {
        const float* from = output.base + image * output.image + r * output.row + oc;
        float* to = y + ((image * out.C + oc) * out.H + row.out_first + row.out_step * r) * out.W;
        transpose(from, output.column, to, out.H * out.W, out.W, lanes_of(tile));
      }
  }

  static constexpr int max_pixels = 32;
  ConvGeometry geometry_;
  std::shared_ptr<const PackedDirect> packed_;
  const kernels::Table& table_;
  int64_t lanes_;  // of a whole block
  bool aside_;     // the output is put aside per tile and transposed from there
  kernels::Activation activation_;
  double flops_;
  std::vector<PhasePair> pairs_;
  std::vector<Tile> tiles_;
  int64_t aside_floats_ = 0;
};

}  // namespace

PackedDirect::PackedDirect(const kernels::Table& table, const WeightView& weight, const std::vector<float>& shift) {
  const int64_t IC = weight.IC / weight.groups, OC = weight.OC / weight.groups, full = 2 * table.width;
  std::vector<int64_t> starts;
  int64_t size = 0;
  for (int64_t group = 0; group < weight.groups; ++group)
    for (int64_t oc = 0; oc < OC; oc += full) {
      const auto lanes = static_cast<int32_t>(std::min(full, OC - oc));
      const int32_t vectors = lanes > table.width ? 2 : 1;
      blocks_.push_back({nullptr, nullptr, group * IC, group * OC + oc, vectors, lanes});
      starts.push_back(size);
      size += (weight.taps * IC * vectors * table.width + 15) / 16 * 16;
    }
  weights_.assign(static_cast<size_t>(size) + align, 0.0f);
  shift_.assign(blocks_.size() * static_cast<size_t>(full) + align, 0.0f);
  for (size_t b = 0; b < blocks_.size(); ++b) {
    kernels::Block& block = blocks_[b];
    float* w = aligned(weights_) + starts[b];
    float* s = aligned(shift_) + b * static_cast<size_t>(full);
    const int64_t row = int64_t{block.vectors} * table.width, group = block.oc / OC;
    const float* from = weight.data + group * weight.group_stride + (block.oc - group * OC) * weight.oc_stride;
    for (int64_t ic = 0; ic < IC; ++ic)
      for (int64_t lane = 0; lane < block.lanes; ++lane) {
        const float* taps = from + ic * weight.ic_stride + lane * weight.oc_stride;
        const double scale = weight.scale[static_cast<size_t>(block.oc + lane)];
        for (int64_t tap = 0; tap < weight.taps; ++tap)
          w[(tap * IC + ic) * row + lane] = static_cast<float>(taps[tap] * scale);
      }
    std::copy_n(shift.begin() + block.oc, block.lanes, s);
    block.w = w;
    block.shift = s;
  }
}

std::unique_ptr<Step> direct_step(ConvGeometry geometry, std::shared_ptr<const PackedDirect> packed,
                                  const kernels::Table& table, Layout output_layout, kernels::Activation activation,
                                  double flops) {
  return std::make_unique<DirectStep>(std::move(geometry), std::move(packed), table, output_layout, activation, flops);
}

kernels::Activation to_kernel(const Pointwise& pointwise) {
  static_assert(static_cast<int>(Pointwise::sigmoid) == static_cast<int>(kernels::Activation::sigmoid));
  return {static_cast<kernels::Activation::Kind>(pointwise.kind), pointwise.slope};
}

}  // namespace upconv
