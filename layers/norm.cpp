#include "layers/norm.h"

#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "framework/layout.h"
#include "layers/activated.h"
#include "layers/check.h"
#include "layers/expression_operation.h"
#include "layers/known.h"
#include "layers/repr.h"
#include "layers/row.h"
#include "layers/steps/norm.h"
#include "layers/weighted.h"

namespace upconv {

using namespace internal;

namespace {

/// What multiplies and what is added; nothing where the layer has none.
struct Affine {
  std::optional<Parameter> weight, bias;

  std::vector<float> weights(int64_t count) const { return values(weight, count, 1); }
  std::vector<float> biases(int64_t count) const { return values(bias, count, 0); }
  void identify(Fingerprint& print) const { print(weight, bias); }

 private:
  static std::vector<float> values(const std::optional<Parameter>& parameter, int64_t count, float otherwise) {
    std::vector<float> all(static_cast<size_t>(count), otherwise);
    if (parameter) parameter->stored().to_float(all.data());
    return all;
  }
};

template <class Layer>
Affine affine_of(const Layer& layer, bool affine) {
  Affine made;
  if (affine) made.weight = layer.weight;
  if (affine && layer.options.bias) made.bias = layer.bias;
  return made;
}

/// What a norm of features takes its input for: a batch of images and their channels. It may lie in either layout where
/// the channels are where a picture's are, or where there are no pixels; elsewhere it lies as its shape says.
struct Features {
  ImageShape image;
  bool any_layout;
};
/// Throws Error where the input has a rank that the norm does not take.
using FeatureRule = Features (*)(const Type&);

Features pictures(const Type& x) {
  check_pictures(x);
  return {image_shape(x.shape), true};
}
Features one_or_more_pictures(const Type& x) {
  check_picture(x);
  return {image_shape(x.shape), true};
}
Features any_batch(const Type& x) {
  check_float(x);
  const Shape& s = x.shape;
  if (s.size() < 2) fail("expected at least 2 dimensions (N, C, ...), got {}", str(s));
  if (s.size() == 2 || s.size() == 4) return {image_shape(s), true};
  return {{s[0], s[1], 1, numel(Shape(s.begin() + 2, s.end()))}, false};
}
Features rows(const Type& x) {
  if (x.shape.size() != 2 && x.shape.size() != 3)
    fail("expected a 2-D (N, C) or 3-D (N, C, L) input, got {}", str(x.shape));
  return any_batch(x);
}
Features one_or_more_rows(const Type& x) {
  check_row(x);
  const Shape& s = x.shape;
  return {{s.size() == 3 ? s[0] : 1, s[s.size() - 2], 1, s.back()}, false};
}

/// A norm by statistics that are parameters: y = (x - mean) / sqrt(var + eps) * weight + bias for each channel.
class KnownNormOperation : public Activated<KnownNormOperation> {
 public:
  template <class Layer>
  KnownNormOperation(const Layer& layer, std::string_view name, FeatureRule rule, bool any_layout)
      : name_(name),
        rule_(rule),
        any_layout_(any_layout),
        channels_(layer.num_features),
        eps_(layer.options.eps),
        affine_(affine_of(layer, layer.options.affine)),
        mean_(layer.running_mean),
        variance_(layer.running_var) {}

  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override {
    print(name_, eps_, mean_, variance_);  // the name says the rule
    affine_.identify(print);
  }

  Type infer(std::span<const Type> inputs) const override {
    check_channels(channels_, rule_(inputs[0]).image.C, inputs[0].shape);
    return inputs[0];
  }

  bool any_layout(std::span<const Type>) const override { return any_layout_; }
  Layout preferred_layout(Layout wanted) const override { return any_layout_ ? wanted : Layout::contiguous; }
  Layout output_layout(Layout input, Layout) const override { return any_layout_ ? input : Layout::contiguous; }

  std::optional<ChannelAffine> channel_affine() const override {
    return any_layout_ ? std::optional(affine()) : std::nullopt;
  }

  std::optional<Unbound> unbound(const Type& input) const override {
    if (input.shape.size() != 4) return {};
    return unbound_affine(name_, affine(), activation());
  }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return affine_step(affine(), rule_(lowering.output).image, lowering.output_layout, activation(),
                       kernels::table(*lowering.options.isa));
  }

