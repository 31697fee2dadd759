#include "layers/registry.h"

#include "framework/fail.h"
#include "layers/activation.h"
#include "layers/conv2d.h"
#include "layers/conv_transpose2d.h"
#include "layers/linear.h"
#include "layers/norm.h"
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

/// BatchNorm2d holds its statistics from the start, unlike weights, which wait for a file: without a limit one line of
/// text could ask for all memory. The widest networks have some thousands.
constexpr int64_t most_features = 1 << 16;

BatchNorm2d batch_norm2d(const Arguments& a) {
  const int64_t num_features = a.integer("num_features");
  if (num_features > most_features) a.refuse("num_features", fmt::format("at most {}", most_features));
  if (!a.boolean("track_running_stats"))
    a.refuse("track_running_stats", "True, as a batch's own statistics are not taken");
  return BatchNorm2d(num_features, {.eps = a.number("eps"),
                                    .momentum = a.optional_number("momentum"),
                                    .affine = a.boolean("affine"),
                                    .bias = a.boolean("bias")});
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
      row("Conv2d",
          "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, "
          "padding_mode='zeros'",
          [](const Arguments& a) {
            const Padding padding = a.is_text("padding") ? Padding(a.text("padding")) : Padding(a.pair("padding"));
            return Conv2d(a.integer("in_channels"), a.integer("out_channels"), a.pair("kernel_size"), a.pair("stride"),
                          padding, a.pair("dilation"), a.integer("groups"), a.boolean("bias"), a.text("padding_mode"));
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
          batch_norm2d),
      row("ReLU", "inplace=False", [](const Arguments& a) { return ReLU(a.boolean("inplace")); }),
      row("LeakyReLU", "negative_slope=0.01, inplace=False",
          [](const Arguments& a) { return LeakyReLU(a.number("negative_slope"), a.boolean("inplace")); }),
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

Shape Arguments::shape(std::string_view name) const {
  if (const auto* value = std::get_if<Shape>(&values_.at(name).value)) return *value;
  refuse(name, "a tuple of integers, as in (4, 4) or (4,)");
}

bool Arguments::is_text(std::string_view name) const {
  return std::holds_alternative<std::string>(values_.at(name).value);
}

std::string Arguments::text(std::string_view name) const {
  if (const auto* value = std::get_if<std::string>(&values_.at(name).value)) return *value;
  refuse(name, "a string");
}

}  // namespace upconv
