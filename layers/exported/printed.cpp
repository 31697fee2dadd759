#include "layers/exported/printed.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "layers/exported/operations.h"
#include "layers/exported/path.h"
#include "layers/repr.h"
#include "layers/spec.h"

namespace upconv::internal {
namespace {

/// A node's arguments in Python's words, by the names of its row. Throws Error where one is no number, but follows from
/// a size.
class Words {
 public:
  Words(const ExportedProgram& program, const ExportedNode& node) : program_(program), node_(node) {}

  bool is_none(std::string_view name) const { return at(name).is_none(); }
  /// "True" where there is one.
  std::string given(std::string_view name) const { return python(!is_none(name)); }
  std::string in_place() const { return python(node_.in_place); }

  /// "2", "0.5", "True" or "'reflect'".
  std::string word(std::string_view name) const { return word(at(name)); }
  /// "1.0" also where a 1 was written down.
  std::string real(std::string_view name) const { return real(at(name)); }
  /// "(2, 3)"; a number alone for all of them where one was written down, or the list has one.
  std::string tuple(std::string_view name, size_t length = 0) const {
    std::vector<std::string> words = list(name, &Words::word);
    if (words.size() == 1 && length > 1) words.resize(length, words[0]);
    return fmt::format("({}{})", fmt::join(words, ", "), words.size() == 1 ? "," : "");
  }
  /// "2" for (2, 2), else the tuple.
  std::string one_or_tuple(std::string_view name) const { return one_or(list(name, &Words::word)); }
  std::string one_or_real_tuple(std::string_view name) const { return one_or(list(name, &Words::real)); }
  bool is_empty(std::string_view name) const {
    const auto* items = at(name).get<Argument::List>();
    return items != nullptr && items->empty();
  }

  /// Sizes of a tensor that is an argument.
  Shape shape(std::string_view name) const {
    const auto* reference = at(name).get<Reference>();
    if (reference == nullptr) fail("expected a tensor as {}", name);
    for (const ExportedTensor& tensor : program_.tensors)
      if (tensor.value == reference->index) return tensor.stored.shape;
    Shape shape;
    if (const auto& type = program_.values[static_cast<size_t>(reference->index)].type)
      for (const ExportedSize& size : type->sizes) {
        if (!size.number) fail("a size of {} is not fixed", name);
        shape.push_back(*size.number);
      }
    return shape;
  }
  int64_t size(std::string_view name, size_t dim) const {
    const Shape sizes = shape(name);
    if (dim >= sizes.size()) fail("expected more dimensions of {}", name);
    return sizes[dim];
  }
  int64_t integer(std::string_view name) const {
    const auto* number = at(name).get<int64_t>();
    if (number == nullptr) fail("expected a number as {}", name);
    return *number;
  }

 private:
  const Argument& at(std::string_view name) const {
    const Argument* argument = find_argument(node_, name);
    if (argument == nullptr) fail("there is no argument {}", name);
    return *argument;
  }
  static std::string word(const Argument& argument) {
    if (const auto* integer = argument.get<int64_t>()) return std::to_string(*integer);
    if (const auto* number = argument.get<double>()) return python(*number);
    if (const auto* truth = argument.get<bool>()) return python(*truth);
    if (const auto* text = argument.get<std::string>()) return "'" + *text + "'";
    fail("expected a number");
  }
  static std::string real(const Argument& argument) {
    const auto* integer = argument.get<int64_t>();
    return integer ? python(static_cast<double>(*integer)) : word(argument);
  }
  std::vector<std::string> list(std::string_view name, std::string (*as)(const Argument&)) const {
    const auto* items = at(name).get<Argument::List>();
    if (items == nullptr) return {as(at(name))};
    std::vector<std::string> words;
    for (const Argument& item : *items) words.push_back(as(item));
    return words;
  }
  static std::string one_or(const std::vector<std::string>& words) {
    if (!words.empty() && std::all_of(words.begin(), words.end(), [&](const auto& word) { return word == words[0]; }))
      return words[0];
    return fmt::format("({})", fmt::join(words, ", "));
  }

