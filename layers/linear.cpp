#include "layers/linear.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/initial.h"
#include "framework/memo.h"
#include "layers/activated.h"
#include "layers/check.h"
#include "layers/convolution/direct/algorithm.h"
#include "layers/elementwise.h"
#include "layers/functional.h"
#include "layers/repr.h"
#include "layers/weighted.h"

namespace upconv {

using namespace internal;

namespace {

/// A convolution whose pictures have one pixel: rows of the input are images.
class LinearOperation : public Activated<LinearOperation, ContiguousOperation> {
 public:
  /// `rows` says that inputs are (N, IC).
  LinearOperation(const Parameter& weight, std::optional<Parameter> bias, bool rows)
      : rows_(rows),
        weights_{weight,
                 std::move(bias),
                 {.IC = weight.shape()[1],
                  .OC = weight.shape()[0],
                  .groups = 1,
                  .taps = 1,
                  .group_stride = 0,
                  .oc_stride = weight.shape()[1],
                  .ic_stride = 1}} {}

  std::string_view name() const override { return "Linear"; }
  void identify(Fingerprint& print) const override { print(weights_.weight, weights_.bias); }

  Type infer(std::span<const Type> inputs) const override {
    const Type& x = inputs[0];
    check_float(x);
    if (x.shape.empty() || x.shape.back() != weights_.layout.IC)
      fail("expected {} features in the last dimension, got {}", weights_.layout.IC, str(x.shape));
    Shape shape = x.shape;
    shape.back() = weights_.layout.OC;
    return {shape, DType::float32};
  }

  /// Of rows, whose features are what channels are.
  std::shared_ptr<const Operation> with_affine(const ChannelAffine& affine) const override {
    if (!rows_ || activated()) return nullptr;
    auto merged = copy();
    merged->weights_.affine = weights_.affine ? weights_.affine->then(affine) : affine;
    return merged;
  }

  std::shared_ptr<const Operation> with_channels_last(int64_t channels) const override {
    auto permuted = copy();
    WeightLayout& layout = permuted->weights_.layout;
    layout.channels = channels;
    if (weights_.affine)
      for (int64_t oc = 0; oc < layout.OC; ++oc) {
        const auto to = static_cast<size_t>(oc), from = static_cast<size_t>(layout.feature(oc));
        permuted->weights_.affine->scale[to] = weights_.affine->scale[from];
        permuted->weights_.affine->shift[to] = weights_.affine->shift[from];
      }
    return permuted;
  }

  bool has_precision() const override { return true; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const int64_t in = weights_.layout.IC, out = weights_.layout.OC, rows = numel(lowering.output.shape) / out;
    ConvGeometry geometry{.in = {rows, in, 1, 1}, .out = {rows, out, 1, 1}, .rows = {}, .cols = {}};
    geometry.rows = geometry.cols = transposed_axis({.in = 1, .out = 1, .kernel = 1});
    ConvContext context{.input = Layout::channels_last,
                        .output = Layout::contiguous,
                        .activation = activation(),
                        .flops = 2.0 * static_cast<double>(rows * in * out),
                        .threads = lowering.options.threads,
                        .parts = {in},
                        .part_types = {DType::float32}};
    const bool halved = is_halved(geometry, weights_.layout, lowering);
    return direct_sums({std::move(geometry), std::move(context), weights_, lowering, halved});
  }

 private:
  bool rows_;
  ConvWeights weights_;
};

class EmbeddingStep : public Step {
 public:
  EmbeddingStep(std::shared_ptr<const std::vector<float>> table, int64_t rows, int64_t width, int64_t count)
      : table_(std::move(table)), rows_(rows), width_(width), count_(count) {}
  int64_t tiles() const override { return 1; }
  void run(int64_t, const Frame& frame) const override {
    const auto* indices = static_cast<const int64_t*>(frame.inputs[0]);
    auto* y = static_cast<float*>(frame.output);
    for (int64_t i = 0; i < count_; ++i, y += width_) {
      if (indices[i] < 0 || indices[i] >= rows_)
        fail("expected indices from 0 to {}, got {} at position {}", rows_ - 1, indices[i], i);
      std::copy_n(table_->data() + indices[i] * width_, width_, y);
    }
  }
  std::string algorithm() const override { return "look-up"; }
  std::span<const float> packed() const override { return *table_; }
  size_t weight_bytes() const override { return static_cast<size_t>(count_ * width_) * sizeof(float); }  // the rows

