#pragma once
#include "../framework/module.h"

namespace upconv {

/// The arguments of Linear after its sizes: `Linear(3, 4, {.bias = false})`.
struct LinearOptions {
  bool bias = true;  ///< whether there is one
};

/// torch.nn.Linear: y = x W^T + b over the last dimension. Input (..., in_features), output (..., out_features).
/// Parameters: weight (out_features, in_features) and, with bias, bias (out_features).
class Linear : public Module {
 public:
  /// Throws Error where a size is not positive.
  Linear(int64_t in_features, int64_t out_features, bool bias = true);
  /// The same.
  Linear(int64_t in_features, int64_t out_features, LinearOptions options)
      : Linear(in_features, out_features, options.bias) {}

  Value forward(Value x) const override;
  std::string type_name() const override { return "Linear"; }
  std::string extra_repr() const override;

  const int64_t in_features;   ///< of an input
  const int64_t out_features;  ///< of an output
  const bool has_bias;         ///< whether there is a bias
  const Parameter weight;      ///< (out_features, in_features)
  const Parameter bias;        ///< not the module's where has_bias is false
};

/// torch.nn.Embedding: rows of a table. Input int64 of any shape, output (..., embedding_dim) float32.
/// Parameter: weight (num_embeddings, embedding_dim). Only padding_idx of PyTorch's further arguments is kept: it
/// matters in training alone. A run throws Error for an index outside of the table.
class Embedding : public Module {
 public:
  /// Throws Error where a size is not positive.
  Embedding(int64_t num_embeddings, int64_t embedding_dim, std::optional<int64_t> padding_idx = {});

  Value forward(Value indices) const override;
  std::string type_name() const override { return "Embedding"; }
  std::string extra_repr() const override;

  const int64_t num_embeddings;              ///< rows of the table
  const int64_t embedding_dim;               ///< their length
  const std::optional<int64_t> padding_idx;  ///< printed, from 0 on
  const Parameter weight;                    ///< the table
};

}  // namespace upconv