 private:
  /// In float64, so that folding rounds once.
  ChannelAffine affine() const {
    const size_t C = static_cast<size_t>(channels_);
    const std::vector<float> weight = affine_.weights(channels_), bias = affine_.biases(channels_);
    std::vector<float> mean(C), variance(C);
    mean_.stored().to_float(mean.data());
    variance_.stored().to_float(variance.data());
    ChannelAffine affine;
    for (size_t c = 0; c < C; ++c) {
      affine.scale.push_back(weight[c] / std::sqrt(variance[c] + eps_));
      affine.shift.push_back(bias[c] - mean[c] * affine.scale.back());
    }
    for (const std::optional<Parameter>& p :
         {affine_.weight, affine_.bias, std::optional(mean_), std::optional(variance_)})
      affine.key += p ? fmt::format("{}:{},", fmt::ptr(p->identity()), p->version()) : "none,";
    return affine;
  }

  std::string_view name_;
  FeatureRule rule_;
  bool any_layout_;
  int64_t channels_;
  double eps_;
  Affine affine_;
  Parameter mean_, variance_;
};

/// A norm by the statistics of its input. Written down as three operations, so that whatever comes to know the
/// statistics earlier can take the place of the first.
struct OwnNorm {
  std::string_view name;
  std::function<NormGroups(const Type&)> rule;  ///< throws Error where the input does not fit
  Affine affine;
  double eps;
  Layout layout = Layout::channels_last;  ///< of the input
};

/// One of the three: its input lies as the norm says, if it is the picture.
class OwnNormOperation : public Operation {
 public:
  OwnNormOperation(std::shared_ptr<const OwnNorm> norm, const Type& input) : norm_(std::move(norm)), input_(input) {}
  std::string_view name() const override { return norm_->name; }
  void identify(Fingerprint& print) const override {
    const NormGroups groups = this->groups();
    print(groups.groups, groups.batch, norm_->layout, norm_->eps, input_.shape);
    norm_->affine.identify(print);
  }
  bool any_layout(std::span<const Type>) const final { return false; }
  Layout preferred_layout(Layout) const final { return norm_->layout; }
  Layout output_layout(Layout, Layout) const final { return norm_->layout; }

 protected:
  NormGroups groups() const { return norm_->rule(input_); }
  std::shared_ptr<const OwnNorm> norm_;

 private:
  Type input_;
};

class MomentsOperation : public OwnNormOperation {
 public:
  using OwnNormOperation::OwnNormOperation;
  Type infer(std::span<const Type>) const override { return {moments_shape(groups()), DType::float64}; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return moments_step(groups(), kernels::table(*lowering.options.isa));
  }
};

class StatisticsOperation : public OwnNormOperation {
 public:
  using OwnNormOperation::OwnNormOperation;
  Type infer(std::span<const Type>) const override { return {statistics_shape(groups()), DType::float32}; }
  std::unique_ptr<Step> lower(const Lowering&) const override {
    const int64_t C = groups().shape.C;
    return statistics_step(groups(), {norm_->affine.weights(C), norm_->affine.biases(C), norm_->eps});
  }
};

/// Statistics whose scales and shifts are multiplied, or whose shifts are added to: what the norm gives then is as if
/// that had been done to each pixel.
class ModulateOperation : public OwnNormOperation {
 public:
  ModulateOperation(const OwnNormOperation& norm, bool product) : OwnNormOperation(norm), product_(product) {}
  Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return modulate_step(groups(), product_, numel(lowering.inputs[1].shape));
  }

 private:
  bool product_;
};

class NormaliseOperation : public Activated<NormaliseOperation, OwnNormOperation> {
 public:
  using Activated::Activated;
  Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
  std::optional<std::pair<size_t, std::shared_ptr<const Operation>>> with_modulation(bool product) const override {
    if (activated() || groups().batch) return {};
    return std::pair(1, std::make_shared<ModulateOperation>(*this, product));
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return normalise_step(groups(), activation(), kernels::table(*lowering.options.isa));
  }

 private:
};

