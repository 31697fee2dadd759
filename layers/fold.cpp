#include "layers/fold.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/layout.h"
#include "framework/program.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/pad.h"
#include "layers/repr.h"
#include "layers/steps/strided.h"

namespace upconv {

using namespace internal;

namespace {

constexpr int64_t largest = int64_t{1} << 30;  // of an argument, so that sums of products of two cannot overflow

/// The windows of one axis of `size` pixels: element k of window i is at i * stride + k * dilation - padding.
struct Axis {
  int64_t kernel, dilation, padding, stride;

  int64_t windows(int64_t size) const {
    const int64_t rest = size + 2 * padding - dilation * (kernel - 1) - 1;
    return rest < 0 ? 0 : rest / stride + 1;
  }
  void identify(Fingerprint& print) const { print(kernel, dilation, padding, stride); }
};

struct Axes {
  Axis rows, cols;

  Axes(const OneOrTwo<int64_t>& kernel, const UnfoldOptions& o)
      : rows{kernel.h, o.dilation.h, o.padding.h, o.stride.h}, cols{kernel.w, o.dilation.w, o.padding.w, o.stride.w} {}
  int64_t elements() const { return rows.kernel * cols.kernel; }
};

/// A picture that is padded already, whose windows are moved to columns.
class UnfoldOperation : public Operation {
 public:
  explicit UnfoldOperation(const Axes& axes) : axes_(axes) { axes_.rows.padding = axes_.cols.padding = 0; }
  std::string_view name() const override { return "Unfold"; }
  void identify(Fingerprint& print) const override {
    axes_.rows.identify(print);
    axes_.cols.identify(print);
  }

  Type infer(std::span<const Type> inputs) const override {
    check_picture(inputs[0]);
    const Shape& x = inputs[0].shape;
    const ImageShape image = image_shape(x);
    const int64_t H = axes_.rows.windows(image.H), W = axes_.cols.windows(image.W);
    if (image.C < 1) fail("expected at least one channel, got {}", str(x));
    if (H < 1 || W < 1) fail("expected room for a window within the padded height and width, got {}", str(x));
    numel({image.N, image.C, axes_.rows.kernel, axes_.cols.kernel, H, W});  // which 63 bits can count
    Shape shape{image.C * axes_.elements(), H * W};
    if (x.size() == 4) shape.insert(shape.begin(), image.N);
    return {shape, DType::float32};
  }

  Layout output_layout(Layout, Layout) const override { return Layout::contiguous; }

  /// Dimensions (N, C, kH, kW, H, W), of the output without gaps.
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const Shape& x = lowering.inputs[0].shape;
    const ImageShape in = image_shape(x);
    std::vector<int64_t> own = strides_of(x, lowering.input_layouts[0]);
    if (own.size() == 3) own.insert(own.begin(), 0);
    const auto [rows, cols] = axes_;
    Move move{
        {in.N, in.C, rows.kernel, cols.kernel, rows.windows(in.H), cols.windows(in.W)},
        {own[0], own[1], own[2] * rows.dilation, own[3] * cols.dilation, own[2] * rows.stride, own[3] * cols.stride},
        {}};
    move.y_strides = strides_of(move.sizes, Layout::contiguous);
    return move_step(std::span(&move, 1), DType::float32, kernels::table(*lowering.options.isa));
  }

 private:
  Axes axes_;
};

/// A tile is a run of rows of one channel: each output adds up its elements in the order of windows' rows and columns.
class FoldStep : public Step {
 public:
  FoldStep(const ImageShape& out, const Axes& axes)
      : out_(out),
        axes_(axes),
        H_(axes.rows.windows(out.H)),
        W_(axes.cols.windows(out.W)),
        height_(std::max<int64_t>(1, tile_elements / std::max<int64_t>(1, out.W))) {}

  int64_t tiles() const override { return out_.W == 0 ? 0 : out_.N * out_.C * strips(); }
  std::string algorithm() const override { return "fold"; }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t plane = tile / strips(), first = tile % strips() * height_;
    const float* x = static_cast<const float*>(frame.inputs[0]) + plane * axes_.elements() * H_ * W_;
    float* y = static_cast<float*>(frame.output) + (plane * out_.H + first) * out_.W;
    for (int64_t h = first; h < std::min(out_.H, first + height_); ++h, y += out_.W) {
      std::fill_n(y, out_.W, 0.0f);
      for (int64_t k = 0; k < axes_.rows.kernel; ++k) {
        const int64_t at = h + axes_.rows.padding - k * axes_.rows.dilation, window = at / axes_.rows.stride;
        if (at >= 0 && at % axes_.rows.stride == 0 && window < H_)
          add_row(x + (k * axes_.cols.kernel * H_ + window) * W_, y);
      }
    }
  }

 private:
  int64_t strips() const { return ceil_div(out_.H, height_); }

