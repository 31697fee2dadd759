#include "layers/steps/norm.h"

#include <algorithm>
#include <cmath>

#include "layers/steps/channel_tiles.h"

namespace upconv::internal {
namespace {

/// How many of some numbers there are, their mean, and the sum of their squared distances from it.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  /// Of what Table::moments left of a run: its mean, how much the numbers add up to beyond it, and the squares.
  static Moments of(int64_t count, float mean, float rest, float squares) {
    const double n = static_cast<double>(count), beyond = rest / n;
    return {n, mean + beyond, squares - rest * beyond};
  }
  /// Those of both together (Chan, Golub and LeVeque).
  void merge(const Moments& other) {
    const double total = count + other.count, part = other.count / total, delta = other.mean - mean;
    mean += delta * part;
    squares += other.squares + delta * delta * count * part;
    count = total;
  }
  double inverse_deviation(double eps) const { return 1 / std::sqrt(squares / count + eps); }
};

/// How the input is cut into runs. An entry is what one run gives the moments of: a channel where a pixel's channels
/// lie together, a whole group elsewhere. Entries are stored in blocks of 16, a cache line, as
/// m[image][block][run][mean, rest, squares][entry in block]; no two tiles write to one line, unless groups are whole.
class Runs {
 public:
  explicit Runs(const NormGroups& groups)
      : groups_(groups),
        by_channel_(groups.layout == Layout::channels_last),
        length_(groups.shape.H * groups.shape.W * (by_channel_ ? 1 : channels_in_group())),
        run_(by_channel_ ? std::max<int64_t>(16, elements / groups.shape.C) : elements) {}

  bool by_channel() const { return by_channel_; }
  int64_t channels_in_group() const { return groups_.shape.C / groups_.groups; }
  int64_t entries() const { return by_channel_ ? groups_.shape.C : groups_.groups; }
  int64_t entries_in_group() const { return by_channel_ ? channels_in_group() : 1; }
  /// Pixels of an image, or elements of a group.
  int64_t length() const { return length_; }
  int64_t run() const { return run_; }
  int64_t count() const { return (length_ + run_ - 1) / run_; }
  int64_t length_of(int64_t run) const { return std::min(run_, length_ - run * run_); }
  int64_t values() const { return groups_.shape.N * blocks() * count() * values_of_block; }
  /// Where the mean is; the rest and the squares are `lanes` and 2 * `lanes` on.
  int64_t offset(int64_t image, int64_t entry, int64_t run) const {
    return ((image * blocks() + entry / lanes) * count() + run) * values_of_block + entry % lanes;
  }
  static constexpr int64_t lanes = 16;

 private:
  static constexpr int64_t elements = 32 << 10;  // 128 KiB: the second pass reads from the second cache
  static constexpr int64_t values_of_block = 3 * lanes;
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
  size_t scratch_bytes() const override {
    return runs_.by_channel() ? static_cast<size_t>(3 * C_) * sizeof(float) : 3 * sizeof(float);
  }
  std::string algorithm() const override { return "moments"; }

  void run(int64_t tile, const Frame& frame) const override {
    const auto* x = static_cast<const float*>(frame.inputs[0]);
    auto* m = reinterpret_cast<float*>(frame.scratch);
    const int64_t row = tile / runs_.count(), run = tile % runs_.count();  // an image or a group of one
    if (runs_.by_channel()) {
      table_.moments_channels(x + (row * runs_.length() + run * runs_.run()) * C_, runs_.length_of(run), C_, m);
      for (int64_t c = 0; c < C_; ++c) store(frame, runs_.offset(row, c, run), m + c, C_);
    } else {
      table_.moments(x + row * runs_.length() + run * runs_.run(), runs_.length_of(run), m);
      store(frame, runs_.offset(row / runs_.entries(), row % runs_.entries(), run), m, 1);
    }
  }

 private:
  static void store(const Frame& frame, int64_t offset, const float* m, int64_t stride) {
    for (int64_t i = 0; i < 3; ++i) static_cast<float*>(frame.output)[offset + i * Runs::lanes] = m[i * stride];
  }
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
    const auto* m = static_cast<const float*>(frame.inputs[0]);
    const int64_t image = tile / blocks(), first = tile % blocks() * block_;
    float* scale = static_cast<float*>(frame.output) + image * 2 * groups_.shape.C;
    for (int64_t group = first; group < std::min(first + block_, groups_.groups); ++group) {
      Moments all;
      for (int64_t n = image; n < (groups_.batch ? groups_.shape.N : image + 1); ++n) merge(m, n, group, all);
      const double inverse = all.inverse_deviation(affine_.eps);
      for (int64_t c = group * runs_.channels_in_group(); c < (group + 1) * runs_.channels_in_group(); ++c) {
        const double factor = affine_.weight[static_cast<size_t>(c)] * inverse;
        scale[c] = static_cast<float>(factor);
        scale[groups_.shape.C + c] = static_cast<float>(affine_.bias[static_cast<size_t>(c)] - all.mean * factor);
      }
    }
  }

