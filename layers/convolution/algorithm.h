#pragma once
// Which algorithm computes a convolution.
#include <optional>
#include <string>
#include <vector>

#include "winograd/plan.h"

namespace upconv::internal {

/// A way to compute a convolution: by a tiling of Winograd's, or, where it has none, by the direct kernel, by that with
/// pixels in its lanes (which some tilings have too) or by that of a kernel for each channel.
struct ConvCandidate {
  enum Kernel { direct, rows, depthwise };
  std::optional<Tiling> tiling;
  double cycles;  ///< that one core is expected to take for an image
  Kernel kernel = direct;
  /// Of its step: Step::algorithm().
  std::string name() const;
};

/// All that apply and that the options' accuracy allows; the direct kernel always does and comes first. `input` and
/// `output`: the layouts of the convolution's.
std::vector<ConvCandidate> conv_candidates(const ConvGeometry& geometry, Layout input, Layout output,
                                           const kernels::Table& table, const Options& options);

/// The one that the options name, if it is among them, else the cheapest. Both are decided from the layer, the size of
/// an image and the options, never from the batch.
ConvCandidate choose(const std::vector<ConvCandidate>& candidates, const Options& options);

}  // namespace upconv::internal
