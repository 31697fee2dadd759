#include "layers/conv_transpose2d.h"

#include "framework/fail.h"
#include "layers/conv_cost.h"
#include "layers/conv_step.h"
#include "layers/conv_weights.h"
#include "layers/winograd_step.h"

namespace upconv {
namespace {

constexpr int64_t largest = int64_t{1} << 40;  // of a size or argument: far beyond memory, far from overflow

void check_argument(const char* name, Pair got, int64_t least, const char* word) {
  for (int64_t value : {got.h, got.w})
    if (value < least || value > largest) fail("ConvTranspose2d: {} must {}, got {}", name, word, str(got));
}

void check_arguments(int64_t in_channels, int64_t out_channels, Pair kernel_size, const ConvTranspose2dOptions& o) {
  if (o.groups <= 0) fail("ConvTranspose2d: groups must be positive, got {}", o.groups);
  check_argument("in_channels", in_channels, 1, "be positive");
  check_argument("out_channels", out_channels, 1, "be positive");
  if (in_channels % o.groups != 0)
    fail("ConvTranspose2d: in_channels must be divisible by groups, got {} and {}", in_channels, o.groups);
  if (out_channels % o.groups != 0)
    fail("ConvTranspose2d: out_channels must be divisible by groups, got {} and {}", out_channels, o.groups);
  check_argument("kernel_size", kernel_size, 1, "be positive");
  check_argument("stride", o.stride, 1, "be positive");
  check_argument("dilation", o.dilation, 1, "be positive");
  check_argument("padding", o.padding, 0, "not be negative");
  check_argument("output_padding", o.output_padding, 0, "not be negative");
  if (o.padding_mode != "zeros")
    fail("ConvTranspose2d: padding_mode must be 'zeros', the only one there is, got '{}'", o.padding_mode);
}

/// (H - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1: the output of one axis without output_padding.
Pair least_output(const ImageShape& in, Pair kernel, const ConvTranspose2dOptions& o) {
  return {(in.H - 1) * o.stride.h - 2 * o.padding.h + o.dilation.h * (kernel.h - 1) + 1,
          (in.W - 1) * o.stride.w - 2 * o.padding.w + o.dilation.w * (kernel.w - 1) + 1};
}

/// How PyTorch's weight (in_channels, out_channels / groups, kH, kW) lies.
WeightLayout layout_of(const ConvTranspose2d& layer) {
  const int64_t groups = layer.options.groups, OC = layer.out_channels / groups;
  const int64_t taps = layer.kernel_size.h * layer.kernel_size.w;
  return {layer.in_channels, layer.out_channels, groups, taps, layer.in_channels / groups * OC * taps, taps, OC * taps};
}

/// The layer as the compiler sees it, with what it has absorbed.
class ConvTranspose2dOperation : public Operation {
 public:
  ConvTranspose2dOperation(const ConvTranspose2d& layer, Pair output_padding)
      : out_channels_(layer.out_channels),
        kernel_(layer.kernel_size),
        options_(layer.options),
        weights_{layer.weight, layer.options.bias ? std::optional(layer.bias) : std::nullopt, layout_of(layer)} {
    options_.output_padding = output_padding;
  }

  std::string_view name() const override { return "ConvTranspose2d"; }