  /// Adds to the row y what a row of windows, x and those H_ * W_ further, have of it.
  void add_row(const float* x, float* y) const {
    const auto [kernel, dilation, padding, stride] = axes_.cols;
    for (int64_t k = 0; k < kernel; ++k, x += H_ * W_) {
      const int64_t begin = k * dilation - padding;  // where the first window's element is
      const int64_t first = begin < 0 ? ceil_div(-begin, stride) : 0;
      const int64_t last = begin < out_.W ? std::min(W_, ceil_div(out_.W - begin, stride)) : 0;
      for (int64_t w = first; w < last; ++w) y[begin + w * stride] += x[w];
    }
  }

  ImageShape out_;
  Axes axes_;
  int64_t H_, W_;   // how many windows there are
  int64_t height_;  // rows of a tile
};

class FoldOperation : public ContiguousOperation {
 public:
  FoldOperation(const OneOrTwo<int64_t>& size, const Axes& axes) : size_(size), axes_(axes) {}
  std::string_view name() const override { return "Fold"; }
  void identify(Fingerprint& print) const override {  // the shape of the output says the size
    axes_.rows.identify(print);
    axes_.cols.identify(print);
  }

  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    const Shape& x = inputs[0].shape;
    const int64_t elements = axes_.elements(), windows = axes_.rows.windows(size_.h) * axes_.cols.windows(size_.w);
    if (x.size() != 2 && x.size() != 3)
      fail("expected a 2-D (C * kH * kW, L) or 3-D (N, C * kH * kW, L) input, got {}", str(x));
    const int64_t rows = x[x.size() - 2];
    if (rows < 1 || rows % elements != 0)
      fail("expected rows divisible by {}, the product of kernel_size, got {} in {}", elements, rows, str(x));
    if (windows < 1) fail("expected room for a window within the padded output_size ({}, {})", size_.h, size_.w);
    if (x.back() != windows)
      fail("expected {} columns, the windows of output_size ({}, {}), got {} in {}", windows, size_.h, size_.w,
           x.back(), str(x));
    Shape shape{rows / elements, size_.h, size_.w};
    if (x.size() == 3) shape.insert(shape.begin(), x[0]);
    return counted({shape, DType::float32});
  }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<FoldStep>(image_shape(lowering.output.shape), axes_);
  }

 private:
  OneOrTwo<int64_t> size_;
  Axes axes_;
};

void check_arguments(const char* layer, const OneOrTwo<int64_t>& kernel_size, const UnfoldOptions& options) {
  check_range(layer, "kernel_size", kernel_size, 1, largest);
  check_range(layer, "dilation", options.dilation, 1, largest);
  check_range(layer, "padding", options.padding, 0, largest);
  check_range(layer, "stride", options.stride, 1, largest);
}

std::string printed(const OneOrTwo<int64_t>& kernel_size, const UnfoldOptions& options) {
  return fmt::format("kernel_size={}, dilation={}, padding={}, stride={}", python(kernel_size),
                     python(options.dilation), python(options.padding), python(options.stride));
}

}  // namespace

Unfold::Unfold(OneOrTwo<int64_t> kernel_size, UnfoldOptions options) : kernel_size(kernel_size), options(options) {
  check_arguments("Unfold", kernel_size, options);
}
Unfold::Unfold(OneOrTwo<int64_t> kernel_size, OneOrTwo<int64_t> dilation, OneOrTwo<int64_t> padding,
               OneOrTwo<int64_t> stride)
    : Unfold(kernel_size, UnfoldOptions{dilation, padding, stride}) {}

Value Unfold::forward(Value x) const {
  const auto [padding_h, padding_w, one] = options.padding;
  if (padding_h + padding_w > 0) x = ZeroPad2d({padding_w, padding_w, padding_h, padding_h}).forward(x);
  return x.graph().apply(std::make_shared<UnfoldOperation>(Axes(kernel_size, options)), {x});
}
std::string Unfold::extra_repr() const { return printed(kernel_size, options); }

Fold::Fold(OneOrTwo<int64_t> output_size, OneOrTwo<int64_t> kernel_size, UnfoldOptions options)
    : output_size(output_size), kernel_size(kernel_size), options(options) {
  check_range("Fold", "output_size", output_size, 1, largest);
  check_arguments("Fold", kernel_size, options);
}
Fold::Fold(OneOrTwo<int64_t> output_size, OneOrTwo<int64_t> kernel_size, OneOrTwo<int64_t> dilation,
           OneOrTwo<int64_t> padding, OneOrTwo<int64_t> stride)
    : Fold(output_size, kernel_size, UnfoldOptions{dilation, padding, stride}) {}

Value Fold::forward(Value x) const {
  return x.graph().apply(std::make_shared<FoldOperation>(output_size, Axes(kernel_size, options)), {x});
}
std::string Fold::extra_repr() const {
  return fmt::format("output_size={}, {}", python(output_size), printed(kernel_size, options));
}

}  // namespace upconv
