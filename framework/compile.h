#pragma once
#include <functional>
#include <span>

#include "graph.h"
#include "module.h"
#include "program.h"

namespace upconv {

/// Turns what `module.forward` writes down for inputs of these types into a program: a snapshot of the parameters.
/// Throws Error, naming the layer's path, where a shape does not fit or a parameter has no values.
[[nodiscard]] Program compile(const AnyModule& module, std::span<const Type> inputs, const Options& options = {});
/// The same for one float32 input.
[[nodiscard]] Program compile(const AnyModule& module, const Shape& input, const Options& options = {});
/// The same for a graph that was written by hand.
[[nodiscard]] Program compile(const Graph& graph, const Options& options = {});

}  // namespace upconv
