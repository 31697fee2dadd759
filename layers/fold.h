#pragma once
#include <string>

#include "../framework/module.h"
#include "one_or_two.h"

namespace upconv {

/// The arguments of Unfold and Fold after their sizes, in PyTorch's order and with its defaults.
struct UnfoldOptions {
  OneOrTwo<int64_t> dilation = 1;  ///< pixels from one element of a window to the next
  OneOrTwo<int64_t> padding = 0;   ///< zeros on each side of a picture
  OneOrTwo<int64_t> stride = 1;    ///< pixels from one window to the next
};

/// torch.nn.Unfold: the windows of pictures as columns. Input (N, C, H, W) or (C, H, W), output (N, C * kH * kW, L) or
/// (C * kH * kW, L). There are L = L_h * L_w windows, L_h = (H + 2 * padding - dilation * (kH - 1) - 1) / stride + 1
/// rounded down, and L_w likewise. Row (c * kH + i) * kW + j of column h * L_w + w is the pixel of channel c in row
/// h * stride + i * dilation - padding and in the column that w and j give likewise, or 0 beyond the border.
class Unfold : public Module {
 public:
  /// `Unfold(3, {.padding = 1})`. Throws Error where an argument is out of range.
  explicit Unfold(OneOrTwo<int64_t> kernel_size, UnfoldOptions options = {});
  /// PyTorch's positional form.
  Unfold(OneOrTwo<int64_t> kernel_size, OneOrTwo<int64_t> dilation, OneOrTwo<int64_t> padding = 0,
         OneOrTwo<int64_t> stride = 1);
  Value forward(Value x) const override;
  std::string type_name() const override { return "Unfold"; }
  std::string extra_repr() const override;
  const OneOrTwo<int64_t> kernel_size;  ///< of a window
  const UnfoldOptions options;          ///< the other arguments
};

/// torch.nn.Fold: pictures from columns, each pixel the sum of what Unfold would have made of it. Input
/// (N, C * kH * kW, L) or (C * kH * kW, L), L as Unfold has it for a picture of output_size; output (N, C, H, W) or
/// (C, H, W).
class Fold : public Module {
 public:
  /// `Fold(8, 2, {.stride = 2})`. Throws Error where an argument is out of range.
  Fold(OneOrTwo<int64_t> output_size, OneOrTwo<int64_t> kernel_size, UnfoldOptions options = {});
  /// PyTorch's positional form.
  Fold(OneOrTwo<int64_t> output_size, OneOrTwo<int64_t> kernel_size, OneOrTwo<int64_t> dilation,
       OneOrTwo<int64_t> padding = 0, OneOrTwo<int64_t> stride = 1);
  Value forward(Value x) const override;
  std::string type_name() const override { return "Fold"; }
  std::string extra_repr() const override;
  const OneOrTwo<int64_t> output_size;  ///< height and width of the output
  const OneOrTwo<int64_t> kernel_size;  ///< of a window
  const UnfoldOptions options;          ///< the other arguments
};

}  // namespace upconv
