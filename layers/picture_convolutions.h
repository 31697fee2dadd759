#pragma once
// Internal: what Conv2d and ConvTranspose2d write down, for those of one dimension too, whose weight of rank 3 is that
// of pictures of one row.
#include <memory>
#include <optional>
#include <string_view>

#include "../framework/graph.h"
#include "../framework/layout.h"
#include "conv2d.h"
#include "conv_transpose2d.h"

namespace upconv::internal {

/// The convolution of the layer that is called `layer`, with a weight (out_channels, in_channels / groups, kH, kW) or
/// (out_channels, in_channels / groups, kW).
std::shared_ptr<const Operation> convolution(std::string_view layer, const Parameter& weight,
                                             std::optional<Parameter> bias, const Conv2dOptions& options);
/// The transposed one, with a weight (in_channels, out_channels / groups, kH, kW) or (in_channels, out_channels /
/// groups, kW).
std::shared_ptr<const Operation> transposed_convolution(std::string_view layer, const Parameter& weight,
                                                        std::optional<Parameter> bias,
                                                        const ConvTranspose2dOptions& options);

/// The same with a weight that is a value, as weighted() has it, and a bias of (out_channels).
Value convolved(std::string_view layer, Value x, Value weight, std::optional<Value> bias, const Conv2dOptions& options);
Value convolved(std::string_view layer, Value x, Value weight, std::optional<Value> bias,
                const ConvTranspose2dOptions& options);

/// (H - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1: the output of one axis without output_padding.
Pair least_output(const ImageShape& in, Pair kernel, const ConvTranspose2dOptions& options);

/// A padding_mode of PyTorch's; throws Error that names the layer where there is none of that name.
Border border_of(std::string_view layer, const std::string& padding_mode);
/// "same" or "valid", or ""; throws Error that names the layer where a padding is another word, or "same" with another
/// stride than 1.
void check_padding_word(std::string_view layer, const std::string& word, bool strides, const std::string& stride);

}  // namespace upconv::internal
