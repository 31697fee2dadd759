#pragma once
// The weights of a layer that multiplies: how they lie in its parameter, what it has absorbed, and where what a kernel
// reads of them comes from.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../framework/graph.h"
#include "../../framework/packed.h"
#include "../../framework/parameter.h"
#include "../kernels/kernels.h"

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

/// Some of a layer's weights: `ics` input channels from `ic` on and `ocs` output channels from `oc` on, of one group.
struct WeightPart {
  int64_t group, oc, ocs, ic, ics;
};

/// A layer's weights in its own order, with what BatchNorm folds into them: a factor and a shift for each output
/// channel.
struct WeightView {
  const Stored& stored;
  const WeightLayout& layout;
  const std::vector<double>& scale;
  const std::vector<float>& shift;

  /// A part without its factors: panel[k * pitch + oc - part.oc], k = (ic - part.ic) * taps + tap. `scratch` has room
  /// for them.
  void read(const kernels::Table& table, const WeightPart& part, float* panel, int64_t pitch, float* scratch) const;
};

/// y[i] = x[i] * factor[i], rounded once; whether all of them are finite.
bool scaled(const float* x, const double* factor, int64_t count, float* y);

/// Puts values, rounded to bfloat16, into halves of as many words, the low ones or the high ones; whether all of them
/// are finite then.
bool put_halves(const kernels::Table& table, const float* values, int64_t count, int64_t half, float* words);

/// Sets a float that is 0 to 1, as several threads may at once. std::atomic_ref would, which libc++ has had since
/// LLVM 19.
inline void mark(float& said) {
  float one = 1;
  __atomic_store(&said, &one, __ATOMIC_RELAXED);
}

/// How many input channels are packed at a time, so that `lanes` output channels of them stay in L1.
int64_t packed_at_once(const WeightLayout& layout, int64_t lanes);

/// Weights that are made of a layer's own, under a name that tells these from others.
struct DerivedWeights {
  std::string key;
  std::function<Tensor(const Stored&)> make;
};

/// The kernels for the instruction set and the precision that a layer is lowered for: of pairs of bfloat16 where those
/// are the faster ones.
const kernels::Table& table_of(const Lowering& lowering);

/// A layer's parameters with what it has absorbed; `layout` is that of the weights that kernels see.
struct ConvWeights {
  Parameter weight;
  std::optional<Parameter> bias;
  WeightLayout layout;
  std::optional<ChannelAffine> affine = {};
  std::optional<DerivedWeights> derived = {};  ///< nothing: the layer's own

  /// Packed(table, view, packer, arguments...), made on the crew of `lowering`, once for these values and each `way`,
  /// which tells apart what packs otherwise. Throws Error where a parameter has no values.
  template <class Packed, class... Arguments>
  std::shared_ptr<const Packed> packed(const std::string& way, const Lowering& lowering,
                                       const Arguments&... arguments) const {
    return std::static_pointer_cast<const Packed>(
        once(way, lowering, [&](const WeightView& view, const Packer& packer) {
          return std::make_shared<const Packed>(table_of(lowering), view, packer, arguments...);
        }));
  }

 private:
  using Make = std::function<std::shared_ptr<const void>(const WeightView&, const Packer&)>;
  std::shared_ptr<const void> once(const std::string& way, const Lowering& lowering, const Make& make) const;
};

}  // namespace upconv::internal
