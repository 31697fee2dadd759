#include "layers/pad.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/layout.h"
#include "layers/check.h"
#include "layers/repr.h"
#include "layers/row.h"
#include "layers/steps/remap.h"

namespace upconv {

using namespace internal;

namespace {

constexpr int64_t largest = int64_t{1} << 40;  // of a side, so that sums of them cannot overflow

/// For each output of an axis of `in` inputs the input that it is, or -1.
using Rule = int64_t (*)(int64_t at, int64_t in);

int64_t reflected(int64_t at, int64_t in) {
  if (at < 0) return -at;
  return at < in ? at : 2 * (in - 1) - at;
}
int64_t replicated(int64_t at, int64_t in) { return std::clamp<int64_t>(at, 0, in - 1); }
int64_t opposite(int64_t at, int64_t in) { return at < 0 ? at + in : at % in; }
int64_t beside(int64_t at, int64_t in) { return at >= 0 && at < in ? at : -1; }

class PadOperation : public Operation {
 public:
  /// `rows` says that pictures are of one row, for layers of one dimension.
  PadOperation(std::string_view name, const Sides& sides, Rule rule, float value, bool rows)
      : name_(name), sides_(sides), rule_(rule), value_(value), rows_(rows) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override {  // the name says the rule
    print(sides_.left, sides_.right, sides_.top, sides_.bottom, value_);
  }

  Type infer(std::span<const Type> inputs) const override {
    const Type& x = inputs[0];
    check_picture(x);
    Shape shape = x.shape;
    int64_t& H = shape[shape.size() - 2];
    int64_t& W = shape[shape.size() - 1];
    if (!rows_) H = padded("height", H, sides_.top, sides_.bottom, x.shape);
    W = padded(rows_ ? "length" : "width", W, sides_.left, sides_.right, x.shape);
    return counted({shape, DType::float32});
  }

  std::optional<Pad> pad() const override {
    const int64_t least = std::min({sides_.left, sides_.right, sides_.top, sides_.bottom});
    if (least < 0 || (rule_ == beside && value_ != 0)) return {};
    const Border border = rule_ == reflected    ? Border::reflect
                          : rule_ == replicated ? Border::replicate
                          : rule_ == opposite   ? Border::circular
                                                : Border::zeros;
    return Pad{sides_.top, sides_.bottom, sides_.left, sides_.right, border};
  }

  bool any_layout(std::span<const Type>) const override { return true; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const ImageShape in = image_shape(lowering.inputs[0].shape), out = image_shape(lowering.output.shape);
    return remap_step(in, map(in.H, out.H, sides_.top), map(in.W, out.W, sides_.left), value_, lowering.output_layout);
  }

 private:
  std::string printed() const { return rows_ ? str(Ends(sides_.left, sides_.right)) : str(sides_); }

  int64_t padded(const char* axis, int64_t in, int64_t before, int64_t after, const Shape& shape) const {
    for (int64_t side : {before, after}) {
      if (side > largest || side < -largest) fail("expected paddings of at most {}, got {}", largest, printed());
      if (rule_ == reflected && side >= in)
        fail("expected paddings smaller than the {} of {}, got {} for {}", axis, in, side, shown(shape, rows_));
    }
    if (rule_ == opposite && std::max(before, after) > in)
      fail("expected paddings of at most the {} of {}, got {} for {}", axis, in, std::max(before, after),
           shown(shape, rows_));
    if (rule_ == replicated && in == 0) fail("expected a {} of at least 1, got {}", axis, shown(shape, rows_));
    const int64_t out = in + before + after;
    if (out < 0 || (rule_ == beside && in + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0) < 0))
      fail("expected to crop no more than the {} of {}, got paddings {} for {}", axis, in, printed(),
           shown(shape, rows_));
    return out;
  }

  std::vector<int64_t> map(int64_t in, int64_t out, int64_t before) const {
    std::vector<int64_t> from;
    for (int64_t i = 0; i < out; ++i) from.push_back(rule_(i - before, in));
    return from;
  }

  std::string_view name_;
  Sides sides_;
  Rule rule_;
  float value_;
  bool rows_;
};

Value pad(std::string_view name, const Sides& sides, Rule rule, Value x, float value = 0) {
  return x.graph().apply(std::make_shared<PadOperation>(name, sides, rule, value, false), {x});
}
Value pad(std::string_view name, const Ends& ends, Rule rule, Value x, float value = 0) {
  const Sides sides(ends.left, ends.right, 0, 0);
  const auto operation = std::make_shared<PadOperation>(name, sides, rule, value, true);
  return of_rows(name, x, [&](Value picture) { return picture.graph().apply(operation, {picture}); });
}

}  // namespace

std::string str(const Sides& sides) {
  return fmt::format("({}, {}, {}, {})", sides.left, sides.right, sides.top, sides.bottom);
}

std::string str(const Ends& ends) { return fmt::format("({}, {})", ends.left, ends.right); }

Value ReflectionPad2d::forward(Value x) const { return pad("ReflectionPad2d", padding, reflected, x); }
Value ReplicationPad2d::forward(Value x) const { return pad("ReplicationPad2d", padding, replicated, x); }
Value ZeroPad2d::forward(Value x) const { return pad("ZeroPad2d", padding, beside, x); }

Value CircularPad2d::forward(Value x) const {
  // What is cropped is gone before the rest comes round, as in PyTorch.
  const auto [left, right, top, bottom] = padding;
  const auto less = [](int64_t side) { return std::min<int64_t>(side, 0); };
  const auto more = [](int64_t side) { return std::max<int64_t>(side, 0); };
  if (less(left) + less(right) + less(top) + less(bottom) < 0)
    x = pad("CircularPad2d", {less(left), less(right), less(top), less(bottom)}, beside, x);
  return pad("CircularPad2d", {more(left), more(right), more(top), more(bottom)}, opposite, x);
}

Value ConstantPad2d::forward(Value x) const {
  return pad("ConstantPad2d", padding, beside, x, static_cast<float>(number(value)));
}

std::string ConstantPad2d::extra_repr() const {
  return fmt::format("padding={}, value={}", upconv::str(padding), python(value));
}

Value ReflectionPad1d::forward(Value x) const { return pad("ReflectionPad1d", padding, reflected, x); }
Value ReplicationPad1d::forward(Value x) const { return pad("ReplicationPad1d", padding, replicated, x); }
Value ZeroPad1d::forward(Value x) const { return pad("ZeroPad1d", padding, beside, x); }

Value CircularPad1d::forward(Value x) const {
  const auto [left, right] = padding;  // in the order of CircularPad2d
  if (std::min(left, right) < 0)
    x = pad("CircularPad1d", Ends(std::min<int64_t>(left, 0), std::min<int64_t>(right, 0)), beside, x);
  return pad("CircularPad1d", Ends(std::max<int64_t>(left, 0), std::max<int64_t>(right, 0)), opposite, x);
}

Value ConstantPad1d::forward(Value x) const {
  return pad("ConstantPad1d", padding, beside, x, static_cast<float>(number(value)));
}

std::string ConstantPad1d::extra_repr() const {
  return fmt::format("padding={}, value={}", upconv::str(padding), python(value));
}

}  // namespace upconv
