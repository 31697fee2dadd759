#pragma once
#include <string>
#include <vector>

#include "winograd_plan.h"

namespace upconv {

/// Weights transformed for one scheme: w[group][phase][point][ic][lane], U = G g GT computed in double.
class PackedWinograd {
 public:
  PackedWinograd(const kernels::Table& table, const Tiling& tiling, const ConvGeometry& geometry,
                 const WeightView& weight, const std::vector<float>& shift);
  /// Groups of output channels; where phases are merged, of (phase, channel) pairs, and phase is 0.
  int64_t groups() const { return groups_; }
  /// The weights of one point: w[ic][lane].
  const float* weights(int64_t group, int64_t phase, int64_t point) const {
    return weights_start_ + ((group * phases_ + phase) * points_ + point) * channels_ * lanes_;
  }
  /// Whether the weights of a point are zeros in a phase that has fewer taps than the scheme: its products are too.
  bool zero(int64_t phase, int64_t point) const { return zero_[static_cast<size_t>(phase * points_ + point)]; }
  const float* shift(int64_t group) const { return shift_start_ + group * lanes_; }

 private:
  int64_t groups_, phases_, points_, channels_, lanes_;
  const float *weights_start_, *shift_start_;
  std::vector<bool> zero_;
  std::vector<float> weights_, shift_;  // with room for alignment
};

/// Equal for geometries that share packed weights: the phases and the taps of each, whatever the size of the picture.
std::string winograd_key(const Tiling& tiling, const ConvGeometry& geometry);

}  // namespace upconv