  const ExportedProgram& program_;
  const ExportedNode& node_;
};

/// The sizes of a kernel, behind those of channels, as a tuple.
std::string kernel_size(const Words& words) {
  const Shape shape = words.shape("weight");
  if (shape.size() < 3) fail("expected a weight with a kernel");
  return fmt::format("({}{})", fmt::join(shape.begin() + 2, shape.end(), ", "), shape.size() == 3 ? "," : "");
}

std::string conv(const Words& w) {
  const int64_t in = w.size("weight", 1) * w.integer("groups");
  const size_t length = w.shape("weight").size() - 2;
  return fmt::format("{}, {}, kernel_size={}, stride={}, padding={}, dilation={}, groups={}, bias={}", in,
                     w.size("weight", 0), kernel_size(w), w.tuple("stride", length), w.tuple("padding", length),
                     w.tuple("dilation", length), w.word("groups"), w.given("bias"));
}

std::string conv_by_word(const Words& w) {
  const size_t length = w.shape("weight").size() - 2;
  return fmt::format("{}, {}, kernel_size={}, stride={}, padding={}, dilation={}, groups={}, bias={}",
                     w.size("weight", 1) * w.integer("groups"), w.size("weight", 0), kernel_size(w),
                     w.tuple("stride", length), w.word("padding"), w.tuple("dilation", length), w.word("groups"),
                     w.given("bias"));
}

std::string conv_transpose(const Words& w) {
  const size_t length = w.shape("weight").size() - 2;
  return fmt::format(
      "{}, {}, kernel_size={}, stride={}, padding={}, output_padding={}, groups={}, bias={}, dilation={}",
      w.size("weight", 0), w.size("weight", 1) * w.integer("groups"), kernel_size(w), w.tuple("stride", length),
      w.tuple("padding", length), w.tuple("output_padding", length), w.word("groups"), w.given("bias"),
      w.tuple("dilation", length));
}

std::string batch_norm(const Words& w) {
  return fmt::format("{}, eps={}, momentum={}, affine={}", w.size("running_mean", 0), w.real("eps"), w.real("momentum"),
                     w.given("weight"));
}

/// Where neither weights nor statistics say how many features there are, only the input does.
std::string instance_norm(const Words& w) {
  return fmt::format("{}, eps={}, momentum={}, affine={}, track_running_stats={}", w.size("input", 1), w.real("eps"),
                     w.real("momentum"), w.given("weight"), w.given("running_mean"));
}

std::string group_norm(const Words& w) {
  return fmt::format("{}, {}, eps={}, affine={}", w.word("num_groups"), w.size("input", 1), w.real("eps"),
                     w.given("weight"));
}

std::string layer_norm(const Words& w) {
  return fmt::format("{}, eps={}, elementwise_affine={}", w.tuple("normalized_shape"), w.real("eps"),
                     w.given("weight"));
}

std::string resample(const Words& w, std::string_view mode) {
  return fmt::format("{}, mode='{}'",
                     w.is_none("output_size") ? "scale_factor=" + w.one_or_real_tuple("scale_factors")
                                              : "size=" + w.one_or_tuple("output_size"),
                     mode);
}

std::string pool(const Words& w) {
  return fmt::format("kernel_size={}, stride={}, padding={}", w.one_or_tuple("kernel_size"),
                     w.one_or_tuple(w.is_empty("stride") ? "kernel_size" : "stride"), w.one_or_tuple("padding"));
}

std::string in_place(const Words& w) { return "inplace=" + w.in_place(); }
std::string dropout(const Words& w) { return fmt::format("p={}, inplace={}", w.word("p"), w.in_place()); }
std::string sides(const Words& w) { return w.tuple("pad"); }

/// A layer of PyTorch, the operation that its forward() is, and its arguments as one would type them.
struct Row {
  std::string_view type_name, operation;
  std::string (*arguments)(const Words& words);
};
constexpr Row rows[] = {
    {"Conv1d", "conv1d", conv},
    {"Conv1d", "conv1d.padding", conv_by_word},
    {"Conv2d", "conv2d", conv},
    {"Conv2d", "conv2d.padding", conv_by_word},
    {"ConvTranspose1d", "conv_transpose1d", conv_transpose},
    {"ConvTranspose2d", "conv_transpose2d.input", conv_transpose},
    {"Linear", "linear",
     [](const Words& w) {
       return fmt::format("{}, {}, bias={}", w.size("weight", 1), w.size("weight", 0), w.given("bias"));
     }},
    {"Embedding", "embedding",
     [](const Words& w) {
       const std::string padding = w.word("padding_idx");
       return fmt::format("{}, {}{}", w.size("weight", 0), w.size("weight", 1),
                          padding == "-1" ? "" : ", padding_idx=" + padding);
     }},
    {"BatchNorm1d", "batch_norm", batch_norm},
    {"BatchNorm1d", "_native_batch_norm_legit_no_training", batch_norm},
    {"BatchNorm2d", "batch_norm", batch_norm},
    {"BatchNorm2d", "_native_batch_norm_legit_no_training", batch_norm},
    {"SyncBatchNorm", "batch_norm", batch_norm},
    {"InstanceNorm1d", "instance_norm", instance_norm},
    {"InstanceNorm2d", "instance_norm", instance_norm},
    {"GroupNorm", "group_norm", group_norm},
    {"LayerNorm", "layer_norm", layer_norm},
    {"ReLU", "relu", in_place},
    {"ReLU6", "relu6", in_place},
    {"ReLU6", "hardtanh", in_place},
    {"SiLU", "silu", in_place},
    {"Mish", "mish", in_place},
    {"SELU", "selu", in_place},
    {"Hardswish", "hardswish", in_place},
    {"Hardsigmoid", "hardsigmoid", in_place},
    {"LeakyReLU", "leaky_relu",
     [](const Words& w) {
       return fmt::format("negative_slope={}, inplace={}", w.word("negative_slope"), w.in_place());
     }},
    {"ELU", "elu", [](const Words& w) { return fmt::format("alpha={}, inplace={}", w.real("alpha"), w.in_place()); }},
    {"CELU", "celu", [](const Words& w) { return fmt::format("alpha={}, inplace={}", w.real("alpha"), w.in_place()); }},
    {"PReLU", "prelu", [](const Words& w) { return fmt::format("num_parameters={}", w.size("weight", 0)); }},
    {"GELU", "gelu", [](const Words& w) { return "approximate=" + w.word("approximate"); }},
    {"Softplus", "softplus",
     [](const Words& w) { return fmt::format("beta={}, threshold={}", w.real("beta"), w.real("threshold")); }},
    {"Hardtanh", "hardtanh",
     [](const Words& w) {
       return fmt::format("min_val={}, max_val={}, inplace={}", w.real("min_val"), w.real("max_val"), w.in_place());
     }},
    {"Hardshrink", "hardshrink", [](const Words& w) { return w.word("lambd"); }},
    {"Softshrink", "softshrink", [](const Words& w) { return w.word("lambd"); }},
    {"Threshold", "threshold",
     [](const Words& w) {
       return fmt::format("threshold={}, value={}, inplace={}", w.word("threshold"), w.word("value"), w.in_place());
     }},
    {"GLU", "glu", [](const Words& w) { return "dim=" + w.word("dim"); }},
    {"Softmax", "softmax.int", [](const Words& w) { return "dim=" + w.word("dim"); }},
    {"Softmax", "_softmax", [](const Words& w) { return "dim=" + w.word("dim"); }},
    {"LogSoftmax", "log_softmax.int", [](const Words& w) { return "dim=" + w.word("dim"); }},
    {"Upsample", "upsample_nearest2d.vec", [](const Words& w) { return resample(w, "nearest"); }},
    {"Upsample", "_upsample_nearest_exact2d.vec", [](const Words& w) { return resample(w, "nearest-exact"); }},
    {"Upsample", "upsample_bilinear2d.vec", [](const Words& w) { return resample(w, "bilinear"); }},
    {"Upsample", "upsample_bicubic2d.vec", [](const Words& w) { return resample(w, "bicubic"); }},
    {"UpsamplingNearest2d", "upsample_nearest2d.vec", [](const Words& w) { return resample(w, "nearest"); }},
    {"UpsamplingBilinear2d", "upsample_bilinear2d.vec", [](const Words& w) { return resample(w, "bilinear"); }},
    {"PixelShuffle", "pixel_shuffle", [](const Words& w) { return w.word("upscale_factor"); }},
    {"PixelUnshuffle", "pixel_unshuffle", [](const Words& w) { return w.word("downscale_factor"); }},
    {"ChannelShuffle", "channel_shuffle", [](const Words& w) { return w.word("groups"); }},
    {"ReflectionPad2d", "pad", sides},
    {"ReplicationPad2d", "pad", sides},
    {"CircularPad2d", "pad", sides},
    {"ZeroPad2d", "pad", sides},
    {"ConstantPad2d", "pad",
     [](const Words& w) { return fmt::format("padding={}, value={}", w.tuple("pad"), w.word("value")); }},
    {"MaxPool2d", "max_pool2d",
     [](const Words& w) {
       return fmt::format("{}, dilation={}, ceil_mode={}", pool(w), w.one_or_tuple("dilation"), w.word("ceil_mode"));
     }},
    {"AvgPool2d", "avg_pool2d", pool},
    {"AdaptiveAvgPool2d", "adaptive_avg_pool2d",
     [](const Words& w) { return "output_size=" + w.one_or_tuple("output_size"); }},
    {"AdaptiveMaxPool2d", "adaptive_max_pool2d",
     [](const Words& w) { return "output_size=" + w.one_or_tuple("output_size"); }},
    {"Flatten", "flatten.using_ints",
     [](const Words& w) { return fmt::format("start_dim={}, end_dim={}", w.word("start_dim"), w.word("end_dim")); }},
    {"Dropout", "dropout", dropout},
    {"Dropout2d", "feature_dropout", dropout},
    {"AlphaDropout", "alpha_dropout", dropout},
};

const Row* find_row(std::string_view type_name, std::string_view operation) {
  const auto* found = std::find_if(std::begin(rows), std::end(rows), [&](const Row& row) {
    return row.type_name == type_name && row.operation == operation;
  });
  return found == std::end(rows) ? nullptr : found;
}

/// Whether `path` is that of a module within the one at `around`, or its own.
bool is_within(std::string_view path, std::string_view around) {
  return around.empty() || (path.starts_with(around) && (path.size() == around.size() || path[around.size()] == '.'));
}

/// Calls f with each module's path that `path` lies within, from its own to "".
void each_around(std::string_view path, const std::function<void(const std::string&)>& f) {
  for (std::string around(path);;) {
    f(around);
    if (around.empty()) return;
    around = parent_of(around);
  }
}

bool is_counted(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether a class is one of PyTorch's layers.
bool is_of_pytorch(std::string_view type_name) { return type_name.starts_with("torch.nn.modules."); }

/// printed_arguments of the module whose class is `type_name` and whose forward() made `nodes`.
std::string printed(const ExportedProgram& program, const std::string& type_name,
                    const std::vector<const ExportedNode*>& nodes) {
  const ExportedNode* first = nullptr;
  const Row* row = nullptr;
  for (const ExportedNode* node : nodes) {
    // What is asked of sizes says nothing of the layer.
    if (node->outputs.empty() || !program.values[static_cast<size_t>(node->outputs[0])].is_tensor) continue;
    if (node->row == nullptr) return "";
    const Row* own = find_row(type_name, node->row->name);
    // Another operation beside it, such as the pad before a convolution, is an argument that its node does not tell.
    if (own == nullptr || (row != nullptr && own != row)) return "";
    if (first == nullptr) first = node;
    row = own;
  }
  if (first == nullptr || !first->unsupported.empty()) return "";
  try {
    return parse_module(fmt::format("{}({})", type_name, row->arguments(Words(program, *first))))->extra_repr();
  } catch (const Error&) {
    return "";  // a number that follows from a size, or a layer that this library has not
  }
}

}  // namespace

std::string class_of(const std::string& type_name) { return printable(last_of(type_name)); }

std::string_view class_of_uncalled(const std::vector<std::string>& children) {
  return !children.empty() && std::all_of(children.begin(), children.end(), is_counted) ? "ModuleList" : "Module";
}

std::string printed_arguments(const ExportedProgram& program, const std::string& path) {
  const auto type = program.type_names.find(path);
  if (type == program.type_names.end() || !is_of_pytorch(type->second)) return "";
  std::vector<const ExportedNode*> nodes;
  for (const ExportedNode& node : program.nodes)
    if (node.path == path) nodes.push_back(&node);
  return printed(program, class_of(type->second), nodes);
}

std::vector<ExportedLayer> exported_layers(const ExportedProgram& program) {
  std::vector<ExportedLayer> layers;
  std::map<std::string, size_t> known;
  std::map<std::string, std::vector<std::string>> children;  // names of them, for modules that have some
  const auto add = [&](const std::string& path) {
    std::vector<std::string> missing;
    each_around(path, [&](const std::string& around) {
      if (!known.contains(around)) missing.push_back(around);
    });
    for (auto around = missing.rbegin(); around != missing.rend(); ++around) {
      known.emplace(*around, layers.size());
      const auto type = program.type_names.find(*around);
      layers.push_back({*around, type == program.type_names.end() ? "" : class_of(type->second), {}, {}});
      if (!around->empty()) children[parent_of(*around)].push_back(last_of(*around));
    }
  };
  add("");
  for (const std::string& path : program.modules) add(path);
  for (const ExportedTensor& tensor : program.tensors)
    if (tensor.kind != ExportedTensor::Kind::constant) add(parent_of(tensor.name));

  // A value leaves every module that it was made in and that who reads it is not in.
  std::vector<std::string> maker(program.values.size());
  std::vector<bool> is_made(program.values.size());
  std::set<std::pair<size_t, int>> left;
  const auto leave = [&](int value, std::string_view reader, bool is_program) {
    if (!is_made[static_cast<size_t>(value)] || !program.values[static_cast<size_t>(value)].is_tensor) return;
    each_around(maker[static_cast<size_t>(value)], [&](const std::string& around) {
      const auto found = known.find(around);
      if (found == known.end() || (!is_program && is_within(reader, around))) return;
      if (left.emplace(found->second, value).second) layers[found->second].outputs.push_back(value);
    });
  };
  const auto read = [&](const Argument& argument, std::string_view path, bool is_program) {
    each_reference(argument, [&](int value) { leave(value, path, is_program); });
  };
  std::map<std::string_view, std::vector<const ExportedNode*>> nodes;
  std::vector<int> last(layers.size(), -1);  // value that is made within each
  for (const ExportedNode& node : program.nodes) {
    nodes[node.path].push_back(&node);
    for (const Argument& argument : node.arguments) read(argument, node.path, false);
    for (int output : node.outputs) {
      maker[static_cast<size_t>(output)] = node.path;
      is_made[static_cast<size_t>(output)] = true;
      each_around(node.path, [&](const std::string& around) {
        if (const auto found = known.find(around); found != known.end()) last[found->second] = output;
      });
    }
  }
  for (const Argument& output : program.outputs) read(output, "", true);

  for (size_t i = 0; i < layers.size(); ++i) {
    ExportedLayer& layer = layers[i];
    // What reads it may be an operation whose arguments are not known.
    if (layer.outputs.empty() && last[i] >= 0 && program.values[static_cast<size_t>(last[i])].is_tensor)
      layer.outputs.push_back(last[i]);
    if (layer.type_name.empty())
      layer.type_name = layer.path.empty() ? "Exported" : class_of_uncalled(children[layer.path]);
    const auto type = program.type_names.find(layer.path);
    const auto own = nodes.find(layer.path);
    if (own != nodes.end() && type != program.type_names.end() && is_of_pytorch(type->second))
      layer.arguments = printed(program, layer.type_name, own->second);
  }
  return layers;
}

std::string written(const ExportedSize& size) {
  if (size.number) return std::to_string(*size.number);
  return size.expression ? written(*size.expression) : printable(size.text);
}

std::string written(const std::vector<ExportedSize>& sizes) {
  std::vector<std::string> all;
  for (const ExportedSize& size : sizes) all.push_back(written(size));
  return fmt::format("({}{})", fmt::join(all, ", "), all.size() == 1 ? "," : "");
}

}  // namespace upconv::internal
