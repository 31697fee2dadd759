#include "layers/functional.h"

#include <algorithm>

#include "framework/fail.h"
#include "layers/check.h"
#include "layers/concat.h"
#include "layers/dimension.h"
#include "layers/elementwise.h"
#include "layers/known.h"
#include "layers/norm.h"
#include "layers/padded.h"
#include "layers/permute.h"
#include "layers/resample.h"
#include "layers/rms_norm.h"
#include "layers/shuffle.h"
#include "layers/softmax.h"
#include "layers/steps/strided.h"

namespace upconv {

using namespace internal;

namespace {

/// The dimension that `dim` names among `rank` of them.
size_t dimension_of(const char* function, const Value& x, int64_t dim, int64_t rank) {
  if (dim < -rank || dim >= rank)
    refuse(x, "{} expected dim within the {} dimensions of {}, got {}", function, rank, str(x.shape()), dim);
  return static_cast<size_t>(dim < 0 ? dim + rank : dim);
}
size_t dimension_of(const char* function, const Value& x, int64_t dim) {
  return dimension_of(function, x, dim, static_cast<int64_t>(x.shape().size()));
}

/// A value for each channel, which are in dimension 1, as large as x says.
Value for_channels(Value of_channels, const Value& x) {
  Shape shape(x.shape().size() - 1, 1);
  shape[0] = -1;
  return reshape(of_channels, shape);
}

/// y * weight + bias, where they are given.
Value affine(Value y, const std::optional<Value>& weight, const std::optional<Value>& bias) {
  if (weight) y = y * *weight;
  return bias ? y + *bias : y;
}

std::optional<Value> for_channels(const std::optional<Value>& value, const Value& x) {
  return value ? std::optional(for_channels(*value, x)) : std::nullopt;
}

class ExpandOperation : public Operation {
 public:
  explicit ExpandOperation(Shape sizes) : sizes_(std::move(sizes)) {}
  std::string_view name() const override { return "expand"; }
  void identify(Fingerprint&) const override {}  // the shape of the output says the sizes
  Type infer(std::span<const Type> inputs) const override {
    const Shape& x = inputs[0].shape;
    if (sizes_.size() < x.size()) fail("expected at least {} sizes for {}, got {}", x.size(), str(x), str(sizes_));
    Shape shape = sizes_;
    for (size_t d = 0; d < shape.size(); ++d) {
      const size_t added = shape.size() - x.size();
      const int64_t own = d < added ? 1 : x[d - added];
      if (shape[d] == -1 && d >= added) shape[d] = own;
      if (shape[d] < 0 || (own != 1 && shape[d] != own))
        fail("expected {} or -1 in dimension {}, got {} for {}", own, d, str(sizes_), str(x));
    }
    return counted({shape, inputs[0].dtype});
  }
  bool any_layout(std::span<const Type> inputs) const override { return inputs[0].shape.size() == sizes_.size(); }
  Layout preferred_layout(Layout) const override { return Layout::contiguous; }
  Layout output_layout(Layout input, Layout) const override { return sizes_.size() == 4 ? input : Layout::contiguous; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const Shape &x = lowering.inputs[0].shape, &shape = lowering.output.shape;
    const std::vector<int64_t> own = strides_of(x, lowering.input_layouts[0]);
    Move move{shape, std::vector<int64_t>(shape.size()), strides_of(shape, lowering.output_layout)};
    for (size_t d = 0; d < x.size(); ++d)
      if (x[d] != 1) move.x_strides[shape.size() - x.size() + d] = own[d];
    return move_step(std::span(&move, 1), lowering.output.dtype, kernels::table(*lowering.options.isa));
  }

