// Layers: what has weights, activations, norms, pools, resampling, attention.
#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "layers/dimension.h"
#include "layers/einsum.h"
#include "layers/elementwise.h"
#include "layers/exported/rows.h"
#include "layers/fold.h"
#include "layers/functional.h"
#include "layers/matmul.h"
#include "layers/padded.h"
#include "layers/permute.h"
#include "layers/reduce.h"
#include "layers/resample.h"

namespace upconv::internal {
namespace {

using Items = std::vector<Item>;

/// One for height and width, of an argument that has one or two numbers; 1 where it has none.
Pair pair(const NodeCall& call, std::string_view name) {
  const std::vector<int64_t> sizes = call.integers(name);
  if (sizes.empty()) return 1;
  if (sizes.size() > 2) call.refuse("expected one or two numbers as {}, got {}", name, sizes.size());
  return {sizes[0], sizes.back()};
}

/// The one number of an argument of a layer of one dimension.
int64_t single(const NodeCall& call, std::string_view name) {
  const std::vector<int64_t> numbers = call.integers(name);
  if (numbers.size() != 1) call.refuse("expected one number as {}, got {}", name, numbers.size());
  return numbers[0];
}

Items convolved(const NodeCall& call, Padding padding) {
  return one(conv2d(call.value("input"), call.value("weight"), call.optional_value("bias"),
                    {.stride = pair(call, "stride"),
                     .padding = std::move(padding),
                     .dilation = pair(call, "dilation"),
                     .groups = call.integer("groups")}));
}
Items convolved_rows(const NodeCall& call, std::variant<int64_t, std::string> padding) {
  return one(conv1d(call.value("input"), call.value("weight"), call.optional_value("bias"),
                    {.stride = single(call, "stride"),
                     .padding = std::move(padding),
                     .dilation = single(call, "dilation"),
                     .groups = call.integer("groups")}));
}
Items transposed(const NodeCall& call) {
  return one(conv_transpose2d(call.value("input"), call.value("weight"), call.optional_value("bias"),
                              {.stride = pair(call, "stride"),
                               .padding = pair(call, "padding"),
                               .output_padding = pair(call, "output_padding"),
                               .groups = call.integer("groups"),
                               .dilation = pair(call, "dilation")}));
}
Items transposed_rows(const NodeCall& call) {
  return one(conv_transpose1d(call.value("input"), call.value("weight"), call.optional_value("bias"),
                              {.stride = single(call, "stride"),
                               .padding = single(call, "padding"),
                               .output_padding = single(call, "output_padding"),
                               .groups = call.integer("groups"),
                               .dilation = single(call, "dilation")}));
}

/// The one that others become in the core form.
Items any_convolution(const NodeCall& call) {
  const size_t rank = call.value("weight").shape().size();
  if (rank != 3 && rank != 4) call.refuse("expected a weight of 3 or 4 dimensions, got {}", rank);
  if (call.boolean("transposed")) return rank == 3 ? transposed_rows(call) : transposed(call);
  return rank == 3 ? convolved_rows(call, single(call, "padding")) : convolved(call, pair(call, "padding"));
}

Items scaled_sum(const NodeCall& call, Value product) {
  const double beta = call.number("beta"), alpha = call.number("alpha");
  if (alpha != 1) product = product * alpha;
  if (beta == 0) return one(product);
  const Value self = call.value("self");
  return one(product + (beta == 1 ? self : self * beta));
}

/// input (N, IC) by a matrix (IC, OC), which is a Linear whose weight is that matrix the other way round.
Items matrix_and_bias(const NodeCall& call) {
  if (call.number("beta") == 1 && call.number("alpha") == 1 && call.value("mat2").shape().size() == 2)
    return one(linear(call.value("mat1"), transpose(call.value("mat2"), 0, 1), call.value("self")));
  return scaled_sum(call, matmul(call.value("mat1"), call.value("mat2")));
}

/// Each channel less its mean and divided by its deviation, both of what lies in the other dimensions, from
/// `first_other` on.
Items normed_by_own(const NodeCall& call, int64_t first_other) {
  const Value x = call.value("input");
  std::vector<int64_t> others;
  for (auto d = first_other; d < static_cast<int64_t>(x.shape().size()); ++d)
    if (d != 1) others.push_back(d);
  Shape for_channels(x.shape().size() - 1, 1);
  for_channels[0] = x.size(1);
  Value y = (x - mean(x, others, true)) * rsqrt(var(x, others, 0, true) + call.number("eps"));
  if (const auto weight = call.optional_value("weight")) y = y * reshape(*weight, for_channels);
  if (const auto bias = call.optional_value("bias")) y = y + reshape(*bias, for_channels);
  return one(y);
}

Items batch_normed(const NodeCall& call, bool training) {
  const std::optional<Value> mean = call.optional_value("running_mean"), variance = call.optional_value("running_var");
  const std::optional<Value> weight = call.optional_value("weight"), bias = call.optional_value("bias");
  const double eps = call.number("eps");
  const Value x = call.value("input");
  if (training && mean)
    call.refuse(
        "it was exported in training, where the statistics are those of the batch and are kept: export after .eval()");
  if (!training && (!mean || !variance)) call.refuse("expected running_mean and running_var");
  if (!training) return one(batch_norm(x, *mean, *variance, weight, bias, eps));
  if (x.shape().size() < 2) call.refuse("expected (N, C, ...), got {}", str(x.shape()));
  return normed_by_own(call, 0);
}

Items instance_normed(const NodeCall& call) {
  const Value x = call.value("input");
  const std::optional<Value> weight = call.optional_value("weight"), bias = call.optional_value("bias");
  const double eps = call.number("eps");
  if (!call.boolean("use_input_stats")) {
    const std::optional<Value> mean = call.optional_value("running_mean"),
                               variance = call.optional_value("running_var");
    if (!mean || !variance) call.refuse("expected running_mean and running_var");
    return one(batch_norm(x, *mean, *variance, weight, bias, eps));
  }
  const size_t rank = x.shape().size();
  if (rank != 3 && rank != 4) call.refuse("expected (N, C, L) or (N, C, H, W), got {}", str(x.shape()));
  return one(instance_norm(x, weight, bias, eps));
}

/// Without learned statistics, of (1, N * C, H, W) as instance norms become in the core form.
Items normed_by_batch(const NodeCall& call) {
  const Value x = call.value("input");
  if (!call.boolean("training")) call.refuse("expected training=True where there are no statistics");
  if (x.shape().size() < 2) call.refuse("expected (N, C, ...), got {}", str(x.shape()));
  if (x.shape().size() == 2 || x.size(0) != 1) return normed_by_own(call, 0);  // of a whole batch
  if (x.shape().size() == 4)
    return one(instance_norm(x, call.optional_value("weight"), call.optional_value("bias"), call.number("eps")));
  return normed_by_own(call, 2);
}

Items layer_normed(const NodeCall& call) {
  return one(layer_norm(call.value("input"), call.integers("normalized_shape"), call.optional_value("weight"),
                        call.optional_value("bias"), call.number("eps")));
}

/// v * g / |v|, the length over all dimensions but `dim`; -1 means over all.
Items weight_normed(const NodeCall& call) {
  const Value v = call.value("v"), g = call.value("g");
  const int64_t dim = call.integer("dim");
  std::vector<int64_t> others;
  const auto rank = static_cast<int64_t>(v.shape().size());
  if (dim < -1 || dim >= rank) call.refuse("expected dim within {} dimensions, got {}", rank, dim);
  for (int64_t d = 0; d < rank; ++d)
    if (d != dim) others.push_back(d);
  if (others.empty()) return one(v * (g / abs(v)));
  return one(v * (g / sqrt(sum(v * v, others, true))));
}

OneOrTwo<int64_t> window(const NodeCall& call, std::string_view name) {
  const Pair size = pair(call, name);
  return {size.h, size.w};
}
MaybeOneOrTwo<int64_t> stride_of(const NodeCall& call) {
  if (call.integers("stride").empty()) return {};
  return MaybeOneOrTwo<int64_t>(window(call, "stride"));
}

Items max_pooled(const NodeCall& call) {
  return one(max_pool2d(call.value("self"), window(call, "kernel_size"),
                        {.stride = stride_of(call),
                         .padding = window(call, "padding"),
                         .dilation = window(call, "dilation"),
                         .ceil_mode = call.boolean("ceil_mode")}));
}
Items avg_pooled(const NodeCall& call) {
  return one(avg_pool2d(call.value("self"), window(call, "kernel_size"),
                        {.stride = stride_of(call),
                         .padding = window(call, "padding"),
                         .ceil_mode = call.boolean("ceil_mode"),
                         .count_include_pad = call.boolean("count_include_pad"),
                         .divisor_override = call.optional_integer("divisor_override")}));
}

std::optional<int64_t> row_stride(const NodeCall& call) {
  return call.integers("stride").empty() ? std::nullopt : std::optional(single(call, "stride"));
}
Items max_pooled_rows(const NodeCall& call) {
  return one(max_pool1d(call.value("self"), single(call, "kernel_size"),
                        {.stride = row_stride(call),
                         .padding = single(call, "padding"),
                         .dilation = single(call, "dilation"),
                         .ceil_mode = call.boolean("ceil_mode")}));
}
Items avg_pooled_rows(const NodeCall& call) {
  return one(avg_pool1d(call.value("self"), single(call, "kernel_size"),
                        {.stride = row_stride(call),
                         .padding = single(call, "padding"),
                         .ceil_mode = call.boolean("ceil_mode"),
                         .count_include_pad = call.boolean("count_include_pad")}));
}

OneOrTwo<AdaptiveAvgPool2d::Size> adaptive_size(const NodeCall& call) {
  const Pair size = pair(call, "output_size");
  return {AdaptiveAvgPool2d::Size(size.h), AdaptiveAvgPool2d::Size(size.w)};
}

/// Pictures of another size: either the size or the factors are given.
UpsampleOptions new_size(const NodeCall& call, const std::string& mode, bool has_corners) {
  UpsampleOptions options{.mode = mode};
  const auto sizes = call.optional_integers("output_size");
  const auto factors = call.optional_numbers("scale_factors");
  const auto one_or_two = [&](const auto& numbers) {
    using Number = typename std::decay_t<decltype(numbers)>::value_type;
    if (numbers.empty() || numbers.size() > 2)
      call.refuse("expected one or two sizes or factors, got {}", numbers.size());
    return numbers.size() == 1 ? OneOrTwo<Number>(numbers[0]) : OneOrTwo<Number>(numbers[0], numbers[1]);
  };
  if (sizes) options.size = MaybeOneOrTwo<int64_t>(one_or_two(*sizes));
  if (factors) options.scale_factor = MaybeOneOrTwo<double>(one_or_two(*factors));
  if (has_corners) options.align_corners = call.boolean("align_corners");
  return options;
}
template <bool has_corners>
Items resized(const NodeCall& call, const std::string& mode) {
  return one(interpolate(call.value("input"), new_size(call, mode, has_corners)));
}

/// Sides from the last dimension on, as torch.nn.functional.pad has them.
Value padded(const NodeCall& call, const std::vector<int64_t>& sides, const std::string& mode, double value) {
  const Operand operand = call.operand("self");
  if (operand.type == DType::int64) call.refuse("expected self of float32, got int64");
  Value x = operand.value;
  const Shape shape = x.shape();
  const size_t rank = shape.size();
  if (sides.size() % 2 != 0 || sides.size() / 2 > rank)
    call.refuse("expected two numbers for each of at most {} dimensions, got {}", rank, sides.size());
  if (mode != "constant") {
    // Of the last one, with one dimension or two before it, or of the last two.
    if (sides.size() == 2 && (rank == 2 || rank == 3)) return pad(x, std::pair(sides[0], sides[1]), mode);
    if (sides.size() == 4 && (rank == 3 || rank == 4)) return pad(x, {sides[0], sides[1], sides[2], sides[3]}, mode);
    call.refuse("expected {} padding of pictures or rows, got {} numbers for {}", mode, sides.size(), str(shape));
  }
  // Two dimensions at a time, the last ones of a picture that the others are made one dimension of.
  if (sides.size() <= 4 && rank >= 3) {
    const Sides all{sides.empty() ? 0 : sides[0], sides.empty() ? 0 : sides[1], sides.size() > 2 ? sides[2] : 0,
                    sides.size() > 2 ? sides[3] : 0};
    if (rank <= 4) return pad(x, all, mode, value);
    Value y = pad(reshape(x, {-1, shape[rank - 2], shape[rank - 1]}), all, mode, value);
    Shape sizes(shape.begin(), shape.end() - 2);
    sizes.insert(sizes.end(), {y.size(-2), y.size(-1)});
    return reshape(y, sizes);
  }
  for (size_t i = 0; i < sides.size() / 2; ++i)
    x = padded_along(x, -1 - static_cast<int64_t>(i), sides[2 * i], sides[2 * i + 1], value);
  return x;
}
Items any_pad(const NodeCall& call) {
  const std::string mode = call.text("mode");
  return one(padded(call, call.integers("pad"), mode, call.optional_number("value").value_or(0)),
             call.operand("self").type);
}
template <size_t dims>
Items padded_as(const NodeCall& call, const std::string& mode) {
  const std::vector<int64_t> sides = call.integers("padding");
  if (sides.size() != 2 * dims) call.refuse("expected {} numbers as padding, got {}", 2 * dims, sides.size());
  return one(padded(call, sides, mode, 0));
}

/// Places of (N, C, H, W) that a matrix (N, 2, 3) makes of those of its own pixels, as (N, H, W, 2).
Items affine_grid(const NodeCall& call) {
  const Value theta = call.value("theta");
  const std::vector<int64_t> size = call.integers("size");
  const Shape& shape = theta.shape();
  if (size.size() != 4 || shape != Shape{size[0], 2, 3})
    call.refuse("expected a theta of (N, 2, 3) for a size of (N, C, H, W), got {} for {}", str(shape), str(size));
  constexpr int64_t most_pixels = int64_t{1} << 20;
  int64_t pixels = 0;
  if (size[2] < 1 || size[3] < 1 || __builtin_mul_overflow(size[2], size[3], &pixels) || pixels > most_pixels)
    call.refuse("expected 1 to {} pixels, got {}", most_pixels, str(size));
  const bool align_corners = call.boolean("align_corners");
  // From -1 to 1, which are the centres of the outermost pixels or their outer edges.
  const auto place = [&](int64_t i, int64_t count) {
    const double cells = static_cast<double>(align_corners ? count - 1 : count);
    const double twice = align_corners ? 2.0 * static_cast<double>(i) : 2.0 * static_cast<double>(i) + 1;
    return count == 1 ? 0.0F : static_cast<float>(twice / cells - 1);
  };
  Tensor places({pixels, 3});
  for (int64_t i = 0; i < pixels; ++i) {
    places.data()[3 * i] = place(i % size[3], size[3]);
    places.data()[3 * i + 1] = place(i / size[3], size[2]);
    places.data()[3 * i + 2] = 1;
  }
  const Value y = matmul(call.graph().constant(places), transpose(theta, 1, 2));
  return one(reshape(y, {size[0], size[2], size[3], 2}));
}

Items softmaxed(const NodeCall& call, Value (*function)(Value, int64_t)) {
  check_dtype(call);
  return one(function(as_float(call.operand("self")), call.integer("dim")));
}

/// A mask to add, of one that may be boolean.
std::optional<Value> added_mask(const NodeCall& call) {
  const auto given = call.optional_operand("attn_mask");
  if (!given) return {};
  if (given->type == DType::int64) call.refuse("expected a mask of float32 or bool, got int64");
  if (given->type != DType::boolean) return given->value;
  Graph& graph = call.graph();
  return where(given->value, graph.constant(Tensor({}, {0.0F})),
               graph.constant(Tensor({}, {-std::numeric_limits<float>::infinity()})));
}

Items attention(const NodeCall& call) {
  if (call.number("dropout_p") != 0) call.refuse("it was exported in training, with dropout: export after .eval()");
  Value query = call.value("query"), key = call.value("key"), value = call.value("value");
  std::optional<Value> mask = added_mask(call);
  const bool is_causal = call.boolean("is_causal");
  const std::optional<double> scale = call.optional_number("scale");
  if (!call.boolean("enable_gqa") || query.shape().size() < 3 || key.shape().size() < 3 ||
      query.size(-3) == key.size(-3))
    return one(scaled_dot_product_attention(query, key, value, mask, scale, is_causal));
  // Each head of keys is that of several queries side by side, which become a dimension behind the heads.
  const int64_t queries = query.size(-3), heads = key.size(-3);
  if (heads == 0 || queries % heads != 0 || value.shape().size() < 3 || value.size(-3) != heads)
    call.refuse("expected heads of queries that are a multiple of those of keys and values, got {}, {} and {}",
                str(query.shape()), str(key.shape()), str(value.shape()));
  const auto grouped = [&](Value x) {
    if (x.size(-3) != queries) return unsqueeze(x, -3);
    Shape shape = x.shape();
    shape.insert(shape.end() - 2, queries / heads);
    shape[shape.size() - 4] = heads;
    return reshape(x, shape);
  };
  if (mask && mask->shape().size() > 2) mask = grouped(*mask);
  const Value y =
      scaled_dot_product_attention(grouped(query), unsqueeze(key, -3), unsqueeze(value, -3), mask, scale, is_causal);
  Shape shape = y.shape();
  shape.erase(shape.end() - 3);
  shape[shape.size() - 3] = queries;
  return one(reshape(y, shape));
}

Items dropped(const NodeCall& call, std::string_view training) {
  if (call.boolean(training)) call.refuse("it was exported in training: export after .eval()");
  return one(call.operand("input"));
}

template <Value (*function)(Value)>
Items activated(const NodeCall& call) {
  return one(function(call.value("self")));
}
template <class Layer>
Items by_layer(const NodeCall& call) {
  return one(Layer().forward(call.value("self")));
}

constexpr std::string_view conv_arguments =
    "Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int "
    "groups=1";
constexpr std::string_view conv1d_arguments =
    "Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, int[1] padding=0, int[1] dilation=1, int "
    "groups=1";
constexpr std::string_view conv_word_arguments =
    "Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, str padding='valid', int[2] dilation=1, int "
    "groups=1";
constexpr std::string_view conv1d_word_arguments =
    "Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, str padding='valid', int[1] dilation=1, int "
    "groups=1";
constexpr std::string_view transposed_arguments =
    "Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] output_padding=0, int "
    "groups=1, int[2] dilation=1";
constexpr std::string_view transposed1d_arguments =
    "Tensor input, Tensor weight, Tensor? bias=None, int[1] stride=1, int[1] padding=0, int[1] output_padding=0, int "
    "groups=1, int[1] dilation=1";
constexpr std::string_view max_pool_arguments =
    "Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False";
constexpr std::string_view nearest_arguments = "Tensor input, int[]? output_size, float[]? scale_factors";
constexpr std::string_view corners_arguments =
    "Tensor input, int[]? output_size, bool align_corners, float[]? scale_factors";

}  // namespace

std::vector<OperationRow> layer_rows_of_aten() {
  return {
      {"conv2d", conv_arguments, [](const NodeCall& c) { return convolved(c, pair(c, "padding")); }},
      {"conv2d.padding", conv_word_arguments, [](const NodeCall& c) { return convolved(c, c.text("padding")); }},
      {"conv1d", conv1d_arguments, [](const NodeCall& c) { return convolved_rows(c, single(c, "padding")); }},
      {"conv1d.padding", conv1d_word_arguments, [](const NodeCall& c) { return convolved_rows(c, c.text("padding")); }},
      {"conv_transpose2d.input", transposed_arguments, transposed},
      {"conv_transpose1d", transposed1d_arguments, transposed_rows},
      {"convolution",
       "Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool transposed, int[] "
       "output_padding, int groups",
       any_convolution},
      {"linear", "Tensor input, Tensor weight, Tensor? bias=None",
       [](const NodeCall& c) { return one(linear(c.value("input"), c.value("weight"), c.optional_value("bias"))); }},
      {"addmm", "Tensor self, Tensor mat1, Tensor mat2, Scalar beta=1, Scalar alpha=1", matrix_and_bias},
      {"mm", "Tensor self, Tensor mat2",
       [](const NodeCall& c) { return one(matmul(c.value("self"), c.value("mat2"))); }},
      {"bmm", "Tensor self, Tensor mat2",
       [](const NodeCall& c) { return one(matmul(c.value("self"), c.value("mat2"))); }},
      {"matmul", "Tensor self, Tensor other",
       [](const NodeCall& c) { return one(matmul(c.value("self"), c.value("other"))); }},
      {"mv", "Tensor self, Tensor vec", [](const NodeCall& c) { return one(matmul(c.value("self"), c.value("vec"))); }},
      {"dot", "Tensor self, Tensor tensor",
       [](const NodeCall& c) { return one(matmul(c.value("self"), c.value("tensor"))); }},
      {"vdot", "Tensor self, Tensor other",
       [](const NodeCall& c) { return one(matmul(c.value("self"), c.value("other"))); }},
      {"einsum", "str equation, Tensor[] tensors, any path=None",
       [](const NodeCall& c) -> Items {
         Values values;
         for (const Operand& operand : c.operands("tensors")) {
           if (operand.type != DType::float32) c.refuse("expected tensors of float32, got {}", name(operand.type));
           values.push_back(operand.value);
         }
         return one(einsum(c.text("equation"), values));
       }},
      {"outer", "Tensor self, Tensor vec2",
       [](const NodeCall& c) -> Items {
         const Value a = c.value("self"), b = c.value("vec2");
         if (a.shape().size() != 1 || b.shape().size() != 1)
           c.refuse("expected two vectors, got {} and {}", str(a.shape()), str(b.shape()));
         return one(reshape(a, {-1, 1}) * b);
       }},
      {"baddbmm", "Tensor self, Tensor batch1, Tensor batch2, Scalar beta=1, Scalar alpha=1",
       [](const NodeCall& c) { return scaled_sum(c, matmul(c.value("batch1"), c.value("batch2"))); }},
      {"embedding",
       "Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False",
       [](const NodeCall& c) -> Items {
         const Operand indices = c.operand("indices");
         if (indices.type != DType::int64) c.refuse("expected indices of int64, got {}", name(indices.type));
         return one(embedding(indices.value, c.value("weight")));
       }},
      {"_weight_norm", "Tensor v, Tensor g, int dim=0", weight_normed},
      {"_weight_norm_interface", "Tensor v, Tensor g, int dim=0", weight_normed},

      {"batch_norm",
       "Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float "
       "momentum, float eps, any cudnn_enabled",
       [](const NodeCall& c) { return batch_normed(c, c.boolean("training")); }},
      {"_native_batch_norm_legit_no_training",
       "Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps",
       [](const NodeCall& c) { return batch_normed(c, false); }},
      {"_native_batch_norm_legit.no_stats",
       "Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps", normed_by_batch},
      {"instance_norm",
       "Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, "
       "float momentum, float eps, any cudnn_enabled",
       instance_normed},
      {"group_norm",
       "Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, any cudnn_enabled=True",
       [](const NodeCall& c) {
         return one(group_norm(c.value("input"), c.integer("num_groups"), c.optional_value("weight"),
                               c.optional_value("bias"), c.number("eps")));
       }},
      {"native_group_norm", "Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps",
       [](const NodeCall& c) {
         return one(group_norm(c.value("input"), c.integer("group"), c.optional_value("weight"),
                               c.optional_value("bias"), c.number("eps")));
       }},
      {"layer_norm",
       "Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, any "
       "cudnn_enable=True",
       layer_normed},
      {"native_layer_norm", "Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps",
       layer_normed},
      {"rms_norm", "Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None",
       [](const NodeCall& c) {
         return one(rms_norm(c.value("input"), c.integers("normalized_shape"), c.optional_value("weight"),
                             c.optional_number("eps")));
       }},

      {"relu", "Tensor self", [](const NodeCall& c) { return one(relu(c.value("self"))); }},
      {"relu6", "Tensor self", by_layer<ReLU6>},
      {"leaky_relu", "Tensor self, Scalar negative_slope=0.01",
       [](const NodeCall& c) { return one(leaky_relu(c.value("self"), c.number("negative_slope"))); }},
      {"prelu", "Tensor self, Tensor weight",
       [](const NodeCall& c) { return one(prelu(c.value("self"), c.value("weight"))); }},
      {"_prelu_kernel", "Tensor self, Tensor weight",
       [](const NodeCall& c) {
         const Value x = c.value("self");
         return one(where(x < 0, x * c.value("weight"), x));
       }},
      {"tanh", "Tensor self", [](const NodeCall& c) { return one(tanh(c.value("self"))); }},
      {"sigmoid", "Tensor self", [](const NodeCall& c) { return one(sigmoid(c.value("self"))); }},
      {"silu", "Tensor self", [](const NodeCall& c) { return one(silu(c.value("self"))); }},
      {"mish", "Tensor self", by_layer<Mish>},
      {"hardswish", "Tensor self", by_layer<Hardswish>},
      {"hardsigmoid", "Tensor self", by_layer<Hardsigmoid>},
      {"selu", "Tensor self", by_layer<SELU>},
      {"log_sigmoid", "Tensor self", by_layer<LogSigmoid>},
      {"hardtanh", "Tensor self, Scalar min_val=-1, Scalar max_val=1",
       [](const NodeCall& c) {
         return one(Hardtanh(c.number("min_val"), c.number("max_val")).forward(c.value("self")));
       }},
      {"elu", "Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1",
       [](const NodeCall& c) -> Items {
         if (c.number("scale") != 1 || c.number("input_scale") != 1) c.refuse("expected scale and input_scale of 1");
         return one(elu(c.value("self"), c.number("alpha")));
       }},
      {"celu", "Tensor self, Scalar alpha=1.0",
       [](const NodeCall& c) { return one(celu(c.value("self"), c.number("alpha"))); }},
      {"gelu", "Tensor self, str approximate='none'",
       [](const NodeCall& c) { return one(gelu(c.value("self"), c.text("approximate"))); }},
      {"softplus", "Tensor self, Scalar beta=1, Scalar threshold=20",
       [](const NodeCall& c) { return one(softplus(c.value("self"), c.number("beta"), c.number("threshold"))); }},
      {"hardshrink", "Tensor self, Scalar lambd=0.5",
       [](const NodeCall& c) { return one(hardshrink(c.value("self"), c.number("lambd"))); }},
      {"softshrink", "Tensor self, Scalar lambd=0.5",
       [](const NodeCall& c) { return one(softshrink(c.value("self"), c.number("lambd"))); }},
      {"threshold", "Tensor self, Scalar threshold, Scalar value",
       [](const NodeCall& c) { return one(threshold(c.value("self"), c.number("threshold"), c.number("value"))); }},
      {"glu", "Tensor self, int dim=-1", [](const NodeCall& c) { return one(glu(c.value("self"), c.integer("dim"))); }},
      {"rrelu",
       "Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, any generator=None",
       [](const NodeCall& c) -> Items {
         if (c.boolean("training")) c.refuse("it was exported in training: export after .eval()");
         return one(rrelu(c.value("self"), c.number("lower"), c.number("upper")));
       }},
      {"softmax.int", "Tensor self, int dim, ScalarType? dtype=None",
       [](const NodeCall& c) { return softmaxed(c, softmax); }},
      {"_softmax", "Tensor self, int dim, bool half_to_float",
       [](const NodeCall& c) { return one(softmax(c.value("self"), c.integer("dim"))); }},
      {"log_softmax.int", "Tensor self, int dim, ScalarType? dtype=None",
       [](const NodeCall& c) { return softmaxed(c, log_softmax); }},
      {"_log_softmax", "Tensor self, int dim, bool half_to_float",
       [](const NodeCall& c) { return one(log_softmax(c.value("self"), c.integer("dim"))); }},
      {"scaled_dot_product_attention",
       "Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, "
       "float? scale=None, bool enable_gqa=False",
       attention},
      {"dropout", "Tensor input, float p, bool train", [](const NodeCall& c) { return dropped(c, "train"); }, true},
      {"feature_dropout", "Tensor input, float p, bool train", [](const NodeCall& c) { return dropped(c, "train"); },
       true},
      {"alpha_dropout", "Tensor input, float p, bool train", [](const NodeCall& c) { return dropped(c, "train"); },
       true},
      {"feature_alpha_dropout", "Tensor input, float p, bool train",
       [](const NodeCall& c) { return dropped(c, "train"); }, true},

      {"max_pool2d", max_pool_arguments, max_pooled},
      {"max_pool2d_with_indices", max_pool_arguments, max_pooled},
      {"max_pool1d",
       "Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, bool ceil_mode=False",
       max_pooled_rows},
      {"avg_pool2d",
       "Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool "
       "count_include_pad=True, int? divisor_override=None",
       avg_pooled},
      {"avg_pool1d",
       "Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, bool ceil_mode=False, bool "
       "count_include_pad=True",
       avg_pooled_rows},
      {"adaptive_avg_pool2d", "Tensor self, int[2] output_size",
       [](const NodeCall& c) { return one(adaptive_avg_pool2d(c.value("self"), adaptive_size(c))); }},
      {"_adaptive_avg_pool2d", "Tensor self, int[2] output_size",
       [](const NodeCall& c) { return one(adaptive_avg_pool2d(c.value("self"), adaptive_size(c))); }},
      {"adaptive_max_pool2d", "Tensor self, int[2] output_size",
       [](const NodeCall& c) { return one(adaptive_max_pool2d(c.value("self"), adaptive_size(c))); }},
      {"adaptive_avg_pool1d", "Tensor self, int[1] output_size",
       [](const NodeCall& c) { return one(adaptive_avg_pool1d(c.value("self"), single(c, "output_size"))); }},

      {"adaptive_max_pool1d", "Tensor self, int[1] output_size",
       [](const NodeCall& c) { return one(adaptive_max_pool1d(c.value("self"), single(c, "output_size"))); }},

      {"upsample_nearest2d.vec", nearest_arguments, [](const NodeCall& c) { return resized<false>(c, "nearest"); }},
      {"_upsample_nearest_exact2d.vec", nearest_arguments,
       [](const NodeCall& c) { return resized<false>(c, "nearest-exact"); }},
      {"upsample_bilinear2d.vec", corners_arguments, [](const NodeCall& c) { return resized<true>(c, "bilinear"); }},
      {"upsample_bicubic2d.vec", corners_arguments, [](const NodeCall& c) { return resized<true>(c, "bicubic"); }},
      {"upsample_nearest1d.vec", nearest_arguments, [](const NodeCall& c) { return resized<false>(c, "nearest"); }},
      {"_upsample_nearest_exact1d.vec", nearest_arguments,
       [](const NodeCall& c) { return resized<false>(c, "nearest-exact"); }},
      {"upsample_linear1d.vec", corners_arguments, [](const NodeCall& c) { return resized<true>(c, "linear"); }},

      {"pad", "Tensor self, int[] pad, str mode='constant', float? value=None", any_pad},
      {"constant_pad_nd", "Tensor self, int[] pad, Scalar value=0",
       [](const NodeCall& c) -> Items {
         return one(padded(c, c.integers("pad"), "constant", c.number("value")), c.operand("self").type);
       }},
      {"reflection_pad2d", "Tensor self, int[] padding", [](const NodeCall& c) { return padded_as<2>(c, "reflect"); }},
      {"replication_pad2d", "Tensor self, int[] padding",
       [](const NodeCall& c) { return padded_as<2>(c, "replicate"); }},
      {"reflection_pad1d", "Tensor self, int[] padding", [](const NodeCall& c) { return padded_as<1>(c, "reflect"); }},
      {"replication_pad1d", "Tensor self, int[] padding",
       [](const NodeCall& c) { return padded_as<1>(c, "replicate"); }},

      {"affine_grid_generator", "Tensor theta, int[] size, bool align_corners", affine_grid},

      {"pixel_shuffle", "Tensor self, int upscale_factor",
       [](const NodeCall& c) { return one(pixel_shuffle(c.value("self"), c.integer("upscale_factor"))); }},
      {"pixel_unshuffle", "Tensor self, int downscale_factor",
       [](const NodeCall& c) { return one(pixel_unshuffle(c.value("self"), c.integer("downscale_factor"))); }},
      {"channel_shuffle", "Tensor self, int groups",
       [](const NodeCall& c) { return one(channel_shuffle(c.value("self"), c.integer("groups"))); }},
      {"im2col", "Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride",
       [](const NodeCall& c) {
         return one(unfold(
             c.value("self"), window(c, "kernel_size"),
             {.dilation = window(c, "dilation"), .padding = window(c, "padding"), .stride = window(c, "stride")}));
       }},
      {"col2im", "Tensor self, int[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride",
       [](const NodeCall& c) {
         return one(
             fold(c.value("self"), window(c, "output_size"), window(c, "kernel_size"),
                  {.dilation = window(c, "dilation"), .padding = window(c, "padding"), .stride = window(c, "stride")}));
       }},
  };
}

}  // namespace upconv::internal
