#pragma once
// What the fuzzer and the mutator do with programs of torch.export.
#include <upconv/upconv.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "framework/writing.h"
#include "layers/exported/sizes.h"

namespace upconv::fuzz {

/// Types for a call: sizes that the program fixes, and small ones where calls may choose, equal for equal symbols.
inline std::vector<Type> input_types(const Exported& net) {
  constexpr int64_t small = 8;
  std::map<std::string, int64_t> symbols;
  const auto symbol = [&](const std::string& name) -> std::optional<int64_t> {
    return symbols.try_emplace(name, small + 4 * static_cast<int64_t>(symbols.size())).first->second;
  };
  const auto size = [](const std::string&, int64_t) -> std::optional<int64_t> { return {}; };
  std::vector<Type> types;
  for (const ExportedTensorInfo& input : net.inputs()) {
    Type type{{}, input.dtype == DType::int32 || input.dtype == DType::int64 ? DType::int64 : DType::float32};
    for (const ExportedDim& dim : input.dims) {
      if (!dim.size) {
        const auto expression = internal::parse_sizes(dim.symbol);
        const int64_t value =
            (expression ? internal::evaluate(*expression, {symbol, size}) : std::nullopt).value_or(small);
        type.shape.push_back(std::clamp<int64_t>(value, 0, 64));
      } else {
        type.shape.push_back(*dim.size);
      }
    }
    types.push_back(std::move(type));
  }
  return types;
}

/// Whether a graph can be compiled and run in a moment: its values are small, and so are the products of what each node
/// gives with the largest of what it reads, which no convolution or matrix product has more of.
inline bool is_quick(const Graph& graph) {
  constexpr int64_t most_nodes = 500, most_elements = 1 << 18, most_products = 1 << 26;
  if (graph.nodes().size() > most_nodes) return false;
  int64_t elements = 0, products = 0;
  for (const Graph::Node& node : graph.nodes()) {
    const int64_t count = numel(node.type.shape);
    if (count > most_elements ||
        std::any_of(node.type.shape.begin(), node.type.shape.end(), [](int64_t size) { return size > most_elements; }))
      return false;  // sizes beside a zero, too
    elements += count;
    int64_t largest = 0;
    for (int input : node.inputs)
      largest = std::max(largest, numel(graph.nodes()[static_cast<size_t>(input)].type.shape));
    products += count * largest;
  }
  return elements <= most_elements && products <= most_products;
}

/// Reads a program, writes it down for its inputs, and runs it where that is a matter of a moment. Throws Error, and
/// nothing else. Returns whether it ran.
inline bool run_exported(std::span<const std::byte> bytes, const std::string& name) {
  const Exported net = load_exported(bytes, name);
  (void)net.str();
  const std::vector<Type> types = input_types(net);
  Graph graph;
  {
    const internal::Writing writing(graph);
    Values xs;
    for (const Type& type : types) xs.push_back(graph.input(type));
    for (const Value& y : net.forward(xs)) graph.output(y);
  }
  if (graph.outputs().empty() || !is_quick(graph)) return false;
  std::vector<Tensor> inputs;
  for (const Type& type : types) inputs.emplace_back(type.shape, type.dtype);
  (void)compile(graph, {.threads = 1})(std::span<const Tensor>(inputs));
  return true;
}

}  // namespace upconv::fuzz
