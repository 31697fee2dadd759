#include "layers/registry.h"

#include <algorithm>

#include "framework/fail.h"
#include "layers/activation.h"
#include "layers/conv_transpose2d.h"
#include "layers/linear.h"
#include "layers/norm.h"
#include "layers/softmax.h"
#include "layers/structure.h"

namespace upconv {
namespace {

/// `make` returns the layer by value; its type need not be named twice.
template <class Make>
LayerRow row(std::string_view name, std::string_view signature, Make make) {
  return {name, signature, [make](const Arguments& a) -> std::shared_ptr<Module> {
            return std::make_shared<decltype(make(a))>(make(a));
          }};
}

/// Norms and PReLU hold their values from the start, unlike other weights, which wait for a file: without a limit one
/// line of text could ask for all memory. The widest networks have some thousands.
constexpr int64_t most_features = 1 << 16;

int64_t features(const Arguments& a, std::string_view name) {
  const int64_t count = a.integer(name);
  if (count > most_features) a.refuse(name, fmt::format("at most {}", most_features));
  return count;
}

/// BatchNorm2d and InstanceNorm2d.
template <class Layer, class Options>
Layer feature_norm(const Arguments& a) {
  return Layer(features(a, "num_features"), Options{.eps = a.number("eps"),
                                                    .momentum = a.optional_number("momentum"),
                                                    .affine = a.boolean("affine"),
                                                    .track_running_stats = a.boolean("track_running_stats"),
                                                    .bias = a.boolean("bias")});
}

GroupNorm group_norm(const Arguments& a) {
  return GroupNorm(a.integer("num_groups"), features(a, "num_channels"),
                   {.eps = a.number("eps"), .affine = a.boolean("affine"), .bias = a.boolean("bias")});
}

LayerNorm layer_norm(const Arguments& a) {
  const Shape shape = a.sizes("normalized_shape");
  if (std::none_of(shape.begin(), shape.end(), [](int64_t size) { return size < 1; }) && numel(shape) > most_features)
    a.refuse("normalized_shape", fmt::format("at most {} elements", most_features));
  return LayerNorm(
      shape,
      {.eps = a.number("eps"), .elementwise_affine = a.boolean("elementwise_affine"), .bias = a.boolean("bias")});
}

}  // namespace

const std::vector<LayerRow>& layer_rows() {
  static const std::vector<LayerRow> rows = {
      row("ConvTranspose2d",
          "in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, "
          "dilation=1, padding_mode='zeros'",
          [](const Arguments& a) {
            return ConvTranspose2d(a.integer("in_channels"), a.integer("out_channels"), a.pair("kernel_size"),
                                   a.pair("stride"), a.pair("padding"), a.pair("output_padding"), a.integer("groups"),
                                   a.boolean("bias"), a.pair("dilation"), a.text("padding_mode"));
          }),
      row("Linear", "in_features, out_features, bias=True",
          [](const Arguments& a) {
            return Linear(a.integer("in_features"), a.integer("out_features"), a.boolean("bias"));
          }),
      row("Embedding", "num_embeddings, embedding_dim, padding_idx=None",
          [](const Arguments& a) {
            return Embedding(a.integer("num_embeddings"), a.integer("embedding_dim"),
                             a.optional_integer("padding_idx"));
          }),
      row("BatchNorm2d", "num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, *, bias=True",
          feature_norm<BatchNorm2d, BatchNorm2dOptions>),
      row("InstanceNorm2d",
          "num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, *, bias=True",
          feature_norm<InstanceNorm2d, InstanceNorm2dOptions>),
      row("GroupNorm", "num_groups, num_channels, eps=1e-05, affine=True, *, bias=True", group_norm),
      row("LayerNorm", "normalized_shape, eps=1e-05, elementwise_affine=True, bias=True", layer_norm),
      row("ReLU", "inplace=False", [](const Arguments& a) { return ReLU(a.boolean("inplace")); }),
      row("LeakyReLU", "negative_slope=0.01, inplace=False",
          [](const Arguments& a) { return LeakyReLU(a.number("negative_slope"), a.boolean("inplace")); }),
      row("PReLU", "num_parameters=1, init=0.25",
          [](const Arguments& a) { return PReLU(features(a, "num_parameters"), a.number("init")); }),
      row("ELU", "alpha=1.0, inplace=False",
          [](const Arguments& a) { return ELU(a.number("alpha"), a.boolean("inplace")); }),
      row("SiLU", "inplace=False", [](const Arguments& a) { return SiLU(a.boolean("inplace")); }),
      row("GELU", "approximate='none'", [](const Arguments& a) { return GELU(a.text("approximate")); }),
      row("Softplus", "beta=1.0, threshold=20.0",
          [](const Arguments& a) { return Softplus(a.number("beta"), a.number("threshold")); }),
      row("Hardtanh", "min_val=-1.0, max_val=1.0, inplace=False",
          [](const Arguments& a) { return Hardtanh(a.number("min_val"), a.number("max_val"), a.boolean("inplace")); }),
      row("ReLU6", "inplace=False", [](const Arguments& a) { return ReLU6(a.boolean("inplace")); }),
      row("Hardsigmoid", "inplace=False", [](const Arguments& a) { return Hardsigmoid(a.boolean("inplace")); }),
      row("Hardswish", "inplace=False", [](const Arguments& a) { return Hardswish(a.boolean("inplace")); }),
      row("Mish", "inplace=False", [](const Arguments& a) { return Mish(a.boolean("inplace")); }),
      row("Softmax", "dim=None", [](const Arguments& a) { return Softmax(a.optional_integer("dim")); }),
      row("Tanh", "", [](const Arguments&) { return Tanh(); }),
      row("Sigmoid", "", [](const Arguments&) { return Sigmoid(); }),
      row("Identity", "", [](const Arguments&) { return Identity(); }),
      row("Dropout", "p=0.5, inplace=False",
          [](const Arguments& a) { return Dropout(a.number("p"), a.boolean("inplace")); }),
      row("Flatten", "start_dim=1, end_dim=-1",
          [](const Arguments& a) { return Flatten(a.integer("start_dim"), a.integer("end_dim")); }),
      row("Unflatten", "dim, unflattened_size",
          [](const Arguments& a) { return Unflatten(a.integer("dim"), a.shape("unflattened_size")); }),
  };
  return rows;
}

void Arguments::refuse(std::string_view name, std::string_view expected) const {
  const Literal& got = values_.at(name);
  throw ArgumentError(fmt::format("{}: {} must be {}, got {}", layer_, name, expected, got.text), got.offset);
}

int64_t Arguments::integer(std::string_view name) const {
  if (const auto* value = std::get_if<int64_t>(&values_.at(name).value)) return *value;
  refuse(name, "an integer");
}

std::optional<int64_t> Arguments::optional_integer(std::string_view name) const {
  const PythonValue& value = values_.at(name).value;
  if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
  if (!std::holds_alternative<std::monostate>(value)) refuse(name, "an integer or None");
  return {};
}

double Arguments::number(std::string_view name) const {
  const PythonValue& value = values_.at(name).value;
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  refuse(name, "a finite number");
}

std::optional<double> Arguments::optional_number(std::string_view name) const {
  if (std::holds_alternative<std::monostate>(values_.at(name).value)) return {};
  return number(name);
}

bool Arguments::boolean(std::string_view name) const {
  if (const auto* value = std::get_if<bool>(&values_.at(name).value)) return *value;
  refuse(name, "True or False");
}

Pair Arguments::pair(std::string_view name) const {
  const PythonValue& value = values_.at(name).value;
  if (const auto* both = std::get_if<int64_t>(&value)) return *both;
  if (const auto* sizes = std::get_if<Shape>(&value); sizes && sizes->size() == 2) return {(*sizes)[0], (*sizes)[1]};
  refuse(name, "an integer or two, as in (4, 4)");
}

Shape Arguments::sizes(std::string_view name) const {
  if (const auto* size = std::get_if<int64_t>(&values_.at(name).value)) return {*size};
  return shape(name);
}

Shape Arguments::shape(std::string_view name) const {
  if (const auto* value = std::get_if<Shape>(&values_.at(name).value)) return *value;
  refuse(name, "a tuple of integers, as in (4, 4) or (4,)");
}

std::string Arguments::text(std::string_view name) const {
  if (const auto* value = std::get_if<std::string>(&values_.at(name).value)) return *value;
  refuse(name, "a string");
}

}  // namespace upconv
