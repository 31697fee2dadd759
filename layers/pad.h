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

/// How far a row is extended at each end, or cropped where negative: one number for both, or {left, right}.
struct Ends {
  int64_t left;   ///< elements before the row
  int64_t right;  ///< elements after it
  /// `both` for both ends.
  constexpr Ends(int64_t both) : left(both), right(both) {}
  /// One for each.
  constexpr Ends(int64_t left, int64_t right) : left(left), right(right) {}
};

/// As Python prints a tuple: "(1, 2)".
[[nodiscard]] std::string str(const Ends& ends);

/// How far a volume is extended at each face, or cropped where negative: {left, right, top, bottom, front, back}.
struct Faces {
  int64_t left;    ///< columns before it
  int64_t right;   ///< columns after it
  int64_t top;     ///< rows above it
  int64_t bottom;  ///< rows below it
  int64_t front;   ///< pictures before it
  int64_t back;    ///< pictures behind it
  /// One for each.
  constexpr Faces(int64_t left, int64_t right, int64_t top, int64_t bottom, int64_t front, int64_t back)
      : left(left), right(right), top(top), bottom(bottom), front(front), back(back) {}
};

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

/// torch.nn.ReflectionPad1d: ReflectionPad2d of one dimension. Input (N, C, L) or (C, L). Throws Error, when called,
/// where an end is not smaller than the length.
class ReflectionPad1d : public Module {
 public:
  /// As torch.nn makes it.
  explicit ReflectionPad1d(Ends padding) : padding(padding) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ReflectionPad1d"; }
  std::string extra_repr() const override { return upconv::str(padding); }
  const Ends padding;  ///< how far at each end
};

/// torch.nn.ReplicationPad1d: ReplicationPad2d of one dimension. Input (N, C, L) or (C, L).
class ReplicationPad1d : public Module {
 public:
  /// As torch.nn makes it.
  explicit ReplicationPad1d(Ends padding) : padding(padding) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ReplicationPad1d"; }
  std::string extra_repr() const override { return upconv::str(padding); }
  const Ends padding;  ///< how far at each end
};

/// torch.nn.ZeroPad1d: ZeroPad2d of one dimension. Input (N, C, L) or (C, L).
class ZeroPad1d : public Module {
 public:
  /// As torch.nn makes it.
  explicit ZeroPad1d(Ends padding) : padding(padding) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ZeroPad1d"; }
  std::string extra_repr() const override { return upconv::str(padding); }
  const Ends padding;  ///< how far at each end
};

/// torch.nn.CircularPad1d: CircularPad2d of one dimension. Input (N, C, L) or (C, L). Throws Error, when called, where
/// an end is greater than the length, less what is cropped of it.
class CircularPad1d : public Module {
 public:
  /// As torch.nn makes it.
  explicit CircularPad1d(Ends padding) : padding(padding) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "CircularPad1d"; }
  std::string extra_repr() const override { return upconv::str(padding); }
  const Ends padding;  ///< how far at each end
};

/// torch.nn.ConstantPad1d: ConstantPad2d of one dimension. Input (N, C, L) or (C, L).
class ConstantPad1d : public Module {
 public:
  /// As torch.nn makes it.
  ConstantPad1d(Ends padding, IntegerOrNumber value) : padding(padding), value(value) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "ConstantPad1d"; }
  std::string extra_repr() const override;
  const Ends padding;           ///< how far at each end
  const IntegerOrNumber value;  ///< printed as it was given
};

}  // namespace upconv
