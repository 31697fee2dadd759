#include "layers/steps/norm.h"

#include <algorithm>
#include <cmath>

#include "layers/steps/channel_tiles.h"

namespace upconv::internal {
namespace {

/// How many of some numbers there are, their mean, and the sum of their squared distances from it.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  /// Those of both together (Chan, Golub and LeVeque).
  void merge(const Moments& other) {
    const double total = count + other.count, part = other.count / total, delta = other.mean - mean;
    mean += delta * part;
    squares += other.squares + delta * delta * count * part;
    count = total;
  }
  double inverse_deviation(double eps) const { return 1 / std::sqrt(std::max(squares, 0.0) / count + eps); }
  /// What rounding takes from the mean.
  double beyond() const { return mean - static_cast<double>(static_cast<float>(mean)); }
};

/// How the input is cut into runs. An entry is what one run gives the moments of: a channel where a pixel's channels
/// lie together, a whole group elsewhere. Entries are stored in blocks of 16, as
/// m[image][block][run][mean, squares][entry in block]; no two tiles write to one line, unless groups are whole.
class Runs {
 public:
  explicit Runs(const NormGroups& groups)
      : groups_(groups),
        by_channel_(groups.layout == Layout::channels_last),
        length_(groups.shape.H * groups.shape.W * (by_channel_ ? 1 : channels_in_group())),
        run_(by_channel_ ? std::max(least_pixels, elements / groups.shape.C) : elements) {}

  bool by_channel() const { return by_channel_; }
  int64_t channels_in_group() const { return groups_.shape.C / groups_.groups; }
  int64_t entries() const { return by_channel_ ? groups_.shape.C : groups_.groups; }
  int64_t entries_in_group() const { return by_channel_ ? channels_in_group() : 1; }
  /// Pixels of an image, or elements of a group.
  int64_t length() const { return length_; }
  int64_t run() const { return run_; }
  int64_t count() const { return (length_ + run_ - 1) / run_; }
  int64_t length_of(int64_t run) const { return std::min(run_, length_ - run * run_); }
  int64_t values() const { return groups_.shape.N * blocks() * pitch(); }
  /// Where the mean is; the squares are `lanes` on.
  int64_t offset(int64_t image, int64_t entry, int64_t run) const {
    return (image * blocks() + entry / lanes) * pitch() + run * values_of_block + entry % lanes;
  }
  /// From one block of entries to the next.
  int64_t pitch() const { return count() * values_of_block; }
  static constexpr int64_t lanes = kernels::panel_lanes;

 private:
  static constexpr int64_t elements = 32 << 10;  // 128 KiB: a second pass reads from the second cache
  static constexpr int64_t least_pixels = 64;    // of which some are read for the guess
  static constexpr int64_t values_of_block = 2 * lanes;
  int64_t blocks() const { return (entries() + lanes - 1) / lanes; }
  NormGroups groups_;
  bool by_channel_;
  int64_t length_, run_;
};

class MomentsStep : public Step {
 public:
  MomentsStep(const NormGroups& groups, const kernels::Table& table)
      : N_(groups.shape.N), C_(groups.shape.C), runs_(groups), table_(table) {}
  int64_t tiles() const override { return N_ * (runs_.by_channel() ? 1 : runs_.entries()) * runs_.count(); }
  std::string algorithm() const override { return "moments"; }

  void run(int64_t tile, const Frame& frame) const override {
    const int64_t row = tile / runs_.count(), run = tile % runs_.count();  // an image or a group of one
    const int64_t first = row * runs_.length() + run * runs_.run(), count = runs_.length_of(run);
    const auto* x = static_cast<const float*>(frame.inputs[0]);
    auto* m = static_cast<double*>(frame.output);
    if (runs_.by_channel()) {
      table_.moments_channels(x + first * C_, count, C_, m + runs_.offset(row, 0, run), runs_.pitch());
    } else {
      m += runs_.offset(row / runs_.entries(), row % runs_.entries(), run);
      table_.moments(x + first, count, m, m + Runs::lanes);
    }
  }

 private:
  int64_t N_, C_;
  Runs runs_;
  const kernels::Table& table_;
};

/// A tile is a block of groups of one image, or of all: as many as make 16 channels, since theirs lie together.
class StatisticsStep : public Step {
 public:
  StatisticsStep(const NormGroups& groups, NormAffine affine)
      : groups_(groups),
        runs_(groups),
        affine_(std::move(affine)),
        block_(std::max<int64_t>(1, Runs::lanes / runs_.entries_in_group())) {}
  int64_t tiles() const override { return (groups_.batch ? 1 : groups_.shape.N) * blocks(); }
  std::string algorithm() const override { return "statistics"; }

