#pragma once
// What a convolution is to those who compute it, whichever layer it came from.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "../../framework/layout.h"
#include "../../framework/program.h"
#include "../kernels/kernels.h"
#include "axis.h"

namespace upconv::internal {

/// A map from pixels to pixels by taps: ConvTranspose2d, Conv2d, and Linear as a convolution of one pixel.
struct ConvGeometry {
  ImageShape in, out;
  int64_t groups = 1;
  int64_t KW = 1;                 ///< tap index = kh * KW + kw
  std::vector<Phase> rows, cols;  ///< the phases of the two axes; those of one axis have the same in_step
  Border border = Border::zeros;

  /// Whether any phase of the columns has so many pixels.
  bool has_rows_of(int64_t pixels) const {
    return std::any_of(cols.begin(), cols.end(), [=](const Phase& col) { return col.count >= pixels; });
  }
};

/// Inputs from this width on are read by rows: register tiles of 14 pixels are then at least 10 full. Narrower ones are
/// read by pixels, best channels-last.
constexpr int64_t wide_row = 20;
/// From this width on they are by rows too where they lie planar already, which costs less than turning them.
constexpr int64_t vector_row = 16;

/// What surrounds a convolution.
struct ConvContext {
  Layout input, output;
  Pointwise activation;
  double flops;                ///< for Step::flops
  int threads;                 ///< that share the step
  std::vector<int64_t> parts;  ///< channels of the inputs whose concatenation is read
  bool residual = false;       ///< the input after them is added; it and the output then lie channels-last
  /// What lies in memory: of each part, and of the output. What is stored as bfloat16 lies channels-last.
  std::vector<DType> part_types;
  DType stored = DType::float32;

  bool rounded() const { return stored == DType::bfloat16; }
  /// Element `at` of the output's memory.
  void* output_at(void* memory, int64_t at) const {
    return static_cast<std::byte*>(memory) + at * static_cast<int64_t>(size_of(stored));
  }
  kernels::Residual residual_of(const Frame& frame, const void* y) const {
    return residual ? kernels::Residual{static_cast<const float*>(frame.inputs[parts.size()]), y} : kernels::Residual{};
  }
};

/// The residual of the output at y, a float.
inline const float* residual_at(const kernels::Residual& residual, const float* y) {
  return residual.values + (y - static_cast<const float*>(residual.outputs));
}

/// A run of numbers, such as images, rows or tiles.
struct Range {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

/// Calls f with runs of at most `size` of so many, in order.
template <class F>
void each_run(int64_t total, int64_t size, F f) {
  for (int64_t begin = 0; begin < total; begin += size) f(Range{begin, std::min(total, begin + size)});
}
/// Part `part` of `parts` parts of so many.
inline Range part_of(int64_t total, int64_t part, int64_t parts) {
  return {total * part / parts, total * (part + 1) / parts};
}

}  // namespace upconv::internal
