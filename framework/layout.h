#pragma once
#include <cstdint>

#include "graph.h"

namespace upconv::internal {

/// A picture value as kernels see it: a batch of N images. Rank 3 (C, H, W) is one image, rank 2 (N, C) has one pixel.
struct ImageShape {
  int64_t N, C, H, W;
};
ImageShape image_shape(const Shape& shape);

/// Whether a picture lies (N, C, H, W) where channels-last would be other bytes: of several channels and pixels.
bool planar(Layout layout, const ImageShape& shape);

/// Whether both layouts of this shape are the same bytes: not a picture, or one with one channel or one pixel.
bool same_in_both_layouts(const Shape& shape);

/// y[c * y_stride + r] = x[r * x_stride + c] for r < rows, c < columns; no overlap.
void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows, int64_t columns);
/// The same of integers, which are seldom many.
void transpose(const int64_t* x, int64_t x_stride, int64_t* y, int64_t y_stride, int64_t rows, int64_t columns);

}  // namespace upconv::internal
