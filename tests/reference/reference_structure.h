#pragma once
// The shortest correct loops of what moves, joins and resamples values: the oracle of their tests. Contiguous, sums in
// float64, never optimised.
#include <functional>
#include <optional>
#include <vector>

#include "../../framework/tensor.h"
#include "../../layers/pad.h"
#include "../../layers/pool.h"
#include "../../layers/resample.h"

namespace upconv::reference {

/// y[i] = f(a[i], b[i]), a and b broadcast.
Tensor binary(const Tensor& a, const Tensor& b, const std::function<double(double, double)>& f);

/// y[..., m, n] = sum_k a[..., m, k] * b[..., k, n] of equal ranks, the dimensions before broadcast.
Tensor matmul(const Tensor& a, const Tensor& b);

Tensor cat(const std::vector<Tensor>& values, size_t dim);
/// Elements start, start + step, ... of dimension dim, `count` of them.
Tensor slice(const Tensor& x, size_t dim, int64_t start, int64_t count, int64_t step);
/// Dimension i of y is dimension dims[i] of x.
Tensor permute(const Tensor& x, const std::vector<size_t>& dims);

/// y[n, c, h * r + i, w * r + j] = x[n, (c * r + i) * r + j, h, w].
Tensor pixel_shuffle(const Tensor& x, int64_t r);

enum class Padding { reflection, replication, constant };
/// x (N, C, H, W) extended or cropped at its sides.
Tensor pad2d(const Tensor& x, const Sides& sides, Padding kind, float value = 0);

/// x (N, C, H, W) under UpsampleOptions, positions in float32 as PyTorch has them.
Tensor upsample(const Tensor& x, const UpsampleOptions& options);

/// Of x (N, C, H, W), to the size that the layer's shape rule says.
Tensor max_pool2d(const Tensor& x, OneOrTwo<int64_t> kernel, const MaxPool2dOptions& options, int64_t H, int64_t W);
Tensor avg_pool2d(const Tensor& x, OneOrTwo<int64_t> kernel, const AvgPool2dOptions& options, int64_t H, int64_t W);
Tensor adaptive_avg_pool2d(const Tensor& x, int64_t H, int64_t W);

}  // namespace upconv::reference