  void run(int64_t tile, const Frame& frame) const override {
    const auto* m = static_cast<const double*>(frame.inputs[0]);
    const int64_t image = tile / blocks(), first = tile % blocks() * block_, C = groups_.shape.C;
    float *mean = static_cast<float*>(frame.output) + image * 3 * C, *scale = mean + C, *shift = scale + C;
    for (int64_t group = first; group < std::min(first + block_, groups_.groups); ++group) {
      Moments all;
      for (int64_t n = image; n < (groups_.batch ? groups_.shape.N : image + 1); ++n) merge(m, n, group, all);
      const double inverse = all.inverse_deviation(affine_.eps);
      for (int64_t c = group * runs_.channels_in_group(); c < (group + 1) * runs_.channels_in_group(); ++c) {
        const double factor = affine_.weight[static_cast<size_t>(c)] * inverse;
        mean[c] = static_cast<float>(all.mean);
        scale[c] = static_cast<float>(factor);
        shift[c] = static_cast<float>(affine_.bias[static_cast<size_t>(c)] - all.beyond() * factor);
      }
    }
  }

 private:
  int64_t blocks() const { return (groups_.groups + block_ - 1) / block_; }
  void merge(const double* m, int64_t image, int64_t group, Moments& all) const {
    const int64_t entries = runs_.entries_in_group();
    for (int64_t entry = group * entries; entry < (group + 1) * entries; ++entry)
      for (int64_t run = 0; run < runs_.count(); ++run) {
        const double* at = m + runs_.offset(image, entry, run);
        all.merge({static_cast<double>(runs_.length_of(run)), at[0], at[Runs::lanes]});
      }
  }
  NormGroups groups_;
  Runs runs_;
  NormAffine affine_;
  int64_t block_;
};

class ModulateStep : public Step {
 public:
  ModulateStep(const NormGroups& groups, bool product, int64_t count)
      : N_(groups.shape.N), C_(groups.shape.C), product_(product), stride_(count > C_ ? C_ : 0) {}
  int64_t tiles() const override { return N_; }
  std::string algorithm() const override { return "modulate"; }
  void run(int64_t image, const Frame& frame) const override {
    const float* x = static_cast<const float*>(frame.inputs[0]) + image * 3 * C_;
    const float* numbers = static_cast<const float*>(frame.inputs[1]) + image * stride_;
    float* y = static_cast<float*>(frame.output) + image * 3 * C_;
    std::copy_n(x, C_, y);
    for (int64_t c = 0; c < C_; ++c) {
      const float scale = x[C_ + c], shift = x[2 * C_ + c];
      y[C_ + c] = product_ ? scale * numbers[c] : scale;
      y[2 * C_ + c] = product_ ? shift * numbers[c] : shift + numbers[c];
    }
  }

 private:
  int64_t N_, C_;
  bool product_;
  int64_t stride_;  // from the numbers of one image to those of the next
};

/// y = act((x - mean[c]) * scale[c] + shift[c]). The statistics are the second input: those of one image lie
/// `image_stride` floats from those of the next.
class NormaliseStep : public Step {
 public:
  NormaliseStep(const NormGroups& groups, kernels::Activation activation, const kernels::Table& table)
      : C_(groups.shape.C),
        image_stride_(groups.batch ? 0 : 3 * C_),
        tiles_(groups.shape, groups.layout),
        activation_(activation),
        table_(table) {}
  int64_t tiles() const override { return tiles_.tiles(); }
  std::string algorithm() const override { return "normalise"; }

  void run(int64_t tile, const Frame& frame) const override {
    const ChannelTiles::Piece piece = tiles_.piece(tile);
    const float* x = static_cast<const float*>(frame.inputs[0]) + piece.offset;
    float* y = static_cast<float*>(frame.output) + piece.offset;
    const float* mean = static_cast<const float*>(frame.inputs[1]) + piece.image * image_stride_;
    if (tiles_.channels_last()) return table_.normalise_channels(x, y, piece.pixels, C_, mean, activation_);
    for (int64_t c = piece.channel; c < piece.channel + piece.channels; ++c, x += piece.pixels, y += piece.pixels)
      table_.normalise(x, y, piece.pixels, {mean[c], mean[C_ + c], mean[2 * C_ + c]}, activation_);
  }

