#pragma once
// The steps of norms. One that takes its statistics from its own input runs as three, since tiles of one step have no
// order: moments of runs of the input, from them a mean, a scale and a shift for each channel, and
// y = act((x - mean) * scale + shift).
//
// Statistics are added up in float64, of sums of eight distances and squares in float32. The mean that is subtracted is
// rounded once, and what that took is in the shift, so wherever the mean lies only the distance, the scale and the
// result are rounded, by 1.5 eps |y| before act, eps = 2^-23; the variance adds up to one eps where few numbers make
// it.
#include <memory>
#include <vector>

#include "../../framework/graph.h"
#include "../../framework/layout.h"
#include "../../framework/program.h"
#include "../kernels/kernels.h"

namespace upconv::internal {

/// What shares a mean and a variance: `groups` runs of channels of each image, or with `batch` those of all images.
struct NormGroups {
  ImageShape shape;
  Layout layout;  ///< of the input
  int64_t groups;
  bool batch = false;
};

/// A scale and a shift for each channel.
struct NormAffine {
  std::vector<float> weight, bias;  ///< 1 and 0 where the layer has none
  double eps;
};

/// The value between the first two steps.
Shape moments_shape(const NormGroups& groups);
/// The value between the last two: for each image, or once for all, every channel's mean, then the scales, then the
/// shifts.
Shape statistics_shape(const NormGroups& groups);

std::unique_ptr<Step> moments_step(const NormGroups& groups, const kernels::Table& table);
std::unique_ptr<Step> statistics_step(const NormGroups& groups, NormAffine affine);
/// Statistics of each image from others and `count` numbers, one for each channel, or for each channel of each image:
/// with `product` scales and shifts are multiplied, else the numbers are added to the shifts.
std::unique_ptr<Step> modulate_step(const NormGroups& groups, bool product, int64_t count);
/// y = act((x - mean) * scale + shift) with the statistics as the second input.
std::unique_ptr<Step> normalise_step(const NormGroups& groups, kernels::Activation activation,
                                     const kernels::Table& table);
/// y = act(x * scale + shift) with one scale and one shift for each channel that are known beforehand.
std::unique_ptr<Step> affine_step(const ChannelAffine& affine, const ImageShape& shape, Layout layout,
                                  kernels::Activation activation, const kernels::Table& table);

/// y = act((x - mean) / sqrt(variance + eps) * weight + bias) over each of `rows` contiguous rows as long as weight.
std::unique_ptr<Step> layer_norm_step(int64_t rows, NormAffine affine, kernels::Activation activation,
                                      const kernels::Table& table);

}  // namespace upconv::internal