  Type infer(std::span<const Type> inputs) const override {
    const Type& x = inputs[0];
    const int64_t in_channels = weights_.layout.IC;
    if (x.dtype != DType::float32) fail("expected float32, got {}", upconv::name(x.dtype));
    if (x.shape.size() != 3 && x.shape.size() != 4)
      fail("expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got {}", str(x.shape));
    const ImageShape in = image_shape(x.shape);
    if (in.C != in_channels) fail("expected {} channels, got {} in {}", in_channels, in.C, str(x.shape));
    if (in.H < 1 || in.W < 1) fail("expected a height and width of at least 1, got {}", str(x.shape));
    check_output_padding("height", options_.output_padding.h, options_.stride.h, options_.dilation.h);
    check_output_padding("width", options_.output_padding.w, options_.stride.w, options_.dilation.w);
    for (int64_t size : {in.N, in.H, in.W})
      if (size > largest) fail("the output's size overflows for an input of {}", str(x.shape));
    const __int128 limit = std::numeric_limits<int64_t>::max() / 8;
    const __int128 H =
        output(in.H, kernel_.h, options_.stride.h, options_.padding.h, options_.dilation.h, options_.output_padding.h);
    const __int128 W =
        output(in.W, kernel_.w, options_.stride.w, options_.padding.w, options_.dilation.w, options_.output_padding.w);
    if (H < 1 || W < 1)
      fail("the output would be empty: ({}, {}) for an input of {}", static_cast<int64_t>(std::max(H, -limit)),
           static_cast<int64_t>(std::max(W, -limit)), str(x.shape));
    if (H > limit || W > limit || H * W > limit || H * W * out_channels_ > limit ||
        H * W * out_channels_ * std::max<int64_t>(in.N, 1) > limit)
      fail("the output's size overflows for an input of {}", str(x.shape));
    Shape shape = x.shape;
    shape[shape.size() - 3] = out_channels_;
    shape[shape.size() - 2] = static_cast<int64_t>(H);
    shape[shape.size() - 1] = static_cast<int64_t>(W);
    return {shape, DType::float32};
  }

  std::shared_ptr<const Operation> with_affine(const ChannelAffine& affine) const override {
    if (weights_.affine || activation_.kind != Pointwise::identity) return nullptr;
    auto merged = std::make_shared<ConvTranspose2dOperation>(*this);
    merged->weights_.affine = affine;
    return merged;
  }
  std::shared_ptr<const Operation> with_pointwise(const Pointwise& pointwise) const override {
    if (activation_.kind != Pointwise::identity) return nullptr;
    auto merged = std::make_shared<ConvTranspose2dOperation>(*this);
    merged->activation_ = pointwise;
    return merged;
  }

  bool any_layout(std::span<const Type> inputs) const override { return image_shape(inputs[0].shape).W >= wide_row; }
  Layout preferred_layout(Layout) const override { return Layout::channels_last; }
  Layout output_layout(Layout, Layout wanted) const override { return wanted; }

  std::vector<Candidate> candidates(const Lowering& lowering) const override {
    std::vector<Candidate> all;
    for (const ConvCandidate& candidate : conv_candidates(geometry_of(lowering), table_of(lowering), lowering.options))
      all.push_back({candidate.name(), candidate.cycles});
    return all;
  }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const kernels::Table& table = table_of(lowering);
    ConvGeometry geometry = geometry_of(lowering);
    const ImageShape& in = geometry.in;
    const double products =
        static_cast<double>(in.N * in.H * in.W) * static_cast<double>(numel(weights_.weight.shape()));
    const ConvContext context{lowering.input_layouts[0], lowering.output_layout, to_kernel(activation_), 2 * products,
                              lowering.options.threads};
    const auto candidates = conv_candidates(geometry, table, lowering.options);
    if (const auto tiling = choose(candidates, lowering.options).tiling) {
      auto packed = weights_.winograd(*tiling, geometry, lowering);
      return winograd_step(*tiling, std::move(geometry), std::move(packed), table, context);
    }
    return direct_step(std::move(geometry), weights_.direct(lowering), table, context);
  }

 private:
  static const kernels::Table& table_of(const Lowering& lowering) { return kernels::table(*lowering.options.isa); }

  ConvGeometry geometry_of(const Lowering& lowering) const {
    const ImageShape in = image_shape(lowering.inputs[0].shape), out = image_shape(lowering.output.shape);
    return {in,
            out,
            options_.groups,
            kernel_.w,
            transposed_axis(in.H, out.H, kernel_.h, options_.stride.h, options_.padding.h, options_.dilation.h),
            transposed_axis(in.W, out.W, kernel_.w, options_.stride.w, options_.padding.w, options_.dilation.w)};
  }

  static __int128 output(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                         int64_t output_padding) {
    return static_cast<__int128>(in - 1) * stride - 2 * static_cast<__int128>(padding) +
           static_cast<__int128>(dilation) * (kernel - 1) + output_padding + 1;
  }

  static void check_output_padding(const char* axis, int64_t output_padding, int64_t stride, int64_t dilation) {
    if (output_padding >= stride && output_padding >= dilation)
      fail("output_padding must be smaller than stride or dilation, got {} with stride {} and dilation {} in {}",
           output_padding, stride, dilation, axis);
  }

