#include "layers/linear.h"

#include <algorithm>
#include <limits>

#include "framework/fail.h"
#include "layers/conv_step.h"
#include "layers/python.h"

namespace upconv {
namespace {

/// A convolution whose pictures have one pixel: rows of the input are images.
class LinearOperation : public ContiguousOperation {
 public:
  explicit LinearOperation(const Linear& layer) : weight_(layer.weight), bias_(layer.bias), has_bias_(layer.has_bias) {}

  std::string_view name() const override { return "Linear"; }

  Type infer(std::span<const Type> inputs) const override {
    const Type& x = inputs[0];
    if (x.dtype != DType::float32) fail("expected float32, got {}", upconv::name(x.dtype));
    if (x.shape.empty() || x.shape.back() != weight_.shape()[1])
      fail("expected {} features in the last dimension, got {}", weight_.shape()[1], str(x.shape));
    Shape shape = x.shape;
    shape.back() = weight_.shape()[0];
    return {shape, DType::float32};
  }

  std::shared_ptr<const Operation> with_pointwise(const Pointwise& pointwise) const override {
    if (activation_.kind != Pointwise::identity) return nullptr;
    auto merged = std::make_shared<LinearOperation>(*this);
    merged->activation_ = pointwise;
    return merged;
  }

  std::shared_ptr<const Operation> with_channels_last(int64_t channels) const override {
    auto permuted = std::make_shared<LinearOperation>(*this);
    permuted->channels_ = channels;
    return permuted;
  }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const kernels::Table& table = kernels::table(*lowering.options.isa);
    const int64_t in = weight_.shape()[1], out = weight_.shape()[0], rows = numel(lowering.output.shape) / out;
    ConvGeometry geometry{{rows, in, 1, 1}, {rows, out, 1, 1}, 1, 1, {}, {}};
    geometry.rows = geometry.cols = transposed_axis(1, 1, 1, 1, 0, 1);
    return direct_step(std::move(geometry), packed(table), table,
                       {Layout::channels_last, Layout::contiguous, to_kernel(activation_),
                        2.0 * static_cast<double>(rows * in * out), lowering.options.threads});
  }

 private:
  std::shared_ptr<const PackedDirect> packed(const kernels::Table& table) const {
    const std::string key = fmt::format("direct/{}/{}/{}/{}", upconv::name(table.isa), fmt::ptr(bias_.identity()),
                                        bias_.version(), channels_);
    auto make = [&]() -> std::shared_ptr<const void> {
      const int64_t in = weight_.shape()[1], out = weight_.shape()[0];
      std::vector<float> rows(static_cast<size_t>(in * out)), bias(static_cast<size_t>(out));
      weight_.stored().to_float(rows.data());
      if (has_bias_) bias_.stored().to_float(bias.data());
      std::vector<float> weight(rows.size()), shift(bias.size());
      for (int64_t o = 0; o < out; ++o) {
        const int64_t feature = o % channels_ * (out / channels_) + o / channels_;
        std::copy_n(rows.data() + feature * in, in, weight.data() + o * in);
        shift[static_cast<size_t>(o)] = bias[static_cast<size_t>(feature)];
      }
      const std::vector<double> scale(static_cast<size_t>(out), 1.0);
      return std::make_shared<const PackedDirect>(table, WeightView{weight.data(), scale, in, out, 1, 1, 0, in, 1},
                                                  shift);
    };
    return std::static_pointer_cast<const PackedDirect>(weight_.cached(key, make));
  }

  Parameter weight_, bias_;
  bool has_bias_;
  Pointwise activation_;
  int64_t channels_ = 1;  // of the pictures that the output is, [pixel][channel]; 1 leaves the features in order
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
        std::fill_n(y, width_, std::numeric_limits<float>::quiet_NaN());
      else
        std::copy_n(table_->data() + indices[i] * width_, width_, y);
    }
  }
  std::string algorithm() const override { return "look-up"; }
  size_t weight_bytes() const override { return static_cast<size_t>(count_ * width_) * sizeof(float); }  // the rows

 private:
  std::shared_ptr<const std::vector<float>> table_;
  int64_t rows_, width_, count_;
};

class EmbeddingOperation : public ContiguousOperation {
 public:
  explicit EmbeddingOperation(const Parameter& weight) : weight_(weight) {}
  std::string_view name() const override { return "Embedding"; }
  Type infer(std::span<const Type> inputs) const override {
    if (inputs[0].dtype != DType::int64) fail("expected int64 indices, got {}", upconv::name(inputs[0].dtype));
    Shape shape = inputs[0].shape;
    shape.push_back(weight_.shape()[1]);
    return {shape, DType::float32};
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    auto table = std::static_pointer_cast<const std::vector<float>>(
        weight_.cached("table", [&]() -> std::shared_ptr<const void> {
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

int64_t positive(const char* layer, const char* argument, int64_t value) {
  if (value < 1) fail("{}: {} must be positive, got {}", layer, argument, value);
  return value;
}

}  // namespace

Linear::Linear(int64_t in_features, int64_t out_features, bool bias)
    : in_features(positive("Linear", "in_features", in_features)),
      out_features(positive("Linear", "out_features", out_features)),
      has_bias(bias),
      weight(add_parameter("weight", Parameter(Shape{out_features, in_features}, DType::float32))),
      bias(bias ? add_parameter("bias", Parameter(Shape{out_features}, DType::float32))
                : Parameter(Shape{out_features}, DType::float32)) {}

Value Linear::forward(Value x) const { return x.graph().apply(std::make_shared<LinearOperation>(*this), {x}); }

std::string Linear::extra_repr() const {
  return fmt::format("in_features={}, out_features={}, bias={}", in_features, out_features, python(has_bias));
}

Embedding::Embedding(int64_t num_embeddings, int64_t embedding_dim, std::optional<int64_t> padding_idx)
    : num_embeddings(positive("Embedding", "num_embeddings", num_embeddings)),
      embedding_dim(positive("Embedding", "embedding_dim", embedding_dim)),
      padding_idx(padding_idx),
      weight(add_parameter("weight", Parameter(Shape{num_embeddings, embedding_dim}, DType::float32))) {
  if (padding_idx && (*padding_idx < -num_embeddings || *padding_idx >= num_embeddings))
    fail("Embedding: padding_idx must be within the {} embeddings, got {}", num_embeddings, *padding_idx);
  if (padding_idx && *padding_idx < 0) this->padding_idx = *padding_idx + num_embeddings;
}

Value Embedding::forward(Value indices) const {
  return indices.graph().apply(std::make_shared<EmbeddingOperation>(weight), {indices});
}

std::string Embedding::extra_repr() const {
  return fmt::format("{}, {}{}", num_embeddings, embedding_dim,
                     padding_idx ? fmt::format(", padding_idx={}", *padding_idx) : "");
}

}  // namespace upconv