 private:
  Shape sizes_;
};

class FlipOperation : public Operation {
 public:
  explicit FlipOperation(std::vector<int64_t> dims) : dims_(std::move(dims)) {}
  std::string_view name() const override { return "flip"; }
  void identify(Fingerprint& print) const override { print(dims_); }
  Type infer(std::span<const Type> inputs) const override {
    std::vector<size_t> seen;
    for (int64_t dim : dims_) {
      const size_t d = dimension("dims", dim, inputs[0].shape);
      if (std::find(seen.begin(), seen.end(), d) != seen.end()) fail("dimension {} is given twice", d);
      seen.push_back(d);
    }
    return inputs[0];
  }
  bool any_layout(std::span<const Type>) const override { return true; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const Shape& shape = lowering.output.shape;
    Move move{shape, strides_of(shape, lowering.input_layouts[0]), strides_of(shape, lowering.output_layout)};
    for (int64_t dim : dims_) {
      const size_t d = dimension("dims", dim, shape);
      if (shape.empty() || shape[d] == 0) continue;
      move.from += (shape[d] - 1) * move.x_strides[d];
      move.x_strides[d] = -move.x_strides[d];
    }
    return move_step(std::span(&move, 1), lowering.output.dtype, kernels::table(*lowering.options.isa));
  }

 private:
  std::vector<int64_t> dims_;
};

}  // namespace

Value prelu(Value x, Value weight) {
  if (const auto known = known_prelu(x, weight)) return *known;
  const bool one = numel(weight.shape()) == 1;
  return where(x < 0, x * (one || x.shape().size() < 2 ? reshape(weight, {-1}) : for_channels(weight, x)), x);
}

Value glu(Value x, int64_t dim) {
  const size_t d = dimension_of("glu", x, dim);
  if (x.shape()[d] % 2 != 0) refuse(x, "glu expected an even size in dimension {}, got {}", d, str(x.shape()));
  const int64_t half = x.shape()[d] / 2;
  const Values halves = split(x, {half, half}, dim);
  return halves[0] * sigmoid(halves[1]);
}

Value softmax(Value x, int64_t dim) { return Softmax(dim).forward(x); }
Value softmin(Value x, int64_t dim) { return Softmin(dim).forward(x); }
Value log_softmax(Value x, int64_t dim) { return LogSoftmax(dim).forward(x); }

Value squeeze(Value x, int64_t dim) {
  Shape shape = x.shape();
  if (shape.empty()) return x;
  const size_t d = dimension_of("squeeze", x, dim);
  if (shape[d] != 1) return x;
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(d));
  return reshape(x, shape);
}

Value squeeze(Value x) {
  Shape shape = x.shape();
  std::erase(shape, 1);
  return reshape(x, shape);
}

Value unsqueeze(Value x, int64_t dim) {
  Shape shape = x.shape();
  const size_t d = dimension_of("unsqueeze", x, dim, static_cast<int64_t>(shape.size()) + 1);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(d), 1);
  return reshape(x, shape);
}

Value expand(Value x, const Shape& sizes) { return x.graph().apply(std::make_shared<ExpandOperation>(sizes), {x}); }

Value repeat(Value x, const std::vector<int64_t>& sizes) {
  const Shape& shape = x.shape();
  if (sizes.size() < shape.size())
    refuse(x, "repeat expected at least {} sizes for {}, got {}", shape.size(), str(shape), str(sizes));
  Shape apart, expanded, whole;  // (1, d0, 1, d1, ...), (r0, d0, r1, d1, ...), (r0 * d0, r1 * d1, ...)
  for (size_t d = 0; d < sizes.size(); ++d) {
    const size_t added = sizes.size() - shape.size();
    const int64_t size = d < added ? 1 : shape[d - added];
    if (sizes[d] < 0) refuse(x, "repeat expected sizes of at least 0, got {}", str(sizes));
    apart.insert(apart.end(), {1, size});
    expanded.insert(expanded.end(), {sizes[d], size});
    int64_t product = 0;
    if (__builtin_mul_overflow(sizes[d], size, &product))
      refuse(x, "repeat expected sizes that 63 bits can count, got {} times {}", sizes[d], size);
    whole.push_back(product);
  }
  return reshape(expand(reshape(x, apart), expanded), whole);
}

Value stack(const Values& values, int64_t dim) {
  if (values.empty()) fail("stack: expected at least one value, got none");
  Values all;
  for (const Value& value : values) all.push_back(unsqueeze(value, dim));
  return cat(all, dim);
}