 private:
  int64_t blocks() const { return (groups_.groups + block_ - 1) / block_; }
  void merge(const float* m, int64_t image, int64_t group, Moments& all) const {
    const int64_t entries = runs_.entries_in_group();
    for (int64_t entry = group * entries; entry < (group + 1) * entries; ++entry)
      for (int64_t run = 0; run < runs_.count(); ++run) {
        const float* at = m + runs_.offset(image, entry, run);
        all.merge(Moments::of(runs_.length_of(run), at[0], at[Runs::lanes], at[2 * Runs::lanes]));
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
    const float* x = static_cast<const float*>(frame.inputs[0]) + image * 2 * C_;
    const float* numbers = static_cast<const float*>(frame.inputs[1]) + image * stride_;
    float* y = static_cast<float*>(frame.output) + image * 2 * C_;
    for (int64_t c = 0; c < C_; ++c) {
      y[c] = product_ ? x[c] * numbers[c] : x[c];
      y[C_ + c] = product_ ? x[C_ + c] * numbers[c] : x[C_ + c] + numbers[c];
    }
  }

 private:
  int64_t N_, C_;
  bool product_;
  int64_t stride_;  // from the numbers of one image to those of the next
};

/// y = act(x * scale[c] + shift[c]).
class AffineStep : public Step {
 public:
  /// The statistics are the second input: those of one image lie `image_stride` floats from those of the next.
  AffineStep(const NormGroups& groups, kernels::Activation activation, const kernels::Table& table)
      : AffineStep(groups.shape, groups.layout, activation, table) {
    image_stride_ = groups.batch ? 0 : 2 * C_;
  }
  AffineStep(const ChannelAffine& affine, const ImageShape& shape, Layout layout, kernels::Activation activation,
             const kernels::Table& table)
      : AffineStep(shape, layout, activation, table) {
    known_.assign(affine.scale.begin(), affine.scale.end());
    known_.insert(known_.end(), affine.shift.begin(), affine.shift.end());
  }
  int64_t tiles() const override { return tiles_.tiles(); }
  std::string algorithm() const override { return known_.empty() ? "normalise" : "affine"; }

  void run(int64_t tile, const Frame& frame) const override {
    const ChannelTiles::Piece piece = tiles_.piece(tile);
    const float* x = static_cast<const float*>(frame.inputs[0]) + piece.offset;
    float* y = static_cast<float*>(frame.output) + piece.offset;
    const float* scale =
        known_.empty() ? static_cast<const float*>(frame.inputs[1]) + piece.image * image_stride_ : known_.data();
    const float* shift = scale + C_;
    if (tiles_.channels_last()) return table_.affine_channels(x, y, piece.pixels, C_, scale, shift, activation_);
    for (int64_t c = piece.channel; c < piece.channel + piece.channels; ++c, x += piece.pixels, y += piece.pixels)
      table_.affine(x, y, piece.pixels, scale[c], shift[c], activation_);
  }

 private:
  AffineStep(const ImageShape& shape, Layout layout, kernels::Activation activation, const kernels::Table& table)
      : C_(shape.C), tiles_(shape, layout), activation_(activation), table_(table) {}
  int64_t C_, image_stride_ = 0;
  ChannelTiles tiles_;
  std::vector<float> known_;
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
      table_.affine_elements(x, static_cast<float*>(frame.output) + row * length_, length_, static_cast<float>(inverse),
                             static_cast<float>(-all.mean * inverse), affine_.weight.data(), affine_.bias.data(),
                             activation_);
    }
  }

 private:
  static constexpr int64_t elements = 16 << 10;
  int64_t rows_of_tile() const { return std::max<int64_t>(1, elements / length_); }
  Moments moments(const float* x) const {
    Moments all;
    for (int64_t at = 0; at < length_; at += elements) {
      float m[3];
      const int64_t count = std::min(elements, length_ - at);
      table_.moments(x + at, count, m);
      all.merge(Moments::of(count, m[0], m[1], m[2]));
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
Shape statistics_shape(const NormGroups& groups) { return {groups.batch ? 1 : groups.shape.N, 2 * groups.shape.C}; }

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
  return std::make_unique<AffineStep>(groups, activation, table);
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
