#pragma once
#include <optional>

#include "../framework/module.h"
#include "integer_or_number.h"

namespace upconv {

/// torch.nn.Identity.
class Identity : public Module {
 public:
  Value forward(Value x) const override { return x; }
  std::string type_name() const override { return "Identity"; }
};

/// What layers share that leave out a part of their input in training: at inference they are the identity. p and
/// inplace are kept because they are printed.
class AnyDropout : public Module {
 public:
  Value forward(Value x) const override { return x; }
  std::string type_name() const override { return layer_; }
  std::string extra_repr() const override;
  const IntegerOrNumber p;  ///< the share that training leaves out
  const bool inplace;       ///< printed

 protected:
  /// The part of the layer that is called `layer`. Throws Error where p is not within [0, 1].
  AnyDropout(const char* layer, IntegerOrNumber p, bool inplace);

 private:
  const char* layer_;
};

/// torch.nn.Dropout, which leaves out elements. Any shape.
class Dropout : public AnyDropout {
 public:
  /// Throws Error where p is not within [0, 1].
  explicit Dropout(IntegerOrNumber p = 0.5, bool inplace = false) : AnyDropout("Dropout", p, inplace) {}
};

/// torch.nn.Dropout1d, which leaves out channels of (N, C, L) or (C, L). Throws Error, when called, for another rank,
/// as only this one does in PyTorch.
class Dropout1d : public AnyDropout {
 public:
  /// Throws Error where p is not within [0, 1].
  explicit Dropout1d(IntegerOrNumber p = 0.5, bool inplace = false) : AnyDropout("Dropout1d", p, inplace) {}
  Value forward(Value x) const override;
};

/// torch.nn.Dropout2d, which leaves out channels of pictures. Any shape.
class Dropout2d : public AnyDropout {
 public:
  /// Throws Error where p is not within [0, 1].
  explicit Dropout2d(IntegerOrNumber p = 0.5, bool inplace = false) : AnyDropout("Dropout2d", p, inplace) {}
};

/// torch.nn.Dropout3d, which leaves out channels of volumes. Any shape.
class Dropout3d : public AnyDropout {
 public:
  /// Throws Error where p is not within [0, 1].
  explicit Dropout3d(IntegerOrNumber p = 0.5, bool inplace = false) : AnyDropout("Dropout3d", p, inplace) {}
};

/// torch.nn.AlphaDropout, which keeps mean and variance of what SELU gives. Any shape.
class AlphaDropout : public AnyDropout {
 public:
  /// Throws Error where p is not within [0, 1].
  explicit AlphaDropout(IntegerOrNumber p = 0.5, bool inplace = false) : AnyDropout("AlphaDropout", p, inplace) {}
};

/// torch.nn.FeatureAlphaDropout: AlphaDropout of whole channels. Any shape.
class FeatureAlphaDropout : public AnyDropout {
 public:
  /// Throws Error where p is not within [0, 1].
  explicit FeatureAlphaDropout(IntegerOrNumber p = 0.5, bool inplace = false)
      : AnyDropout("FeatureAlphaDropout", p, inplace) {}
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