 private:
  std::shared_ptr<const std::vector<float>> table_;
  int64_t rows_, width_, count_;
};

class EmbeddingOperation : public ContiguousOperation {
 public:
  explicit EmbeddingOperation(const Parameter& weight) : weight_(weight) {}
  std::string_view name() const override { return "Embedding"; }
  void identify(Fingerprint& print) const override { print(weight_); }
  Type infer(std::span<const Type> inputs) const override {
    if (inputs[0].dtype != DType::int64) fail("expected int64 indices, got {}", upconv::name(inputs[0].dtype));
    Shape shape = inputs[0].shape;
    shape.push_back(weight_.shape()[1]);
    return {shape, DType::float32};
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    auto table = std::static_pointer_cast<const std::vector<float>>(
        Memo::of(weight_, "table", [&]() -> std::shared_ptr<const void> {
          auto values = std::make_shared<std::vector<float>>(static_cast<size_t>(numel(weight_.shape())));
          weight_.stored().to_float(values->data());
          return values;
        }));
    return std::make_unique<EmbeddingStep>(std::move(table), weight_.shape()[0], weight_.shape()[1],
                                           numel(lowering.inputs[0].shape));
  }

 private:
  Parameter weight_;
};

/// Which embedding is meant by an index that may count from the end.
std::optional<int64_t> within(int64_t num_embeddings, std::optional<int64_t> index) {
  if (index && (*index < -num_embeddings || *index >= num_embeddings))
    fail("Embedding: padding_idx must be within the {} embeddings, got {}", num_embeddings, *index);
  return index && *index < 0 ? *index + num_embeddings : index;
}

}  // namespace

Linear::Linear(int64_t in_features, int64_t out_features, bool bias)
    : in_features(positive("Linear", "in_features", in_features)),
      out_features(positive("Linear", "out_features", out_features)),
      has_bias(bias),
      weight(add_parameter("weight", initial_weight({out_features, in_features}))),
      bias(bias ? add_parameter("bias", initial_bias({out_features}, weight.shape()))
                : Parameter(Shape{out_features}, DType::float32)) {}

Value Linear::forward(Value x) const {
  std::optional<Parameter> own;
  if (has_bias) own = bias;
  return x.graph().apply(std::make_shared<LinearOperation>(weight, own, x.shape().size() == 2), {x});
}

Value linear(Value x, Value weight, std::optional<Value> bias) {
  const Shape& shape = weight.shape();
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
    refuse(x, "linear expected a weight (out_features, in_features), got {}", upconv::str(shape));
  const OwnParameter own_weight(weight, shape), own_bias(bias, {shape[0]});
  if (own_weight.is_known && own_bias.is_known)
    return x.graph().apply(
        std::make_shared<LinearOperation>(*own_weight.parameter, own_bias.parameter, x.shape().size() == 2), {x});
  const Value y = weighted(x, weight, {}, [rows = x.shape().size() == 2](const Parameter& parameter) {
    return std::make_shared<LinearOperation>(parameter, std::nullopt, rows);
  });
  return bias ? y + *bias : y;
}

Value embedding(Value indices, Value weight) {
  if (weight.shape().size() != 2)
    refuse(indices, "embedding expected a weight (num_embeddings, embedding_dim), got {}", upconv::str(weight.shape()));
  return weighted(indices, weight, {},
                  [](const Parameter& parameter) { return std::make_shared<EmbeddingOperation>(parameter); });
}

std::string Linear::extra_repr() const {
  return fmt::format("in_features={}, out_features={}, bias={}", in_features, out_features, python(has_bias));
}

Embedding::Embedding(int64_t num_embeddings, int64_t embedding_dim, std::optional<int64_t> padding_idx)
    : num_embeddings(positive("Embedding", "num_embeddings", num_embeddings)),
      embedding_dim(positive("Embedding", "embedding_dim", embedding_dim)),
      padding_idx(within(num_embeddings, padding_idx)),
      weight(add_parameter("weight", initial_normal({num_embeddings, embedding_dim}, this->padding_idx))) {}

Value Embedding::forward(Value indices) const {
  return indices.graph().apply(std::make_shared<EmbeddingOperation>(weight), {indices});
}

std::string Embedding::extra_repr() const {
  return fmt::format("{}, {}{}", num_embeddings, embedding_dim,
                     padding_idx ? fmt::format(", padding_idx={}", *padding_idx) : "");
}

}  // namespace upconv
