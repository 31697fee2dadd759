// Which of torch.nn's modules are the library's, and how they are made.
#include <algorithm>
#include <map>

#include "framework/fail.h"
#include "layers/exported/path.h"
#include "tools/write/node.h"

namespace upconv::tools {

using namespace internal;

namespace {

Number integer(int64_t value) { return value; }

/// What is being matched: the operations of a call, but those that depend on weights alone.
struct Matching {
  const Calls& calls;
  const Call& call;
  std::string type;
  std::vector<NodeView> nodes;

  bool is(std::initializer_list<std::string_view> rows) const {
    return nodes.size() == rows.size() &&
           std::equal(rows.begin(), rows.end(), nodes.begin(),
                      [](std::string_view row, const NodeView& node) { return row == node.row(); });
  }
  /// The sizes of a parameter, or of what depends on parameters alone; nothing of another value.
  std::optional<Shape> sizes(int value) const {
    if (value < 0) return {};
    if (const int tensor = calls.tensor(value); tensor >= 0)
      return calls.program().tensors[static_cast<size_t>(tensor)].stored.shape;
    if (!calls.is_folded(value)) return {};
    Shape shape;
    for (const ExportedSize& size : calls.program().values[static_cast<size_t>(value)].type->sizes)
      shape.push_back(*size.number);
    return shape;
  }
};

LayerCall made(const Matching& match, Expression constructor, const std::string& input = "self") {
  const std::string type = constructor.text;
  return {std::move(constructor), type, match.nodes.front().value(input), match.nodes.back().output(), {}};
}

/// Adds a weight of the layer; whether it is one.
bool add_state(const Matching& match, LayerCall& layer, const std::string& name, int value) {
  if (value < 0) return true;
  if (!match.sizes(value)) return false;
  layer.state.emplace_back(name, value);
  return true;
}

using Rule = std::optional<LayerCall> (*)(const Matching& match);

std::string padding_mode(const NodeView& pad) {
  const std::string mode = pad.text("mode");
  return mode == "replicate" || mode == "reflect" ? mode : "";
}

std::optional<LayerCall> convolution(const Matching& match) {
  const bool is_padded = match.nodes.size() == 2 && match.nodes[0].row() == "pad";
  if (match.nodes.size() != (is_padded ? 2 : 1)) return {};
  const NodeView& node = match.nodes.back();
  const bool is_row = match.type == "Conv1d", by_word = node.row() == (is_row ? "conv1d.padding" : "conv2d.padding");
  if (node.row() != (is_row ? "conv1d" : "conv2d") && !by_word) return {};
  const size_t dims = is_row ? 1 : 2;
  const auto weight = match.sizes(node.value("weight"));
  const auto groups = node.integer("groups");
  const auto stride = node.integers("stride"), dilation = node.integers("dilation");
  if (!weight || weight->size() != dims + 2 || !groups || !stride || !dilation) return {};
  Expression layer = Expression::call(match.type);
  layer.add(Expression::of((*weight)[1] * *groups, "in_channels")).add(Expression::of((*weight)[0], "out_channels"));
  layer.add(pair(Shape(weight->begin() + 2, weight->end()), "kernel_size"));
  layer.option("stride", pair(*stride, "stride"), integer(1));
  if (is_padded) {
    const auto sides = match.nodes[0].integers("pad");
    if (!sides || sides->size() != 2 * dims || padding_mode(match.nodes[0]).empty() ||
        match.nodes[0].output() != node.value("input") || by_word || node.integers("padding") != Shape(dims, 0))
      return {};
    Shape padding;  // of the first dimension first, where `pad` begins with the last one
    for (size_t i = dims; i-- > 0;) {
      if ((*sides)[2 * i] != (*sides)[2 * i + 1]) return {};
      padding.push_back((*sides)[2 * i]);
    }
    layer.option("padding", pair(padding, "padding"), integer(0));
  } else if (by_word) {
    layer.option("padding", Expression::name("\"" + node.text("padding") + "\""));
  } else {
    const auto padding = node.integers("padding");
    if (!padding) return {};
    layer.option("padding", pair(*padding, "padding"), integer(0));
  }
  layer.option("dilation", pair(*dilation, "dilation"), integer(1));
  layer.option("groups", Expression::of(*groups, "groups"), integer(1));
  layer.option("bias", Expression::of(!node.is_none("bias"), "bias"), true);
  if (is_padded) layer.option("padding_mode", Expression::name("\"" + padding_mode(match.nodes[0]) + "\""));
  LayerCall all = made(match, layer, is_padded ? "self" : "input");
  if (!add_state(match, all, "weight", node.value("weight")) || !add_state(match, all, "bias", node.value("bias")))
    return {};
  return all;
}

std::optional<LayerCall> transposed_convolution(const Matching& match) {
  const bool is_row = match.type == "ConvTranspose1d";
  if (!match.is({is_row ? "conv_transpose1d" : "conv_transpose2d.input"})) return {};
  const NodeView& node = match.nodes[0];
  const auto weight = match.sizes(node.value("weight"));
  const auto groups = node.integer("groups");
  const auto stride = node.integers("stride"), dilation = node.integers("dilation"), padding = node.integers("padding"),
             output_padding = node.integers("output_padding");
  if (!weight || weight->size() != (is_row ? 3 : 4) || !groups || !stride || !dilation || !padding || !output_padding)
    return {};
  Expression layer = Expression::call(match.type);
  layer.add(Expression::of((*weight)[0], "in_channels")).add(Expression::of((*weight)[1] * *groups, "out_channels"));
  layer.add(pair(Shape(weight->begin() + 2, weight->end()), "kernel_size"));
  layer.option("stride", pair(*stride, "stride"), integer(1)).option("padding", pair(*padding, "padding"), integer(0));
  layer.option("output_padding", pair(*output_padding, "output_padding"), integer(0));
  layer.option("groups", Expression::of(*groups, "groups"), integer(1));
  layer.option("bias", Expression::of(!node.is_none("bias"), "bias"), true);
  layer.option("dilation", pair(*dilation, "dilation"), integer(1));
  LayerCall all = made(match, layer, "input");
  if (!add_state(match, all, "weight", node.value("weight")) || !add_state(match, all, "bias", node.value("bias")))
    return {};
  return all;
}

std::optional<LayerCall> fully_connected(const Matching& match) {
  if (!match.is({"linear"})) return {};
  const NodeView& node = match.nodes[0];
  const auto weight = match.sizes(node.value("weight"));
  if (!weight || weight->size() != 2) return {};
  Expression layer = Expression::call("Linear");
  layer.add(Expression::of((*weight)[1], "in_features")).add(Expression::of((*weight)[0], "out_features"));
  layer.add(Expression::of(!node.is_none("bias"), "bias"), true);
  LayerCall all = made(match, layer, "input");
  if (!add_state(match, all, "weight", node.value("weight")) || !add_state(match, all, "bias", node.value("bias")))
    return {};
  return all;
}

std::optional<LayerCall> embedded(const Matching& match) {
  if (!match.is({"embedding"})) return {};
  const NodeView& node = match.nodes[0];
  const auto weight = match.sizes(node.value("weight"));
  const auto padding = node.integer("padding_idx");
  if (!weight || weight->size() != 2 || !padding) return {};
  Expression layer = Expression::call("Embedding");
  layer.add(Expression::of((*weight)[0], "num_embeddings")).add(Expression::of((*weight)[1], "embedding_dim"));
  layer.add(Expression::of(*padding, "padding_idx"), integer(-1));
  LayerCall all = made(match, layer, "indices");
  if (!add_state(match, all, "weight", node.value("weight"))) return {};
  return all;
}

std::optional<LayerCall> batch_normed(const Matching& match) {
  if (!match.is({"batch_norm"}) && !match.is({"_native_batch_norm_legit_no_training"})) return {};
  const NodeView& node = match.nodes[0];
  if (node.has("training") && node.boolean("training")) return {};
  const auto mean = match.sizes(node.value("running_mean"));
  const auto eps = node.number("eps");
  const bool affine = !node.is_none("weight"), biased = !node.is_none("bias");
  if (!mean || mean->size() != 1 || !eps || (biased && !affine)) return {};
  Expression layer = Expression::call(match.type);
  layer.add(Expression::of((*mean)[0], "num_features"));
  layer.option("eps", Expression::of(*eps, "eps"), 1e-5);
  layer.option("affine", Expression::of(affine, "affine"), true);
  if (affine) layer.option("bias", Expression::of(biased, "bias"), true);
  LayerCall all = made(match, layer, "input");
  for (const char* name : {"weight", "bias", "running_mean", "running_var"})
    if (!add_state(match, all, name, node.value(name))) return {};
  all.state.emplace_back("num_batches_tracked", -1);
  return all;
}

std::optional<LayerCall> instance_normed(const Matching& match) {
  if (!match.is({"instance_norm"})) return {};
  const NodeView& node = match.nodes[0];
  const auto weight = match.sizes(node.value("weight"));
  const auto eps = node.number("eps");
  if (!node.boolean("use_input_stats") || !eps || node.is_none("weight") != node.is_none("bias")) return {};
  int64_t channels = weight ? weight->at(0) : -1;
  if (const auto& type = match.calls.program().values[static_cast<size_t>(node.output())].type;
      !weight && type && type->sizes.size() >= 2)
    channels = type->sizes[1].number.value_or(-1);
  if (channels < 0) return {};
  Expression layer = Expression::call(match.type);
  layer.add(Expression::of(channels, "num_features"));
  layer.option("eps", Expression::of(*eps, "eps"), 1e-5);
  layer.option("affine", Expression::of(weight.has_value(), "affine"), false);
  LayerCall all = made(match, layer, "input");
  if (!add_state(match, all, "weight", node.value("weight")) || !add_state(match, all, "bias", node.value("bias")))
    return {};
  return all;
}

std::optional<LayerCall> group_normed(const Matching& match) {
  if (!match.is({"group_norm"})) return {};
  const NodeView& node = match.nodes[0];
  const auto weight = match.sizes(node.value("weight"));
  const auto eps = node.number("eps");
  const auto groups = node.integer("num_groups");
  if (!weight || !groups || !eps || node.is_none("bias")) return {};
  Expression layer = Expression::call("GroupNorm");
  layer.add(Expression::of(*groups, "num_groups")).add(Expression::of(weight->at(0), "num_channels"));
  layer.option("eps", Expression::of(*eps, "eps"), 1e-5);
  LayerCall all = made(match, layer, "input");
  if (!add_state(match, all, "weight", node.value("weight")) || !add_state(match, all, "bias", node.value("bias")))
    return {};
  return all;
}

std::optional<LayerCall> layer_normed(const Matching& match) {
  if (!match.is({"layer_norm"})) return {};
  const NodeView& node = match.nodes[0];
  const auto sizes = node.integers("normalized_shape");
  const auto eps = node.number("eps");
  const bool affine = !node.is_none("weight"), biased = !node.is_none("bias");
  if (!sizes || !eps || (biased && !affine)) return {};
  Expression layer = Expression::call("LayerNorm");
  if (sizes->size() == 1) {
    layer.add(Expression::of(sizes->at(0), "normalized_shape"));
  } else {
    Expression braces = Expression::list();
    for (int64_t size : *sizes) braces.add(Expression::of(size, "normalized_shape"));
    layer.add(braces);
  }
  layer.option("eps", Expression::of(*eps, "eps"), 1e-5);
  layer.option("elementwise_affine", Expression::of(affine, "elementwise_affine"), true);
  if (affine) layer.option("bias", Expression::of(biased, "bias"), true);
  LayerCall all = made(match, layer, "input");
  if (!add_state(match, all, "weight", node.value("weight")) || !add_state(match, all, "bias", node.value("bias")))
    return {};
  return all;
}

std::optional<LayerCall> parametric_relu(const Matching& match) {
  if (!match.is({"prelu"})) return {};
  const auto weight = match.sizes(match.nodes[0].value("weight"));
  if (!weight || weight->size() != 1) return {};
  Expression layer = Expression::call("PReLU");
  layer.add(Expression::of(weight->at(0), "num_parameters"), integer(1));
  LayerCall all = made(match, layer);
  if (!add_state(match, all, "weight", match.nodes[0].value("weight"))) return {};
  return all;
}

/// Activations: numbers of the operation, then whether it works in place.
std::optional<LayerCall> activation(const Matching& match) {
  struct Row {
    std::string_view row;
    std::vector<std::pair<std::string_view, double>> numbers;
    bool can_be_in_place;
  };
  static const std::map<std::string, Row> rows = {
      {"ReLU", {"relu", {}, true}},
      {"LeakyReLU", {"leaky_relu", {{"negative_slope", 0.01}}, true}},
      {"Tanh", {"tanh", {}, false}},
      {"Sigmoid", {"sigmoid", {}, false}},
      {"SiLU", {"silu", {}, true}},
      {"Mish", {"mish", {}, true}},
      {"Hardswish", {"hardswish", {}, true}},
      {"Hardsigmoid", {"hardsigmoid", {}, true}},
      {"SELU", {"selu", {}, true}},
      {"LogSigmoid", {"log_sigmoid", {}, false}},
      {"ELU", {"elu", {{"alpha", 1}}, true}},
      {"CELU", {"celu", {{"alpha", 1}}, true}},
      {"Softplus", {"softplus", {{"beta", 1}, {"threshold", 20}}, false}},
      {"Hardtanh", {"hardtanh", {{"min_val", -1}, {"max_val", 1}}, true}},
      {"Hardshrink", {"hardshrink", {{"lambd", 0.5}}, false}},
      {"Softshrink", {"softshrink", {{"lambd", 0.5}}, false}},
  };
  const Row& row = rows.at(match.type);
  if (!match.is({row.row})) return {};
  const NodeView& node = match.nodes[0];
  Expression layer = Expression::call(match.type);
  for (const auto& [name, initial] : row.numbers) {
    const auto number = node.number(name);
    if (!number) return {};
    layer.add(Expression::of(*number, std::string(name)), initial);
  }
  if (match.type == "ELU" && (node.number("scale") != 1.0 || node.number("input_scale") != 1.0)) return {};
  if (row.can_be_in_place) layer.add(Expression::of(node.node().in_place, "inplace"), false);
  return made(match, layer);
}

std::optional<LayerCall> clipped_relu(const Matching& match) {
  const bool is_clamp =
      match.is({"hardtanh"}) && match.nodes[0].number("min_val") == 0.0 && match.nodes[0].number("max_val") == 6.0;
  if (!is_clamp && !match.is({"relu6"})) return {};
  Expression layer = Expression::call("ReLU6");
  layer.add(Expression::of(match.nodes[0].node().in_place, "inplace"), false);
  return made(match, layer);
}

std::optional<LayerCall> gaussian(const Matching& match) {
  if (!match.is({"gelu"})) return {};
  Expression layer = Expression::call("GELU");
  if (const std::string word = match.nodes[0].text("approximate"); word != "none")
    layer.add(Expression::name("\"" + word + "\""));
  return made(match, layer);
}

std::optional<LayerCall> along_dim(const Matching& match) {
  if (!match.is({match.type == "Softmax" ? "softmax.int" : "log_softmax.int"})) return {};
  const auto dim = match.nodes[0].integer("dim");
  if (!dim || !match.nodes[0].is_none("dtype")) return {};
  Expression layer = Expression::call(match.type);
  layer.add(Expression::of(*dim));
  return made(match, layer);
}

std::optional<LayerCall> resampled(const Matching& match) {
  if (match.nodes.size() != 1) return {};
  const auto layer = resampling(match.nodes[0], "Upsample");
  if (!layer) return {};
  return made(match, *layer, "input");
}

std::optional<LayerCall> padded(const Matching& match) {
  static const std::map<std::string, std::string> modes = {
      {"ReflectionPad2d", "reflect"}, {"ReplicationPad2d", "replicate"}, {"ZeroPad2d", "constant"},
      {"ConstantPad2d", "constant"},  {"ReflectionPad1d", "reflect"},    {"ReplicationPad1d", "replicate"},
      {"ZeroPad1d", "constant"},      {"ConstantPad1d", "constant"}};
  if (!match.is({"pad"})) return {};
  const NodeView& node = match.nodes[0];
  const auto sides = node.integers("pad");
  if (node.text("mode") != modes.at(match.type) || !sides || sides->size() != (match.type.ends_with("1d") ? 2 : 4))
    return {};
  Expression layer = Expression::call(match.type);
  layer.add(pair(*sides, "padding"));
  const double value = node.is_none("value") ? 0 : node.number("value").value_or(0);
  if (match.type.starts_with("ConstantPad"))
    layer.add(Expression::of(value, "value"));
  else if (value != 0)
    return {};
  return made(match, layer);
}

std::optional<LayerCall> pooled(const Matching& match) {
  static const std::map<std::string, std::string_view> rows = {{"MaxPool2d", "max_pool2d"},
                                                               {"AvgPool2d", "avg_pool2d"},
                                                               {"MaxPool1d", "max_pool1d"},
                                                               {"AvgPool1d", "avg_pool1d"}};
  const bool is_max = match.type.starts_with("Max");
  if (!match.is({rows.at(match.type)})) return {};
  const NodeView& node = match.nodes[0];
  const auto size = node.integers("kernel_size"), stride = node.integers("stride"), padding = node.integers("padding");
  if (!size || !stride || !padding) return {};
  Expression layer = Expression::call(match.type);
  layer.add(pair(*size, "kernel_size"));
  if (!stride->empty() && *stride != *size) layer.option("stride", pair(*stride, "stride"));
  layer.option("padding", pair(*padding, "padding"), integer(0));
  if (is_max) {
    const auto dilation = node.integers("dilation");
    if (!dilation) return {};
    layer.option("dilation", pair(*dilation, "dilation"), integer(1));
  }
  layer.option("ceil_mode", Expression::of(node.boolean("ceil_mode"), "ceil_mode"), false);
  if (!is_max) {
    layer.option("count_include_pad", Expression::of(node.boolean("count_include_pad"), "count_include_pad"), true);
    if (node.has("divisor_override") && !node.is_none("divisor_override"))
      layer.option("divisor_override", Expression::of(node.integer("divisor_override").value_or(1)));
  }
  return made(match, layer);
}

std::optional<LayerCall> pooled_to(const Matching& match) {
  static const std::map<std::string, std::string_view> rows = {{"AdaptiveAvgPool2d", "adaptive_avg_pool2d"},
                                                               {"AdaptiveMaxPool2d", "adaptive_max_pool2d"},
                                                               {"AdaptiveAvgPool1d", "adaptive_avg_pool1d"},
                                                               {"AdaptiveMaxPool1d", "adaptive_max_pool1d"}};
  if (!match.is({rows.at(match.type)})) return {};
  const auto sizes = match.nodes[0].integers("output_size");
  if (!sizes) return {};
  Expression layer = Expression::call(match.type);
  layer.add(pair(*sizes, "output_size"));
  return made(match, layer);
}

std::optional<LayerCall> shuffled(const Matching& match) {
  const std::string name = match.type == "PixelShuffle"     ? "upscale_factor"
                           : match.type == "PixelUnshuffle" ? "downscale_factor"
                                                            : "groups";
  if (!match.is({match.type == "PixelShuffle"     ? "pixel_shuffle"
                 : match.type == "PixelUnshuffle" ? "pixel_unshuffle"
                                                  : "channel_shuffle"}))
    return {};
  const auto factor = match.nodes[0].integer(name);
  if (!factor) return {};
  Expression layer = Expression::call(match.type);
  layer.add(Expression::of(*factor, name));
  return made(match, layer);
}

std::optional<LayerCall> flattened(const Matching& match) {
  if (!match.is({"flatten.using_ints"})) return {};
  const auto start = match.nodes[0].integer("start_dim"), end = match.nodes[0].integer("end_dim");
  if (!start || !end) return {};
  Expression layer = Expression::call("Flatten");
  layer.add(Expression::of(*start), integer(1)).add(Expression::of(*end), integer(-1));
  return made(match, layer);
}

std::optional<LayerCall> unflattened(const Matching& match) {
  if (!match.is({"unflatten.int"})) return {};
  const auto dim = match.nodes[0].integer("dim");
  const auto sizes = match.nodes[0].integers("sizes");
  if (!dim || !sizes) return {};
  Expression layer = Expression::call("Unflatten");
  Expression list = Expression::list();
  for (int64_t size : *sizes) list.add(Expression::of(size));
  layer.add(Expression::of(*dim)).add(list);
  return made(match, layer);
}

std::optional<LayerCall> dropped(const Matching& match) {
  if (match.nodes.size() != 1) return {};
  const NodeView& node = match.nodes[0];
  Expression layer = Expression::call(match.type);
  if (node.row() == "clone" || node.row() == "alias") return made(match, layer);
  if (!match.is({"dropout"}) && !match.is({"feature_dropout"}) && !match.is({"alpha_dropout"})) return {};
  const auto p = node.number("p");
  if (!p || node.boolean("train")) return {};
  layer.add(Expression::of(*p, "p"), 0.5).add(Expression::of(node.node().in_place, "inplace"), false);
  return made(match, layer, "input");
}

const std::map<std::string, Rule>& rules() {
  static const std::map<std::string, Rule> all = [] {
    std::map<std::string, Rule> rules = {{"Conv2d", convolution},
                                         {"ConvTranspose2d", transposed_convolution},
                                         {"Conv1d", convolution},
                                         {"ConvTranspose1d", transposed_convolution},
                                         {"MaxPool1d", pooled},
                                         {"AvgPool1d", pooled},
                                         {"AdaptiveAvgPool1d", pooled_to},
                                         {"AdaptiveMaxPool1d", pooled_to},
                                         {"Linear", fully_connected},
                                         {"Embedding", embedded},
                                         {"BatchNorm2d", batch_normed},
                                         {"BatchNorm1d", batch_normed},
                                         {"SyncBatchNorm", batch_normed},
                                         {"InstanceNorm2d", instance_normed},
                                         {"InstanceNorm1d", instance_normed},
                                         {"GroupNorm", group_normed},
                                         {"LayerNorm", layer_normed},
                                         {"PReLU", parametric_relu},
                                         {"ReLU6", clipped_relu},
                                         {"GELU", gaussian},
                                         {"Softmax", along_dim},
                                         {"LogSoftmax", along_dim},
                                         {"Upsample", resampled},
                                         {"UpsamplingNearest2d", resampled},
                                         {"UpsamplingBilinear2d", resampled},
                                         {"MaxPool2d", pooled},
                                         {"AvgPool2d", pooled},
                                         {"AdaptiveAvgPool2d", pooled_to},
                                         {"AdaptiveMaxPool2d", pooled_to},
                                         {"PixelShuffle", shuffled},
                                         {"PixelUnshuffle", shuffled},
                                         {"ChannelShuffle", shuffled},
                                         {"Flatten", flattened},
                                         {"Unflatten", unflattened}};
    for (const char* name : {"ReLU", "LeakyReLU", "Tanh", "Sigmoid", "SiLU", "Mish", "Hardswish", "Hardsigmoid", "SELU",
                             "LogSigmoid", "ELU", "CELU", "Softplus", "Hardtanh", "Hardshrink", "Softshrink"})
      rules.emplace(name, activation);
    for (const char* name : {"ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d", "ConstantPad2d", "ReflectionPad1d",
                             "ReplicationPad1d", "ZeroPad1d", "ConstantPad1d"})
      rules.emplace(name, padded);
    for (const char* name : {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"})
      rules.emplace(name, dropped);
    return rules;
  }();
  return all;
}

/// The operations of a call that do not depend on weights alone; false where another module is called in it.
bool gather(const Calls& calls, const Call& call, std::vector<NodeView>& nodes) {
  for (const Step& step : call.steps) {
    if (step.call) return false;
    const NodeView node(calls, step.node);
    if (!calls.is_folded(node.output())) nodes.push_back(node);
  }
  return !nodes.empty();
}

}  // namespace

std::optional<LayerCall> layer_of(const Calls& calls, const Call& call) {
  constexpr std::string_view parametrized = "torch.nn.utils.parametrize.Parametrized";
  std::string type;
  if (call.type_name.starts_with("torch.nn.modules."))
    type = last_of(call.type_name);
  else if (call.type_name.starts_with(parametrized))
    type = call.type_name.substr(parametrized.size());
  const auto rule = rules().find(type);
  if (rule == rules().end()) return {};
  Matching match{calls, call, type, {}};
  if (!gather(calls, call, match.nodes)) return {};
  return rule->second(match);
}

}  // namespace upconv::tools
