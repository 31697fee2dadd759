#pragma once
#include <string>
#include <vector>

#include "../weights.h"
#include "plan.h"

namespace upconv::internal {

/// Weights transformed for one scheme: w[group][phase][point][ic][lane], U = G g GT computed in double. Lean ones are
/// the taps, which are transformed later (kernels::LeanProducts): w[phase][group][ic][tap][lane]. For kernels of pairs,
/// and halved, words of two input channels take the place of floats.
class PackedWinograd {
 public:
  PackedWinograd(const kernels::Table& table, const WeightView& weight, const Packer& packer, const Tiling& tiling,
                 const ConvGeometry& geometry, bool halved);
  /// Groups of output channels; where phases are merged, of (phase, channel) pairs, and phase is 0.
  int64_t groups() const { return groups_; }
  /// The weights of one point: w[ic][lane].
  const float* weights(int64_t group, int64_t phase, int64_t point) const {
    return packed_.span.data() + place(group, phase, point, 0);
  }
  /// Of a lean tiling, those of all points.
  const float* weights(int64_t group, int64_t phase) const { return packed_.span.data() + place(group, phase, 0, 0); }
  /// How many input channels, those of all residues, have to be multiplied: the weights of a point are zeros in a
  /// phase, and in the last residues, that have fewer taps than the scheme.
  int64_t channels(int64_t phase, int64_t point) const { return used_[static_cast<size_t>(phase * points_ + point)]; }
  /// Whether it is for Table::lean_products_halved.
  bool halved() const { return halved_; }
  const float* shift(int64_t group) const { return shift_start_ + group * lanes_; }
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  /// Where the lanes of a point, or of a lean tiling's tap, of one channel, or word, lie.
  int64_t place(int64_t group, int64_t phase, int64_t point, int64_t ic) const {
    return (lean_ ? ((phase * groups_ + group) * channels_ + ic) * points_ + point
                  : ((group * phases_ + phase) * points_ + point) * channels_ + ic) *
           lanes_;
  }
  struct Maker;
  bool lean_, halved_;
  int64_t in_word_;  // channels
  int64_t groups_, phases_, points_, lanes_;
  int64_t channels_;  // or words of them
  PackedFloats packed_;
  const float* shift_start_;
  std::vector<int64_t> used_;
};

/// Equal for geometries that share packed weights: the phases and the taps of each, whatever the size of the picture.
std::string winograd_key(const Tiling& tiling, const ConvGeometry& geometry);

}  // namespace upconv::internal