Value normalised(Value x, OwnNorm norm) {
  const auto shared = std::make_shared<const OwnNorm>(std::move(norm));
  const Type input{x.shape(), x.dtype()};
  const Value moments = x.graph().apply(std::make_shared<MomentsOperation>(shared, input), {x});
  const Value statistics = x.graph().apply(std::make_shared<StatisticsOperation>(shared, input), {moments});
  return x.graph().apply(std::make_shared<NormaliseOperation>(shared, input), {x, statistics});
}

class LayerNormOperation : public Activated<LayerNormOperation, ContiguousOperation> {
 public:
  LayerNormOperation(Shape shape, Affine affine, double eps)
      : shape_(std::move(shape)), affine_(std::move(affine)), eps_(eps) {}

  std::string_view name() const override { return "LayerNorm"; }
  void identify(Fingerprint& print) const override {
    print(shape_, eps_);
    affine_.identify(print);
  }

  Type infer(std::span<const Type> inputs) const override {
    const Shape& x = inputs[0].shape;
    check_float(inputs[0]);
    if (x.size() < shape_.size() || !std::equal(shape_.rbegin(), shape_.rend(), x.rbegin()))
      fail("expected an input whose last dimensions are {}, got {}", str(shape_), str(x));
    return inputs[0];
  }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const int64_t length = numel(shape_);
    return layer_norm_step(numel(lowering.output.shape) / length,
                           {affine_.weights(length), affine_.biases(length), eps_}, activation(),
                           kernels::table(*lowering.options.isa));
  }

 private:
  Shape shape_;
  Affine affine_;
  double eps_;
};

/// A parameter of so many equal numbers; without values where the layer has none, whatever its size.
Parameter filled(const Shape& shape, float value, bool is_there) {
  if (!is_there) return Parameter(shape);
  return Parameter(Tensor(shape, std::vector<float>(static_cast<size_t>(numel(shape)), value)));
}

}  // namespace

template <class Options>
FeatureNorm<Options>::FeatureNorm(const char* layer, int64_t num_features, const Options& options)
    : num_features(positive(layer, "num_features", num_features)),
      options(options),
      weight(filled({num_features}, 1, options.affine)),
      bias(filled({num_features}, 0, options.affine)),
      running_mean(filled({num_features}, 0, options.track_running_stats)),
      running_var(filled({num_features}, 1, options.track_running_stats)),
      num_batches_tracked(Tensor(Shape{}, std::vector<int64_t>{0})) {
  if (options.affine) add_parameter("weight", weight);
  if (options.affine && options.bias) add_parameter("bias", bias);
  if (!options.track_running_stats) return;
  add_buffer("running_mean", running_mean);
  add_buffer("running_var", running_var);
  add_buffer("num_batches_tracked", num_batches_tracked);
}

template <class Options>
std::string FeatureNorm<Options>::extra_repr() const {
  return fmt::format("{}, eps={}, momentum={}, affine={}, bias={}, track_running_stats={}", num_features,
                     python(options.eps), options.momentum ? python(*options.momentum) : "None", python(options.affine),
                     python(options.affine && options.bias), python(options.track_running_stats));
}

template class FeatureNorm<BatchNorm2dOptions>;
template class FeatureNorm<InstanceNorm2dOptions>;

namespace {

/// What such a layer asks of its input.
struct FeatureCheck {
  FeatureRule features;
  int64_t channels;
  bool batch;   ///< whether all images have one mean
  bool counts;  ///< whether channels must be those
  bool own;     ///< whether the statistics are the input's