  int64_t out_channels_;
  Pair kernel_;
  ConvTranspose2dOptions options_;
  ConvWeights weights_;
  Pointwise activation_;
};

}  // namespace

ConvTranspose2d::ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size)
    : ConvTranspose2d(in_channels, out_channels, kernel_size, ConvTranspose2dOptions{}) {}

ConvTranspose2d::ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size, Pair stride, Pair padding,
                                 Pair output_padding, int64_t groups, bool bias, Pair dilation,
                                 std::string padding_mode)
    : ConvTranspose2d(in_channels, out_channels, kernel_size,
                      ConvTranspose2dOptions{.stride = stride,
                                             .padding = padding,
                                             .output_padding = output_padding,
                                             .groups = groups,
                                             .bias = bias,
                                             .dilation = dilation,
                                             .padding_mode = std::move(padding_mode)}) {}

ConvTranspose2d::ConvTranspose2d(int64_t in_channels, int64_t out_channels, Pair kernel_size,
                                 ConvTranspose2dOptions options)
    : in_channels((check_arguments(in_channels, out_channels, kernel_size, options), in_channels)),
      out_channels(out_channels),
      kernel_size(kernel_size),
      options(std::move(options)),
      weight(add_parameter(
          "weight", Parameter(Shape{in_channels, out_channels / this->options.groups, kernel_size.h, kernel_size.w},
                              DType::float32))),
      bias(this->options.bias ? add_parameter("bias", Parameter(Shape{out_channels}, DType::float32))
                              : Parameter(Shape{out_channels}, DType::float32)) {}

Value ConvTranspose2d::apply(Value x, Pair output_padding) const {
  return x.graph().apply(std::make_shared<ConvTranspose2dOperation>(*this, output_padding), {x});
}

Value ConvTranspose2d::forward(Value x) const { return apply(x, options.output_padding); }

Value ConvTranspose2d::operator()(Value x, const std::vector<int64_t>& output_size) const {
  return scoped(x.graph(), [&] { return apply(x, output_size); });
}

Value ConvTranspose2d::apply(Value x, const std::vector<int64_t>& output_size) const {
  const size_t rank = x.shape().size();
  if (rank != 3 && rank != 4) return apply(x, 0);  // refused there, with the layer's own words
  const std::string at = x.graph().path().empty() ? "" : x.graph().path() + ": ";
  if (output_size.size() != 2 && output_size.size() != rank)
    fail("{}ConvTranspose2d output_size must have 2 or {} elements, got {}", at, rank, output_size.size());
  const Pair wanted(output_size[output_size.size() - 2], output_size.back());
  const Pair least = least_output(image_shape(x.shape()), kernel_size, options);
  const Pair most(least.h + options.stride.h - 1, least.w + options.stride.w - 1);
  if (wanted.h < least.h || wanted.h > most.h || wanted.w < least.w || wanted.w > most.w)
    fail("{}ConvTranspose2d output_size {} is out of range: valid are {} to {} for an input of {}", at,
         upconv::str(wanted), upconv::str(least), upconv::str(most), upconv::str(x.shape()));
  return apply(x, Pair(wanted.h - least.h, wanted.w - least.w));
}

Tensor ConvTranspose2d::operator()(const Tensor& x, const std::vector<int64_t>& output_size) const {
  std::string key = "output_size";
  for (int64_t size : output_size) key += "," + std::to_string(size);
  return run({x}, key, [&](const Values& xs) { return Values{(*this)(xs[0], output_size)}; }).front();
}

std::string ConvTranspose2d::extra_repr() const {
  std::string text = fmt::format("{}, {}, kernel_size={}, stride={}", in_channels, out_channels,
                                 upconv::str(kernel_size), upconv::str(options.stride));
  if (options.padding != Pair(0)) text += fmt::format(", padding={}", upconv::str(options.padding));
  if (options.dilation != Pair(1)) text += fmt::format(", dilation={}", upconv::str(options.dilation));
  if (options.output_padding != Pair(0))
    text += fmt::format(", output_padding={}", upconv::str(options.output_padding));
  if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
  if (!options.bias) text += ", bias=False";
  return text;
}

}  // namespace upconv