Values split(Value x, int64_t split_size, int64_t dim) {
  if (split_size < 1) refuse(x, "split expected a positive split_size, got {}", split_size);
  const int64_t size = x.shape()[dimension_of("split", x, dim)];
  Values parts;
  for (int64_t start = 0; start == 0 || start < size; start += split_size)
    parts.push_back(slice(x, dim, start, std::min(size, start + split_size)));
  return parts;
}

Values split(Value x, const std::vector<int64_t>& split_sizes, int64_t dim) {
  const int64_t size = x.shape()[dimension_of("split", x, dim)];
  int64_t sum = 0;
  for (int64_t part : split_sizes) {
    if (part < 0) refuse(x, "split expected sizes of at least 0, got {}", str(split_sizes));
    if (__builtin_add_overflow(sum, part, &sum)) sum = -1;  // which no size is
    if (sum < 0) break;
  }
  if (sum != size) refuse(x, "split expected sizes whose sum is {}, got {}", size, str(split_sizes));
  Values parts;
  int64_t start = 0;
  for (int64_t part : split_sizes) {
    parts.push_back(slice(x, dim, start, start + part));
    start += part;
  }
  return parts;
}

Value select(Value x, int64_t dim, int64_t index) {
  const size_t d = dimension_of("select", x, dim);
  const int64_t size = x.shape()[d];
  if (index < -size || index >= size)
    refuse(x, "select expected an index within the {} of dimension {}, got {}", size, d, index);
  const int64_t at = index < 0 ? index + size : index;
  return squeeze(slice(x, dim, at, at + 1), dim);
}

Value flip(Value x, const std::vector<int64_t>& dims) {
  return x.graph().apply(std::make_shared<FlipOperation>(dims), {x});
}

namespace {

template <class Constant, class Reflection, class Circular, class Replication, class Padding>
Value padded(Value x, const Padding& pad, const std::string& mode, double value) {
  if (mode == "constant") return Constant(pad, value).forward(x);
  if (mode == "reflect") return Reflection(pad).forward(x);
  if (mode == "circular") return Circular(pad).forward(x);
  if (mode != "replicate") refuse(x, "pad expected a mode of constant, reflect, replicate or circular, got {}", mode);
  return Replication(pad).forward(x);
}

}  // namespace

Value pad(Value x, Sides pad, const std::string& mode, double value) {
  return padded<ConstantPad2d, ReflectionPad2d, CircularPad2d, ReplicationPad2d>(x, pad, mode, value);
}
Value pad(Value x, std::pair<int64_t, int64_t> pad, const std::string& mode, double value) {
  const Ends ends(pad.first, pad.second);
  return padded<ConstantPad1d, ReflectionPad1d, CircularPad1d, ReplicationPad1d>(x, ends, mode, value);
}
Value pad(Value x, Faces pad, const std::string& mode, double value) {
  if (mode != "constant") refuse(x, "pad of three dimensions expected a mode of constant, got {}", mode);
  if (x.shape().size() < 3) refuse(x, "pad expected at least three dimensions, got {}", str(x.shape()));
  x = internal::padded_along(x, -1, pad.left, pad.right, value);
  x = internal::padded_along(x, -2, pad.top, pad.bottom, value);
  return internal::padded_along(x, -3, pad.front, pad.back, value);
}
Value internal::padded_along(Value x, int64_t dim, int64_t before, int64_t after, double value) {
  if (before == 0 && after == 0) return x;
  Shape sizes = x.shape();
  const auto at = sizes.begin() + dim + (dim < 0 ? std::ssize(sizes) : 0);
  const int64_t inner = numel(Shape(at + 1, sizes.end()));
  // Its rows are what the dimension counts.
  const Value y =
      upconv::pad(reshape(x, {numel(sizes) == 0 ? 0 : -1, *at, inner}), {0, 0, before, after}, "constant", value);
  *at = y.size(-2);
  return reshape(y, sizes);
}

Value pixel_shuffle(Value x, int64_t upscale_factor) { return PixelShuffle(upscale_factor).forward(x); }

