#include "layers/shuffle.h"

#include "framework/fail.h"
#include "framework/program.h"
#include "layers/check.h"
#include "layers/steps/strided.h"

namespace upconv {

using namespace internal;

namespace {

/// An operation that moves elements from either layout to either layout.
class ShuffleOperation : public Operation {
 public:
  ShuffleOperation(std::string_view name, int64_t factor) : name_(name), r_(factor) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override { print(r_); }
  bool any_layout(std::span<const Type>) const override { return true; }
  bool is_by_image() const override { return true; }
  Layout preferred_layout(Layout) const override { return Layout::channels_last; }
  Layout output_layout(Layout, Layout wanted) const override { return wanted; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const std::vector<int64_t> x = strides_of(lowering.inputs[0].shape, lowering.input_layouts[0]),
                               y = strides_of(lowering.output.shape, lowering.output_layout);
    const Move move = this->move(lowering.inputs[0].shape, x, lowering.output.shape, y);
    return move_step(std::span(&move, 1), lowering.output.dtype, kernels::table(*lowering.options.isa));
  }

 protected:
  using Strides = std::vector<int64_t>;
  virtual Move move(const Shape& in, const Strides& x, const Shape& out, const Strides& y) const = 0;

  std::string_view name_;
  int64_t r_;
};

/// From the one with small pictures and many channels to the other, or back.
class PixelShuffleOperation : public ShuffleOperation {
 public:
  PixelShuffleOperation(std::string_view name, int64_t factor, bool back)
      : ShuffleOperation(name, factor), back_(back) {}

  Type infer(std::span<const Type> inputs) const override {
    Type all = inputs[0];
    if (all.shape.size() < 3) fail("expected an input of 3 dimensions or more, (..., C, H, W), got {}", str(all.shape));
    int64_t* size = &all.shape.back() - 2;
    if (back_ && (size[1] % r_ != 0 || size[2] % r_ != 0))
      fail("expected a height and width divisible by {}, the downscale_factor, got {}", r_, str(all.shape));
    if (!back_ && size[0] % (r_ * r_) != 0)
      fail("expected channels divisible by {}, the square of upscale_factor, got {} in {}", r_ * r_, size[0],
           str(all.shape));
    size[0] = back_ ? size[0] * r_ * r_ : size[0] / (r_ * r_);
    for (int64_t* side : {size + 1, size + 2}) *side = back_ ? *side / r_ : *side * r_;
    return counted(all);
  }

 private:
  /// Dimensions (..., C, i, j, H, W) of the one, which are (..., C, H, i, W, j) of the other.
  Move move(const Shape& in, const Strides& x, const Shape& out, const Strides& y) const override {
    Move move = back_ ? split(in, x, y) : split(out, y, x);
    if (!back_) std::swap(move.x_strides, move.y_strides);
    return move;
  }
  /// `x` as strides of the large pictures, whose shape is `large`, and `y` as those of the small ones.
  Move split(const Shape& large, const Strides& x, const Strides& y) const {
    const size_t C = large.size() - 3;
    Move move{large, x, y};
    move.sizes[C + 1] /= r_;
    move.sizes[C + 2] /= r_;
    move.x_strides[C + 1] *= r_;
    move.x_strides[C + 2] *= r_;
    move.y_strides[C] *= r_ * r_;
    move.sizes.insert(move.sizes.end(), {r_, r_});
    move.x_strides.insert(move.x_strides.end(), {x[C + 1], x[C + 2]});
    move.y_strides.insert(move.y_strides.end(), {y[C] * r_, y[C]});
    return move;
  }

  bool back_;
};

class ChannelShuffleOperation : public ShuffleOperation {
 public:
  using ShuffleOperation::ShuffleOperation;

  Type infer(std::span<const Type> inputs) const override {
    const Shape& shape = inputs[0].shape;
    if (shape.size() < 3) fail("expected an input of 3 dimensions or more, (N, C, ...), got {}", str(shape));
    if (shape[1] % r_ != 0)
      fail("expected channels divisible by {}, the groups, got {} in {}", r_, shape[1], str(shape));
    return inputs[0];
  }

 private:
  /// Channel g * (C / groups) + k becomes k * groups + g.
  Move move(const Shape& in, const Strides& x, const Shape&, const Strides& y) const override {
    Move move{in, x, y};
    move.sizes[1] /= r_;
    move.y_strides[1] *= r_;
    move.sizes.push_back(r_);
    move.x_strides.push_back(x[1] * (in[1] / r_));
    move.y_strides.push_back(y[1]);
    return move;
  }
};

/// A factor of both sides, whose square is counted.
int64_t checked(const char* layer, const char* argument, int64_t value) {
  if (value < 1 || value > 1 << 15)
    fail("{}: {} must be positive and at most {}, got {}", layer, argument, 1 << 15, value);
  return value;
}

}  // namespace

PixelShuffle::PixelShuffle(int64_t upscale_factor)
    : upscale_factor(checked("PixelShuffle", "upscale_factor", upscale_factor)) {}
Value PixelShuffle::forward(Value x) const {
  return x.graph().apply(std::make_shared<PixelShuffleOperation>("PixelShuffle", upscale_factor, false), {x});
}
std::string PixelShuffle::extra_repr() const { return fmt::format("upscale_factor={}", upscale_factor); }

PixelUnshuffle::PixelUnshuffle(int64_t downscale_factor)
    : downscale_factor(checked("PixelUnshuffle", "downscale_factor", downscale_factor)) {}
Value PixelUnshuffle::forward(Value x) const {
  return x.graph().apply(std::make_shared<PixelShuffleOperation>("PixelUnshuffle", downscale_factor, true), {x});
}
std::string PixelUnshuffle::extra_repr() const { return fmt::format("downscale_factor={}", downscale_factor); }

ChannelShuffle::ChannelShuffle(int64_t groups) : groups(positive("ChannelShuffle", "groups", groups)) {}
Value ChannelShuffle::forward(Value x) const {
  return x.graph().apply(std::make_shared<ChannelShuffleOperation>("ChannelShuffle", groups), {x});
}
std::string ChannelShuffle::extra_repr() const { return fmt::format("groups={}", groups); }

}  // namespace upconv
