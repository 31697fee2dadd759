#pragma once
#include <optional>

#include "../framework/module.h"
#include "integer_or_number.h"
#include "one_or_two.h"

namespace upconv {

/// The arguments of AvgPool2d after kernel_size, in PyTorch's order and with its defaults.
struct AvgPool2dOptions {
  MaybeOneOrTwo<int64_t> stride = {};            ///< nothing means kernel_size
  OneOrTwo<int64_t> padding = 0;                 ///< zeros at both ends of each axis, at most half a kernel
  bool ceil_mode = false;                        ///< whether the last window may reach beyond the padding
  bool count_include_pad = true;                 ///< whether zeros of the padding count as elements
  std::optional<int64_t> divisor_override = {};  ///< in the place of the number of elements
};

/// torch.nn.AvgPool2d: the mean of each window. Input (N, C, H, W) or (C, H, W), output of the same rank with
/// H_out = (H + 2 * padding - kernel_size) / stride + 1, rounded down, or up with ceil_mode where the last window
/// begins within H + padding; W_out likewise. Throws Error where an argument is out of range.
class AvgPool2d : public Module {
 public:
  /// `AvgPool2d(3, {.stride = 2})`.
  explicit AvgPool2d(OneOrTwo<int64_t> kernel_size, AvgPool2dOptions options = {});
  /// PyTorch's positional form.
  AvgPool2d(OneOrTwo<int64_t> kernel_size, OneOrTwo<int64_t> stride, OneOrTwo<int64_t> padding = 0,
            bool ceil_mode = false, bool count_include_pad = true, std::optional<int64_t> divisor_override = {});
  Value forward(Value x) const override;
  std::string type_name() const override { return "AvgPool2d"; }
  std::string extra_repr() const override;
  const OneOrTwo<int64_t> kernel_size;  ///< of a window
  const AvgPool2dOptions options;       ///< the other arguments
};

/// The arguments of MaxPool2d after kernel_size, in PyTorch's order and with its defaults.
struct MaxPool2dOptions {
  MaybeOneOrTwo<int64_t> stride = {};  ///< nothing means kernel_size
  OneOrTwo<int64_t> padding = 0;       ///< nothing at both ends of each axis, at most half a kernel
  OneOrTwo<int64_t> dilation = 1;      ///< pixels from one element of a window to the next
  bool return_indices = false;         ///< the only one there is
  bool ceil_mode = false;              ///< whether the last window may reach beyond the padding
};

/// torch.nn.MaxPool2d: the largest element of each window, NaN where it has one. Shapes as of AvgPool2d, with
/// dilation * (kernel_size - 1) + 1 in the place of kernel_size.
class MaxPool2d : public Module {
 public:
  /// `MaxPool2d(3, {.stride = 2})`.
  explicit MaxPool2d(OneOrTwo<int64_t> kernel_size, MaxPool2dOptions options = {});
  /// PyTorch's positional form.
  MaxPool2d(OneOrTwo<int64_t> kernel_size, OneOrTwo<int64_t> stride, OneOrTwo<int64_t> padding = 0,
            OneOrTwo<int64_t> dilation = 1, bool return_indices = false, bool ceil_mode = false);
  Value forward(Value x) const override;
  std::string type_name() const override { return "MaxPool2d"; }
  std::string extra_repr() const override;
  const OneOrTwo<int64_t> kernel_size;  ///< of a window
  const MaxPool2dOptions options;       ///< the other arguments
};

/// torch.nn.LPPool2d: the root of order norm_type of the sum of all elements of a window to that power, NaN where a
/// root is of a negative number. As PyTorch does it, a window that reaches beyond the picture with ceil_mode is scaled
/// up to the number of elements that it would have. Shapes as of AvgPool2d without padding.
class LPPool2d : public Module {
 public:
  /// Throws Error where norm_type is 0 or another argument out of range.
  LPPool2d(IntegerOrNumber norm_type, OneOrTwo<int64_t> kernel_size, MaybeOneOrTwo<int64_t> stride = {},
           bool ceil_mode = false);
  Value forward(Value x) const override;
  std::string type_name() const override { return "LPPool2d"; }
  std::string extra_repr() const override;
  const IntegerOrNumber norm_type;      ///< the power
  const OneOrTwo<int64_t> kernel_size;  ///< of a window
  const MaybeOneOrTwo<int64_t> stride;  ///< nothing means kernel_size
  const bool ceil_mode;                 ///< whether the last window may reach beyond the picture
};

/// torch.nn.AdaptiveAvgPool2d: output i of an axis is the mean of inputs floor(i * in / out) to ceil((i + 1) * in /
/// out). Input (N, C, H, W) or (C, H, W); nothing as a size keeps the input's.
class AdaptiveAvgPool2d : public Module {
 public:
  /// A size of the output, or nothing for the input's.
  using Size = std::optional<int64_t>;
  /// Throws Error where a size is negative.
  explicit AdaptiveAvgPool2d(OneOrTwo<Size> output_size);
  Value forward(Value x) const override;
  std::string type_name() const override { return "AdaptiveAvgPool2d"; }
  std::string extra_repr() const override;
  const OneOrTwo<Size> output_size;  ///< height and width of the output
};

/// torch.nn.AdaptiveMaxPool2d: the largest element, NaN where there is one, of AdaptiveAvgPool2d's windows.
class AdaptiveMaxPool2d : public Module {
 public:
  /// A size of the output, or nothing for the input's.
  using Size = AdaptiveAvgPool2d::Size;
  /// Throws Error where a size is negative, or indices are asked for.
  explicit AdaptiveMaxPool2d(OneOrTwo<Size> output_size, bool return_indices = false);
  Value forward(Value x) const override;
  std::string type_name() const override { return "AdaptiveMaxPool2d"; }
  std::string extra_repr() const override;
  const OneOrTwo<Size> output_size;  ///< height and width of the output
};

/// The arguments of AvgPool1d after kernel_size, in PyTorch's order and with its defaults.
struct AvgPool1dOptions {
  std::optional<int64_t> stride = {};  ///< nothing means kernel_size
  int64_t padding = 0;                 ///< zeros at both ends, at most half a kernel
  bool ceil_mode = false;              ///< whether the last window may reach beyond the padding
  bool count_include_pad = true;       ///< whether zeros of the padding count as elements
};

/// torch.nn.AvgPool1d: AvgPool2d of one dimension. Input (N, C, L) or (C, L), output of the same rank.
class AvgPool1d : public Module {
 public:
  /// `AvgPool1d(3, {.stride = 2})`. Throws Error where an argument is out of range.
  explicit AvgPool1d(int64_t kernel_size, AvgPool1dOptions options = {});
  /// PyTorch's positional form.
  AvgPool1d(int64_t kernel_size, int64_t stride, int64_t padding = 0, bool ceil_mode = false,
            bool count_include_pad = true);
  Value forward(Value x) const override;
  std::string type_name() const override { return "AvgPool1d"; }
  std::string extra_repr() const override;
  const int64_t kernel_size;       ///< of a window
  const AvgPool1dOptions options;  ///< the other arguments
};

/// The arguments of MaxPool1d after kernel_size, in PyTorch's order and with its defaults.
struct MaxPool1dOptions {
  std::optional<int64_t> stride = {};  ///< nothing means kernel_size
  int64_t padding = 0;                 ///< nothing at both ends, at most half a kernel
  int64_t dilation = 1;                ///< elements from one of a window to the next
  bool return_indices = false;         ///< the only one there is
  bool ceil_mode = false;              ///< whether the last window may reach beyond the padding
};

/// torch.nn.MaxPool1d: MaxPool2d of one dimension. Input (N, C, L) or (C, L), output of the same rank.
class MaxPool1d : public Module {
 public:
  /// `MaxPool1d(3, {.stride = 2})`. Throws Error where an argument is out of range.
  explicit MaxPool1d(int64_t kernel_size, MaxPool1dOptions options = {});
  /// PyTorch's positional form.
  MaxPool1d(int64_t kernel_size, int64_t stride, int64_t padding = 0, int64_t dilation = 1, bool return_indices = false,
            bool ceil_mode = false);
  Value forward(Value x) const override;
  std::string type_name() const override { return "MaxPool1d"; }
  std::string extra_repr() const override;
  const int64_t kernel_size;       ///< of a window
  const MaxPool1dOptions options;  ///< the other arguments
};

/// torch.nn.AdaptiveAvgPool1d: AdaptiveAvgPool2d of one dimension. Input (N, C, L) or (C, L).
class AdaptiveAvgPool1d : public Module {
 public:
  /// Throws Error where the size is negative.
  explicit AdaptiveAvgPool1d(int64_t output_size);
  Value forward(Value x) const override;
  std::string type_name() const override { return "AdaptiveAvgPool1d"; }
  std::string extra_repr() const override;
  const int64_t output_size;  ///< length of the output
};

/// torch.nn.AdaptiveMaxPool1d: AdaptiveMaxPool2d of one dimension. Input (N, C, L) or (C, L).
class AdaptiveMaxPool1d : public Module {
 public:
  /// Throws Error where the size is negative, or indices are asked for.
  explicit AdaptiveMaxPool1d(int64_t output_size, bool return_indices = false);
  Value forward(Value x) const override;
  std::string type_name() const override { return "AdaptiveMaxPool1d"; }
  std::string extra_repr() const override;
  const int64_t output_size;  ///< length of the output
};

}  // namespace upconv