  /// What the layer takes an input for. Throws Error where it does not fit.
  ImageShape operator()(const Type& type) const {
    const ImageShape image = features(type).image;
    if (counts) check_channels(channels, image.C, type.shape);
    if (own && batch && image.N * image.H * image.W == 1)
      fail("expected more than 1 value per channel, got {}", upconv::str(type.shape));
    if (own && !batch && image.H * image.W == 1)
      fail("expected more than 1 spatial element, got {}", upconv::str(type.shape));
    return image;
  }
};

template <class Layer>
FeatureCheck check_of(const Layer& layer, FeatureRule features, bool batch) {
  const bool own = !layer.options.track_running_stats;
  return {features, layer.num_features, batch, batch || !own || layer.options.affine, own};
}

template <class Layer>
Value feature_norm(const Layer& layer, std::string_view name, FeatureRule features, bool batch, Value x) {
  const Type input{x.shape(), x.dtype()};
  bool any_layout = false;
  try {
    any_layout = features(input).any_layout;
  } catch (const Error& error) {
    refuse(x, "{} {}", name, error.what());
  }
  if (layer.options.track_running_stats)
    return x.graph().apply(std::make_shared<KnownNormOperation>(layer, name, features, any_layout), {x});
  const Layout layout = any_layout ? Layout::channels_last : Layout::contiguous;
  const auto rule = [layout, check = check_of(layer, features, batch)](const Type& type) {
    const ImageShape image = check(type);
    return NormGroups{image, layout, image.C, check.batch};
  };
  return normalised(x, {name, rule, affine_of(layer, layer.options.affine), layer.options.eps, layout});
}

/// The same of one dimension: rows are pictures of one row.
template <class Layer>
Value row_norm(const Layer& layer, std::string_view name, FeatureRule features, bool batch, Value x) {
  if (batch && x.shape().size() == 2) return feature_norm(layer, name, features, batch, x);
  try {
    check_of(layer, features, batch)({x.shape(), x.dtype()});
  } catch (const Error& error) {
    refuse(x, "{} {}", name, error.what());
  }
  return of_rows(name, x, [&](Value picture) { return feature_norm(layer, name, pictures, batch, picture); });
}

}  // namespace

Value BatchNorm2d::forward(Value x) const { return feature_norm(*this, "BatchNorm2d", pictures, true, x); }
Value BatchNorm1d::forward(Value x) const { return row_norm(*this, "BatchNorm1d", rows, true, x); }
Value SyncBatchNorm::forward(Value x) const { return feature_norm(*this, "SyncBatchNorm", any_batch, true, x); }
Value InstanceNorm2d::forward(Value x) const {
  return feature_norm(*this, "InstanceNorm2d", one_or_more_pictures, false, x);
}
Value InstanceNorm1d::forward(Value x) const { return row_norm(*this, "InstanceNorm1d", one_or_more_rows, false, x); }

GroupNorm::GroupNorm(int64_t num_groups, int64_t num_channels, GroupNormOptions options)
    : num_groups(positive("GroupNorm", "num_groups", num_groups)),
      num_channels(positive("GroupNorm", "num_channels", num_channels)),
      options(options),
      weight(filled({num_channels}, 1, options.affine)),
      bias(filled({num_channels}, 0, options.affine)) {
  if (num_channels % num_groups != 0)
    fail("GroupNorm: num_channels must be divisible by num_groups, got {} and {}", num_channels, num_groups);
  if (options.affine) add_parameter("weight", weight);
  if (options.affine && options.bias) add_parameter("bias", bias);
}

namespace {

Value group_normalised(Value x, int64_t groups, int64_t channels, Affine affine, double eps) {
  // Values of other ranks lie contiguous; without pixels that is channels-last too.
  const size_t rank = x.shape().size();
  const Layout layout = rank == 2 || rank == 4 ? Layout::channels_last : Layout::contiguous;
  const auto rule = [layout, channels, groups](const Type& type) {
    const Shape& shape = type.shape;
    check_float(type);
    if (shape.size() < 2) fail("expected at least 2 dimensions (N, C, ...), got {}", upconv::str(shape));
    check_channels(channels, shape[1], shape);
    const int64_t pixels = numel(Shape(shape.begin() + 2, shape.end()));
    if (shape[0] * (channels / groups) * pixels == 1)
      fail("expected more than 1 value per group, got {}", upconv::str(shape));
    return NormGroups{{shape[0], channels, 1, pixels}, layout, groups};
  };
  return normalised(x, {"GroupNorm", rule, std::move(affine), eps, layout});
}

}  // namespace

Value GroupNorm::forward(Value x) const {
  return group_normalised(x, num_groups, num_channels, affine_of(*this, options.affine), options.eps);
}

std::string GroupNorm::extra_repr() const {
  return fmt::format("{}, {}, eps={}, affine={}, bias={}", num_groups, num_channels, python(options.eps),
                     python(options.affine), python(options.affine && options.bias));
}

