#pragma once
// Weights as a layer has them, and as the direct kernel reads them.
#include <cstdint>
#include <vector>

#include "../../../framework/packed.h"
#include "../../../framework/parameter.h"
#include "../../kernels/kernels.h"

namespace upconv::internal {

/// Where a layer's weights lie, in elements: weight(oc, ic, tap) of a group is at
/// group * group_stride + oc in group * oc_stride + ic * ic_stride + tap; oc_stride or ic_stride is `taps`.
struct WeightLayout {
  int64_t IC, OC, groups, taps;
  int64_t group_stride, oc_stride, ic_stride;
  /// Of pictures that the outputs are, channels last, where the layer has them first: output oc is then the layer's
  /// feature(oc). 1 leaves them in order; otherwise there is one group.
  int64_t channels = 1;
  int64_t feature(int64_t oc) const { return oc % channels * (OC / channels) + oc / channels; }
};

/// A layer's weights in its own order, with what BatchNorm folds into them: a factor and a shift for each output
/// channel.
struct WeightView {
  const Stored& stored;
  const WeightLayout& layout;
  const std::vector<double>& scale;
  const std::vector<float>& shift;

  /// The weights of `count` input channels from `ic` on and of `lanes` output channels from `oc` on, both of a group,
  /// without their factors: panel[k * pitch + lane], k = (ic - first ic) * taps + tap. `scratch` has room for them.
  void read(const kernels::Table& table, int64_t group, int64_t oc, int64_t lanes, int64_t ic, int64_t count,
            float* panel, int64_t pitch, float* scratch) const;
};

/// y[i] = x[i] * factor[i], rounded once; whether all of them are finite.
bool scaled(const float* x, const double* factor, int64_t count, float* y);

/// How many input channels are packed at a time, so that `lanes` output channels of them stay in L1.
int64_t packed_at_once(const WeightLayout& layout, int64_t lanes);

/// Weights and bias as the direct kernel reads them: w[block][tap][ic][oc in block], tap = kh * KW + kw.
class PackedDirect {
 public:
  PackedDirect(const kernels::Table& table, const WeightView& weight, const Packer& packer);
  const std::vector<kernels::Block>& blocks() const { return blocks_; }
  /// Bytes of the packed weights.
  size_t bytes() const { return weight_bytes_; }
  int64_t taps() const { return taps_; }
  /// Whether no weight is infinite or NaN, so that an input of zero adds nothing.
  bool finite() const { return finite_; }
  /// All that is packed.
  std::span<const float> floats() const { return packed_.span; }

 private:
  PackedFloats packed_;
  std::vector<kernels::Block> blocks_;
  size_t weight_bytes_;
  int64_t taps_;
  bool finite_;
};

}  // namespace upconv::internal
