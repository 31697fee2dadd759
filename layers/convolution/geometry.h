#pragma once
// The driver of the direct kernel: cuts a convolution into tiles for threads, and those into register tiles. Everything
// that maps pixels to pixels by taps runs through it: ConvTranspose2d, and Linear as a convolution of one pixel.
#include <memory>
#include <vector>

#include "../../framework/graph.h"
#include "../../framework/layout.h"
#include "../../framework/program.h"
#include "../kernels/kernels.h"
#include "axis.h"
#include "direct/weights.h"

namespace upconv::internal {

/// What a convolution is to the driver, whichever layer it came from.
struct ConvGeometry {
  ImageShape in, out;
  int64_t groups = 1;
  int64_t KW = 1;                 ///< tap index = kh * KW + kw
  std::vector<Phase> rows, cols;  ///< the phases of the two axes; those of one axis have the same in_step
  Border border = Border::zeros;
};

/// What surrounds a convolution.
struct ConvContext {
  Layout input, output;
  kernels::Activation activation;
  double flops;                ///< for Step::flops
  int threads;                 ///< that share the step
  std::vector<int64_t> parts;  ///< channels of the inputs whose concatenation is read
  bool residual = false;       ///< the input after them is added; it and the output then lie channels-last

  kernels::Residual residual_of(const Frame& frame, const float* y) const {
    return residual ? kernels::Residual{static_cast<const float*>(frame.inputs[parts.size()]), y} : kernels::Residual{};
  }
};

/// The residual of the output at y.
inline const float* residual_at(const kernels::Residual& residual, const float* y) {
  return residual.values + (y - residual.outputs);
}

/// Inputs from this width on are read by rows: register tiles of 14 pixels are then at least 10 full. Narrower ones are
/// read by pixels, best channels-last.
constexpr int64_t wide_row = 20;
/// From this width on they are by rows too where they lie planar already, which costs less than turning them.
constexpr int64_t vector_row = 16;
/// Whether any phase of the columns has so many.
bool has_rows_of(const ConvGeometry& geometry, int64_t pixels);

/// The runs of columns that are gathered together, of `lines` rows in all images: all of them where that takes at most
/// a quarter more products and the shortest run has few pixels, whose register tiles read weights faster than L2 gives
/// them (512-256 k4s2 4x4 on Zen 3: 3 pixels at 40 %), but where a vector takes two cycles (there 9 % faster apart).
std::vector<Segment> gathered_segments(const Phase& col, double lines, const kernels::Table& table);

std::unique_ptr<Step> direct_step(ConvGeometry geometry, std::shared_ptr<const PackedDirect> packed,
                                  const kernels::Table& table, ConvContext context);

}  // namespace upconv::internal