Value pixel_unshuffle(Value x, int64_t downscale_factor) { return PixelUnshuffle(downscale_factor).forward(x); }
Value channel_shuffle(Value x, int64_t groups) { return ChannelShuffle(groups).forward(x); }

Value max_pool1d(Value x, int64_t kernel_size, MaxPool1dOptions options) {
  return MaxPool1d(kernel_size, options).forward(x);
}
Value avg_pool1d(Value x, int64_t kernel_size, AvgPool1dOptions options) {
  return AvgPool1d(kernel_size, options).forward(x);
}
Value adaptive_avg_pool1d(Value x, int64_t output_size) { return AdaptiveAvgPool1d(output_size).forward(x); }
Value adaptive_max_pool1d(Value x, int64_t output_size) { return AdaptiveMaxPool1d(output_size).forward(x); }
Value max_pool2d(Value x, OneOrTwo<int64_t> kernel_size, MaxPool2dOptions options) {
  return MaxPool2d(kernel_size, options).forward(x);
}
Value avg_pool2d(Value x, OneOrTwo<int64_t> kernel_size, AvgPool2dOptions options) {
  return AvgPool2d(kernel_size, options).forward(x);
}
Value adaptive_avg_pool2d(Value x, OneOrTwo<AdaptiveAvgPool2d::Size> output_size) {
  return AdaptiveAvgPool2d(output_size).forward(x);
}
Value adaptive_max_pool2d(Value x, OneOrTwo<AdaptiveMaxPool2d::Size> output_size) {
  return AdaptiveMaxPool2d(output_size).forward(x);
}
Value lp_pool2d(Value x, double norm_type, OneOrTwo<int64_t> kernel_size, MaybeOneOrTwo<int64_t> stride,
                bool ceil_mode) {
  return LPPool2d(norm_type, kernel_size, stride, ceil_mode).forward(x);
}

Value batch_norm(Value x, Value running_mean, Value running_var, std::optional<Value> weight, std::optional<Value> bias,
                 double eps) {
  if (x.shape().size() < 2) refuse(x, "batch_norm expected (N, C, ...), got {}", str(x.shape()));
  if (const auto known = known_batch_norm(x, running_mean, running_var, weight, bias, eps)) return *known;
  const Value y = (x - for_channels(running_mean, x)) * for_channels(rsqrt(running_var + eps), x);
  return affine(y, for_channels(weight, x), for_channels(bias, x));
}

Value instance_norm(Value x, std::optional<Value> weight, std::optional<Value> bias, double eps) {
  const size_t rank = x.shape().size();
  if (rank != 3 && rank != 4) refuse(x, "instance_norm expected (N, C, H, W) or (N, C, L), got {}", str(x.shape()));
  if (const auto known = known_instance_norm(x, weight, bias, eps)) return *known;
  const Value y = rank == 3 ? InstanceNorm1d(x.size(1), {.eps = eps}).forward(x)
                            : InstanceNorm2d(x.size(1), {.eps = eps}).forward(x);
  return affine(y, for_channels(weight, x), for_channels(bias, x));
}

Value group_norm(Value x, int64_t num_groups, std::optional<Value> weight, std::optional<Value> bias, double eps) {
  if (x.shape().size() < 2) refuse(x, "group_norm expected (N, C, ...), got {}", str(x.shape()));
  if (const auto known = known_group_norm(x, num_groups, weight, bias, eps)) return *known;
  return affine(GroupNorm(num_groups, x.size(1), {.eps = eps, .affine = false}).forward(x), for_channels(weight, x),
                for_channels(bias, x));
}

Value layer_norm(Value x, const Shape& normalized_shape, std::optional<Value> weight, std::optional<Value> bias,
                 double eps) {
  if (const auto known = known_layer_norm(x, normalized_shape, weight, bias, eps)) return *known;
  return affine(LayerNorm(normalized_shape, {.eps = eps, .elementwise_affine = false}).forward(x), weight, bias);
}

Value rms_norm(Value x, const Shape& normalized_shape, std::optional<Value> weight, std::optional<double> eps) {
  return affine(RMSNorm(normalized_shape, eps, false).forward(x), weight, {});
}

}  // namespace upconv
