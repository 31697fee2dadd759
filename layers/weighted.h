#pragma once
// Internal: layers whose weight is a value. Where that is known when a program is compiled, they are what the layer is;
// elsewhere the layer is made anew in each run, by the thread that runs it.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "../framework/graph.h"

namespace upconv::internal {

/// The operation on x with `weight`, that `make` makes of a parameter; `arguments` tells it from others of its name.
Value weighted(Value x, Value weight, std::vector<int64_t> arguments,
               std::function<std::shared_ptr<const Operation>(const Parameter& weight)> make);

/// Whether a value is a float32 parameter of that shape, or is not there, and which parameter. A function that is given
/// parameters alone is the layer that owns them.
struct OwnParameter {
  bool is_known;
  std::optional<Parameter> parameter;
  OwnParameter(const std::optional<Value>& value, const Shape& shape);
};

}  // namespace upconv::internal
