#include "layers/text/unknown.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "framework/suggestion.h"
#include "layers/text/registry.h"

namespace upconv::internal {
namespace {

// Of PyTorch 2.13, but containers.
constexpr std::string_view only_pytorchs =
    " AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool3d AvgPool3d BCELoss BCEWithLogitsLoss "
    "BatchNorm3d Bilinear CTCLoss CircularPad3d ConstantPad3d Conv3d ConvTranspose3d CosineEmbeddingLoss "
    "CosineSimilarity CrossEntropyLoss CrossMapLRN2d EmbeddingBag FractionalMaxPool2d FractionalMaxPool3d GRU "
    "GRUCell GaussianNLLLoss HingeEmbeddingLoss HuberLoss InstanceNorm3d KLDivLoss L1Loss LPPool1d LPPool3d LSTM "
    "LSTMCell LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d "
    "LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d "
    "LazyInstanceNorm3d LazyLinear LinearCrossEntropyLoss LocalResponseNorm MSELoss MarginRankingLoss MaxPool3d "
    "MaxUnpool1d MaxUnpool2d MaxUnpool3d MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss "
    "MultiheadAttention NLLLoss NLLLoss2d PairwiseDistance ParameterDict ParameterList PoissonNLLLoss RNN RNNBase "
    "RNNCell RNNCellBase ReflectionPad3d ReplicationPad3d SmoothL1Loss SoftMarginLoss Transformer "
    "TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer TripletMarginLoss "
    "TripletMarginWithDistanceLoss ZeroPad3d ";

std::vector<std::string_view> known_layers() {
  std::vector<std::string_view> names;
  for (const LayerRow& row : layer_rows()) names.push_back(row.name);
  names.push_back("Sequential");
  return names;
}

std::string digits(std::string_view word) {
  std::string all;
  std::copy_if(word.begin(), word.end(), std::back_inserter(all), [](char c) { return c >= '0' && c <= '9'; });
  return all;
}

/// Whether somebody could have meant `layer`: fingers slip behind the first letter, and who writes Conv3d or
/// LayerNorm2d means neither Conv2d nor LayerNorm, while who leaves digits out may have forgotten them.
bool is_plausible(std::string_view word, std::string_view layer) {
  const auto first = [](std::string_view text) { return text.empty() ? '\0' : static_cast<char>(text[0] | 0x20); };
  return first(word) == first(layer) && (digits(word).empty() || digits(word) == digits(layer));
}

}  // namespace

bool is_only_pytorchs(std::string_view name) {
  return only_pytorchs.find(fmt::format(" {} ", name)) != std::string_view::npos;
}

std::string meant_layer(std::string_view name) {
  std::vector<std::string_view> candidates = known_layers();
  std::erase_if(candidates, [&](std::string_view layer) { return !is_plausible(name, layer); });
  return suggestion(name, candidates);
}

std::string about_unknown(std::string_view name) {
  const std::string meant = is_only_pytorchs(name) ? ", which PyTorch has and upconv does not" : meant_layer(name);
  if (meant.starts_with(";")) return meant;
  return fmt::format("{}; known are {}, and a class of your own that prints one child", meant,
                     fmt::join(known_layers(), ", "));
}

}  // namespace upconv::internal