LayerNorm::LayerNorm(Shape normalized_shape, LayerNormOptions options)
    : normalized_shape(positive("LayerNorm", "normalized_shape", normalized_shape)),
      options(options),
      weight(filled(normalized_shape, 1, options.elementwise_affine)),
      bias(filled(normalized_shape, 0, options.elementwise_affine)) {
  if (options.elementwise_affine) add_parameter("weight", weight);
  if (options.elementwise_affine && options.bias) add_parameter("bias", bias);
}

Value LayerNorm::forward(Value x) const {
  return x.graph().apply(
      std::make_shared<LayerNormOperation>(normalized_shape, affine_of(*this, options.elementwise_affine), options.eps),
      {x});
}

std::string LayerNorm::extra_repr() const {
  return fmt::format("{}, eps={}, elementwise_affine={}, bias={}", upconv::str(normalized_shape), python(options.eps),
                     python(options.elementwise_affine), python(options.elementwise_affine && options.bias));
}

namespace {

/// What a layer of features has, where a function is given its parameters.
template <class Options>
struct GivenNorm {
  int64_t num_features;
  Options options;
  Parameter weight, bias, running_mean, running_var;
};

/// The options and parameters of a layer with these; nothing where one is something else, or a bias has no weight.
template <class Options>
std::optional<GivenNorm<Options>> given_norm(int64_t channels, const std::optional<Value>& weight,
                                             const std::optional<Value>& bias, double eps) {
  const OwnParameter own_weight(weight, {channels}), own_bias(bias, {channels});
  if (!own_weight.is_known || !own_bias.is_known || (bias && !weight)) return {};
  const Parameter none(Shape{channels});
  return GivenNorm<Options>{channels,
                            {.eps = eps, .affine = weight.has_value(), .bias = bias.has_value()},
                            own_weight.parameter.value_or(none),
                            own_bias.parameter.value_or(none),
                            none,
                            none};
}

}  // namespace

std::optional<Value> internal::known_batch_norm(Value x, Value running_mean, Value running_var,
                                                std::optional<Value> weight, std::optional<Value> bias, double eps) {
  const int64_t channels = x.size(1);
  auto given = given_norm<BatchNorm2dOptions>(channels, weight, bias, eps);
  const OwnParameter mean(running_mean, {channels}), variance(running_var, {channels});
  if (!given || !mean.is_known || !variance.is_known) return {};
  given->running_mean = *mean.parameter;
  given->running_var = *variance.parameter;
  const size_t rank = x.shape().size();
  if (rank == 4) return feature_norm(*given, "BatchNorm2d", pictures, true, x);
  if (rank < 4) return row_norm(*given, "BatchNorm1d", rows, true, x);
  return feature_norm(*given, "SyncBatchNorm", any_batch, true, x);
}

std::optional<Value> internal::known_instance_norm(Value x, std::optional<Value> weight, std::optional<Value> bias,
                                                   double eps) {
  if (x.size(1) < 1) return {};  // which no layer has
  const auto given = given_norm<InstanceNorm2dOptions>(x.size(1), weight, bias, eps);
  if (!given) return {};
  return x.shape().size() == 3 ? row_norm(*given, "InstanceNorm1d", one_or_more_rows, false, x)
                               : feature_norm(*given, "InstanceNorm2d", one_or_more_pictures, false, x);
}

std::optional<Value> internal::known_group_norm(Value x, int64_t num_groups, std::optional<Value> weight,
                                                std::optional<Value> bias, double eps) {
  const int64_t channels = x.size(1);
  const OwnParameter own_weight(weight, {channels}), own_bias(bias, {channels});
  if (num_groups < 1 || channels < 1 || channels % num_groups != 0 || !own_weight.is_known || !own_bias.is_known)
    return {};
  return group_normalised(x, num_groups, channels, {own_weight.parameter, own_bias.parameter}, eps);
}

std::optional<Value> internal::known_layer_norm(Value x, const Shape& normalized_shape, std::optional<Value> weight,
                                                std::optional<Value> bias, double eps) {
  const OwnParameter own_weight(weight, normalized_shape), own_bias(bias, normalized_shape);
  if (normalized_shape.empty() || !own_weight.is_known || !own_bias.is_known) return {};
  return x.graph().apply(
      std::make_shared<LayerNormOperation>(positive("LayerNorm", "normalized_shape", normalized_shape),
                                           Affine{own_weight.parameter, own_bias.parameter}, eps),
      {x});
}

}  // namespace upconv
