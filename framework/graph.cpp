#include "framework/graph.h"

#include <fmt/ranges.h>

#include "framework/fail.h"

namespace upconv {

using namespace internal;

Graph& Value::graph() const {
  if (!graph_) fail("a Value that belongs to no graph: use those that forward() is given and what layers make of them");
  return *graph_;
}

const Shape& Value::shape() const { return graph().node(*this).type.shape; }
DType Value::dtype() const { return graph().node(*this).type.dtype; }

int64_t Value::size(int dim) const {
  const int64_t rank = static_cast<int64_t>(shape().size());
  if (dim < -rank || dim >= rank) fail("dimension {} of a value of shape {}", dim, str(shape()));
  return shape()[static_cast<size_t>(dim < 0 ? dim + rank : dim)];
}

std::string Graph::path() const { return fmt::format("{}", fmt::join(scope_, ".")); }

int Graph::current(int node) const {
  while (replaced_by_[static_cast<size_t>(node)] >= 0) node = replaced_by_[static_cast<size_t>(node)];
  return node;
}

Value Graph::input(Type type) {
  upconv::numel(type.shape);  // refuses negative sizes
  inputs_.push_back(static_cast<int>(nodes_.size()));
  nodes_.push_back({nullptr, {}, std::move(type), path()});
  replaced_by_.push_back(-1);
  return Value(this, inputs_.back());
}

Value Graph::apply(std::shared_ptr<const Operation> operation, const Values& inputs, bool in_place) {
  Node node{std::move(operation), {}, {}, path()};
  std::vector<Type> types;
  for (const Value& value : inputs) {
    if (&value.graph() != this) fail("{}: a value of another graph", node.operation->name());
    node.inputs.push_back(current(value.node_));
    types.push_back(nodes_[static_cast<size_t>(node.inputs.back())].type);
  }
  try {
    node.type = node.operation->infer(types);
  } catch (const Error& error) {
    fail("{}{}{} {}", node.path, node.path.empty() ? "" : ": ", node.operation->name(), error.what());
  }
  const int made = static_cast<int>(nodes_.size());
  if (in_place) replaced_by_[static_cast<size_t>(node.inputs.front())] = made;
  nodes_.push_back(std::move(node));
  replaced_by_.push_back(-1);
  return Value(this, made);
}

void Graph::output(Value value) {
  if (&value.graph() != this) fail("an output of another graph");
  outputs_.push_back(current(value.node_));
}

}  // namespace upconv
