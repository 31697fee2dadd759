#pragma once
// The weights of a layer that multiplies: how they lie in its parameter, and where what a kernel reads of them comes
// from.
#include <memory>
#include <optional>
#include <vector>

#include "../../framework/packed.h"
#include "../../framework/parameter.h"
#include "depthwise/step.h"
#include "direct/weights.h"
#include "rows/step.h"
#include "winograd/weights.h"

namespace upconv::internal {

/// Weights that are made of a layer's own, under a name that tells these from others.
struct DerivedWeights {
  std::string key;
  std::function<Tensor(const Stored&)> make;
};

/// A layer's parameters with what it has absorbed; `layout` is that of the weights that kernels see.
struct ConvWeights {
  Parameter weight;
  std::optional<Parameter> bias;
  WeightLayout layout;
  std::optional<ChannelAffine> affine = {};
  std::optional<DerivedWeights> derived = {};  ///< nothing: the layer's own

  /// Packed on the crew of `lowering`, once for these values and this way. Throws Error where a parameter has no
  /// values.
  std::shared_ptr<const PackedDirect> direct(const Lowering& lowering) const;
  std::shared_ptr<const PackedWinograd> winograd(const Tiling& tiling, const ConvGeometry& geometry,
                                                 const Lowering& lowering) const;
  std::shared_ptr<const PackedRows> rows(const std::optional<Tiling>& tiling, const ConvGeometry& geometry,
                                         const Lowering& lowering) const;
  std::shared_ptr<const PackedDepthwise> depthwise(const Lowering& lowering) const;

 private:
  template <class Packed, class Make>
  std::shared_ptr<const Packed> packed(const std::string& way, const Lowering& lowering, Make make) const;
};

}  // namespace upconv::internal
