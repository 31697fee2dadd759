#pragma once
#include <optional>

#include "../framework/module.h"

namespace upconv {

/// torch.nn.Identity.
class Identity : public Module {
 public:
  Value forward(Value x) const override { return x; }
  std::string type_name() const override { return "Identity"; }
};

/// torch.nn.Dropout at inference: the identity. p and inplace are kept because they are printed.
class Dropout : public Module {
 public:
  /// Throws Error where p is not within [0, 1].
  explicit Dropout(double p = 0.5, bool inplace = false);
  Value forward(Value x) const override { return x; }
  std::string type_name() const override { return "Dropout"; }
  std::string extra_repr() const override;
  const double p;      ///< the share that training leaves out
  const bool inplace;  ///< printed
};

/// torch.nn.Flatten: dimensions start_dim to end_dim become one. Negative dimensions count from the end.
class Flatten : public Module {
 public:
  /// As torch.nn makes it.
  explicit Flatten(int64_t start_dim = 1, int64_t end_dim = -1) : start_dim(start_dim), end_dim(end_dim) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Flatten"; }
  std::string extra_repr() const override;
  const int64_t start_dim;  ///< the first dimension of them
  const int64_t end_dim;    ///< the last one
};

/// torch.nn.Unflatten: dimension dim becomes several, whose product it must be. One of them may be -1.
class Unflatten : public Module {
 public:
  /// As torch.nn makes it.
  Unflatten(int64_t dim, Shape unflattened_size) : dim(dim), unflattened_size(std::move(unflattened_size)) {}
  Value forward(Value x) const override;
  std::string type_name() const override { return "Unflatten"; }
  std::string extra_repr() const override;
  const int64_t dim;             ///< the dimension
  const Shape unflattened_size;  ///< what it becomes
};

}  // namespace upconv
