#include "layers/norm.h"

#include <cmath>

#include "framework/fail.h"
#include "framework/layout.h"
#include "framework/program.h"
#include "layers/conv_step.h"
#include "layers/python.h"

namespace upconv {
namespace {

/// y = act(x * scale[c] + shift[c]), where no layer before it could absorb it. A tile is one image.
class AffineStep : public Step {
 public:
  AffineStep(const ChannelAffine& affine, const ImageShape& shape, Layout layout, kernels::Activation activation,
             const kernels::Table& table)
      : scale_(affine.scale.begin(), affine.scale.end()),
        shift_(affine.shift.begin(), affine.shift.end()),
        shape_(shape),
        layout_(layout),
        activation_(activation),
        table_(table) {}
  int64_t tiles() const override { return shape_.N; }
  void run(int64_t image, const Frame& frame) const override {
    const int64_t pixels = shape_.H * shape_.W, C = shape_.C;
    const float* x = static_cast<const float*>(frame.inputs[0]) + image * C * pixels;
    float* y = static_cast<float*>(frame.output) + image * C * pixels;
    if (layout_ == Layout::channels_last)
      for (int64_t p = 0; p < pixels; ++p)
        table_.affine_channels(x + p * C, y + p * C, C, scale_.data(), shift_.data(), activation_);
    else
      for (size_t c = 0; c < static_cast<size_t>(C); ++c, x += pixels, y += pixels)
        table_.affine(x, y, pixels, scale_[c], shift_[c], activation_);
  }
  std::string algorithm() const override { return "affine"; }

 private:
  std::vector<float> scale_, shift_;
  ImageShape shape_;
  Layout layout_;
  kernels::Activation activation_;
  const kernels::Table& table_;
};

class BatchNorm2dOperation : public Operation {
 public:
  explicit BatchNorm2dOperation(const BatchNorm2d& layer) : layer_(layer) {}

  std::string_view name() const override { return "BatchNorm2d"; }

  Type infer(std::span<const Type> inputs) const override {
    const Type& x = inputs[0];
    if (x.dtype != DType::float32) fail("expected float32, got {}", upconv::name(x.dtype));
    if (x.shape.size() != 4) fail("expected a 4-D input (N, C, H, W), got {}", str(x.shape));
    if (x.shape[1] != layer_.num_features)
      fail("expected {} channels, got {} in {}", layer_.num_features, x.shape[1], str(x.shape));
    return x;
  }

  /// In float64, so that folding rounds once.
  std::optional<ChannelAffine> channel_affine() const override {
    const size_t C = static_cast<size_t>(layer_.num_features);
    std::vector<float> weight(C, 1.0f), bias(C, 0.0f), mean(C), variance(C);
    if (layer_.options.affine) layer_.weight.stored().to_float(weight.data());
    if (layer_.options.affine && layer_.options.bias) layer_.bias.stored().to_float(bias.data());
    layer_.running_mean.stored().to_float(mean.data());
    layer_.running_var.stored().to_float(variance.data());
    ChannelAffine affine;
    for (size_t c = 0; c < C; ++c) {
      affine.scale.push_back(weight[c] / std::sqrt(variance[c] + layer_.options.eps));
      affine.shift.push_back(bias[c] - mean[c] * affine.scale.back());
    }
    for (const Parameter& p : {layer_.weight, layer_.bias, layer_.running_mean, layer_.running_var})
      affine.key += fmt::format("{}:{},", fmt::ptr(p.identity()), p.version());
    return affine;
  }

  std::shared_ptr<const Operation> with_pointwise(const Pointwise& pointwise) const override {
    if (activation_.kind != Pointwise::identity) return nullptr;
    auto merged = std::make_shared<BatchNorm2dOperation>(*this);
    merged->activation_ = pointwise;
    return merged;
  }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<AffineStep>(*channel_affine(), image_shape(lowering.output.shape), lowering.output_layout,
                                        to_kernel(activation_), kernels::table(*lowering.options.isa));
  }

 private:
  BatchNorm2d layer_;
  Pointwise activation_;
};

Tensor filled(int64_t count, float value) {
  return Tensor({count}, std::vector<float>(static_cast<size_t>(count), value));
}

int64_t checked(int64_t num_features) {
  if (num_features < 1) fail("BatchNorm2d: num_features must be positive, got {}", num_features);
  return num_features;
}

}  // namespace

BatchNorm2d::BatchNorm2d(int64_t num_features, BatchNorm2dOptions options)
    : num_features(checked(num_features)),
      options(options),
      weight(filled(num_features, 1)),
      bias(filled(num_features, 0)),
      running_mean(filled(num_features, 0)),
      running_var(filled(num_features, 1)),
      num_batches_tracked(Tensor(Shape{}, std::vector<int64_t>{0})) {
  if (options.affine) add_parameter("weight", weight);
  if (options.affine && options.bias) add_parameter("bias", bias);
  add_buffer("running_mean", running_mean);
  add_buffer("running_var", running_var);
  add_buffer("num_batches_tracked", num_batches_tracked);
}

Value BatchNorm2d::forward(Value x) const {
  return x.graph().apply(std::make_shared<BatchNorm2dOperation>(*this), {x});
}

std::string BatchNorm2d::extra_repr() const {
  return fmt::format("{}, eps={}, momentum={}, affine={}, bias={}, track_running_stats=True", num_features,
                     python(options.eps), options.momentum ? python(*options.momentum) : "None", python(options.affine),
                     python(options.affine && options.bias));
}

}  // namespace upconv