 private:
  int64_t C_, image_stride_;
  ChannelTiles tiles_;
  kernels::Activation activation_;
  const kernels::Table& table_;
};

/// y = act(x * scale[c] + shift[c]).
class AffineStep : public Step {
 public:
  AffineStep(const ChannelAffine& affine, const ImageShape& shape, Layout layout, kernels::Activation activation,
             const kernels::Table& table)
      : scale_(affine.scale.begin(), affine.scale.end()),
        shift_(affine.shift.begin(), affine.shift.end()),
        tiles_(shape, layout),
        activation_(activation),
        table_(table) {}
  int64_t tiles() const override { return tiles_.tiles(); }
  std::string algorithm() const override { return "affine"; }

  void run(int64_t tile, const Frame& frame) const override {
    const ChannelTiles::Piece piece = tiles_.piece(tile);
    const float* x = static_cast<const float*>(frame.inputs[0]) + piece.offset;
    float* y = static_cast<float*>(frame.output) + piece.offset;
    const auto C = static_cast<int64_t>(scale_.size());
    if (tiles_.channels_last())
      return table_.affine_channels(x, y, piece.pixels, C, scale_.data(), shift_.data(), activation_);
    for (int64_t c = piece.channel; c < piece.channel + piece.channels; ++c, x += piece.pixels, y += piece.pixels)
      table_.affine(x, y, piece.pixels, scale_[static_cast<size_t>(c)], shift_[static_cast<size_t>(c)], activation_);
  }

 private:
  std::vector<float> scale_, shift_;
  ChannelTiles tiles_;
  kernels::Activation activation_;
  const kernels::Table& table_;
};

class LayerNormStep : public Step {
 public:
  LayerNormStep(int64_t rows, NormAffine affine, kernels::Activation activation, const kernels::Table& table)
      : rows_(rows),
        length_(static_cast<int64_t>(affine.weight.size())),
        affine_(std::move(affine)),
        activation_(activation),
        table_(table) {}
  int64_t tiles() const override { return (rows_ + rows_of_tile() - 1) / rows_of_tile(); }
  std::string algorithm() const override { return "layer norm"; }

  void run(int64_t tile, const Frame& frame) const override {
    const int64_t first = tile * rows_of_tile(), last = std::min(rows_, first + rows_of_tile());
    for (int64_t row = first; row < last; ++row) {
      const float* x = static_cast<const float*>(frame.inputs[0]) + row * length_;
      const Moments all = moments(x);
      const double inverse = all.inverse_deviation(affine_.eps);
      table_.normalise_elements(x, static_cast<float*>(frame.output) + row * length_, length_,
                                {.mean = static_cast<float>(all.mean),
                                 .scale = static_cast<float>(inverse),
                                 .shift = static_cast<float>(-all.beyond() * inverse)},
                                affine_.weight.data(), affine_.bias.data(), activation_);
    }
  }

 private:
  static constexpr int64_t elements = 16 << 10;
  int64_t rows_of_tile() const { return std::max<int64_t>(1, elements / length_); }
  Moments moments(const float* x) const {
    Moments all;
    for (int64_t at = 0; at < length_; at += elements) {
      const int64_t count = std::min(elements, length_ - at);
      Moments run{.count = static_cast<double>(count)};
      table_.moments(x + at, count, &run.mean, &run.squares);
      all.merge(run);
    }
    return all;
  }
  int64_t rows_, length_;
  NormAffine affine_;
  kernels::Activation activation_;
  const kernels::Table& table_;
};

}  // namespace

Shape moments_shape(const NormGroups& groups) { return {Runs(groups).values()}; }
Shape statistics_shape(const NormGroups& groups) { return {groups.batch ? 1 : groups.shape.N, 3 * groups.shape.C}; }

std::unique_ptr<Step> moments_step(const NormGroups& groups, const kernels::Table& table) {
  return std::make_unique<MomentsStep>(groups, table);
}
std::unique_ptr<Step> statistics_step(const NormGroups& groups, NormAffine affine) {
  return std::make_unique<StatisticsStep>(groups, std::move(affine));
}
std::unique_ptr<Step> modulate_step(const NormGroups& groups, bool product, int64_t count) {
  return std::make_unique<ModulateStep>(groups, product, count);
}
std::unique_ptr<Step> normalise_step(const NormGroups& groups, kernels::Activation activation,
                                     const kernels::Table& table) {
  return std::make_unique<NormaliseStep>(groups, activation, table);
}
std::unique_ptr<Step> affine_step(const ChannelAffine& affine, const ImageShape& shape, Layout layout,
                                  kernels::Activation activation, const kernels::Table& table) {
  return std::make_unique<AffineStep>(affine, shape, layout, activation, table);
}
std::unique_ptr<Step> layer_norm_step(int64_t rows, NormAffine affine, kernels::Activation activation,
                                      const kernels::Table& table) {
  return std::make_unique<LayerNormStep>(rows, std::move(affine), activation, table);
}

}  // namespace upconv::internal
