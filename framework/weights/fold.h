#pragma once
// Internal: torch.nn.utils.spectral_norm and weight_norm save a tensor as factors, under names of their own.
#include <array>
#include <optional>
#include <string>

#include "state_dict.h"

namespace upconv::internal {

/// Where the factors of a tensor are.
struct Factors {
  enum Kind { spectral, weight };
  Kind kind;
  /// Spectral norm: the tensor before it was divided, u and v. Weight norm: magnitude and direction.
  std::vector<std::string> names;
};

/// The factors of `key`, under the names that torch.nn.utils or torch.nn.utils.parametrizations gives them; nothing
/// where not all of them are there.
std::optional<Factors> find_factors(const StateDict& weights, const std::string& key);

/// The names beside `key` that spectral norm of PyTorch 0.4 saved with it: `key` itself is folded there.
std::vector<std::string> stale_factors(const StateDict& weights, const std::string& key);

/// The tensor as PyTorch computes it from its factors in eval mode, in float64 and rounded once. `shape` is what it
/// must have; `output_dim` is the dimension that spectral norm keeps, where u's length does not say another. Throws
/// Error naming the factor that does not fit.
Stored fold(const StateDict& weights, const Factors& factors, const Shape& shape, int64_t output_dim);

}  // namespace upconv::internal
