#pragma once
#include <string>

#include "../framework/module.h"
#include "integer_or_number.h"

namespace upconv {

/// How far a picture is extended at each side, or cropped where negative: one number for all, or {left, right, top,
/// bottom}.
struct Sides {
  int64_t left;    ///< columns before the picture
  int64_t right;   ///< columns after it
  int64_t top;     ///< rows above it
  int64_t bottom;  ///< rows below it
  /// `all` for all sides.
  constexpr Sides(int64_t all) : left(all), right(all), top(all), bottom(all) {}
  /// One for each.
  constexpr Sides(int64_t left, int64_t right, int64_t top, int64_t bottom)
      : left(left), right(right), top(top), bottom(bottom) {}
};

/// As Python prints a tuple: "(1, 1, 2, 2)".
[[nodiscard]] std::string str(const Sides& sides);

/// torch.nn.ReflectionPad2d: what lies beyond the border is what lies before it, without the border itself. Input
/// (N, C, H, W) or (C, H, W). Throws Error, when called, where a side is not smaller than its size.
class ReflectionPad2d : public Module {
 public:
  /// As torch.nn makes it.
  explicit ReflectionPad2d(Sides padding) : padding(padding) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ReflectionPad2d"; }
  std::string extra_repr() const override { return upconv::str(padding); }
  const Sides padding;  ///< how far at each side
};

/// torch.nn.ReplicationPad2d: what lies beyond the border is the border. Input (N, C, H, W) or (C, H, W).
class ReplicationPad2d : public Module {
 public:
  /// As torch.nn makes it.
  explicit ReplicationPad2d(Sides padding) : padding(padding) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ReplicationPad2d"; }
  std::string extra_repr() const override { return upconv::str(padding); }
  const Sides padding;  ///< how far at each side
};

/// torch.nn.ZeroPad2d: what lies beyond the border is 0. Input (N, C, H, W) or (C, H, W).
class ZeroPad2d : public Module {
 public:
  /// As torch.nn makes it.
  explicit ZeroPad2d(Sides padding) : padding(padding) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ZeroPad2d"; }
  std::string extra_repr() const override { return upconv::str(padding); }
  const Sides padding;  ///< how far at each side
};

/// torch.nn.CircularPad2d: what lies beyond the border is the opposite side. Input (N, C, H, W) or (C, H, W). Throws
/// Error, when called, where a side is greater than its size, less what is cropped of it.
class CircularPad2d : public Module {
 public:
  /// As torch.nn makes it.
  explicit CircularPad2d(Sides padding) : padding(padding) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "CircularPad2d"; }
  std::string extra_repr() const override { return upconv::str(padding); }
  const Sides padding;  ///< how far at each side
};

/// torch.nn.ConstantPad2d: what lies beyond the border is `value`. Input (N, C, H, W) or (C, H, W).
class ConstantPad2d : public Module {
 public:
  /// As torch.nn makes it.
  ConstantPad2d(Sides padding, IntegerOrNumber value) : padding(padding), value(value) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ConstantPad2d"; }
  std::string extra_repr() const override;
  const Sides padding;          ///< how far at each side
  const IntegerOrNumber value;  ///< printed as it was given
};

}  // namespace upconv
