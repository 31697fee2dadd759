#pragma once
// Internal: the functions of norms, and of slopes, where everything that they are given is a parameter, or is not
// there: they are the layers then. Each is nothing where something else is given.
#include <optional>

#include "../framework/graph.h"

namespace upconv::internal {

std::optional<Value> known_prelu(Value x, Value weight);
std::optional<Value> known_batch_norm(Value x, Value running_mean, Value running_var, std::optional<Value> weight,
                                      std::optional<Value> bias, double eps);
std::optional<Value> known_instance_norm(Value x, std::optional<Value> weight, std::optional<Value> bias, double eps);
std::optional<Value> known_group_norm(Value x, int64_t num_groups, std::optional<Value> weight,
                                      std::optional<Value> bias, double eps);
std::optional<Value> known_layer_norm(Value x, const Shape& normalized_shape, std::optional<Value> weight,
                                      std::optional<Value> bias, double eps);

}  // namespace upconv::internal
