#include "framework/graph.h"

#include <fmt/ranges.h>

#include <typeinfo>

#include "framework/constant.h"
#include "framework/fail.h"
#include "framework/program.h"
#include "framework/writing.h"

namespace upconv {

using namespace internal;

Graph& Value::graph() const {
  const auto graph = graph_.lock();
  if (!graph && node_ < 0)
    fail("a Value that belongs to no graph: use those that forward() is given and what layers make of them");
  if (!graph) fail("a Value of a forward() that is over: values live no longer, keep what made them");
  return **graph;
}

namespace {

/// Of values that nobody else has: those of two calls are the same if they are equal.
class OwnConstantOperation : public ConstantOperation {
 public:
  using ConstantOperation::ConstantOperation;
  void identify(Fingerprint& print) const override {
    const Stored stored = values_.stored();
    print(std::string_view(reinterpret_cast<const char*>(stored.bytes.data()), stored.bytes.size()));
  }
};

Graph& written(const char* what) {
  if (!Writing::current()) fail("{} becomes a value inside forward(), and nowhere else", what);
  return *Writing::current();
}

}  // namespace

std::unique_ptr<Step> internal::ConstantOperation::lower(const Lowering&) const { return nullptr; }

Value::Value(const Parameter& parameter) : Value(written("a parameter").constant(parameter)) {}

Value constant(const Tensor& values) { return written("a tensor").constant(values); }

const Shape& Value::shape() const { return graph().node(*this).type.shape; }
DType Value::dtype() const { return graph().node(*this).type.dtype; }

int64_t Value::size(int dim) const {
  const int64_t rank = static_cast<int64_t>(shape().size());
  if (dim < -rank || dim >= rank) fail("dimension {} of a value of shape {}", dim, str(shape()));
  return shape()[static_cast<size_t>(dim < 0 ? dim + rank : dim)];
}

int Graph::current(int node) const {
  while (replaced_by_[static_cast<size_t>(node)] >= 0) node = replaced_by_[static_cast<size_t>(node)];
  return node;
}

Value Graph::input(Type type) {
  upconv::numel(type.shape);  // refuses negative sizes
  inputs_.push_back(static_cast<int>(nodes_.size()));
  return add({nullptr, {}, std::move(type), path()});
}

Value Graph::constant(const Parameter& parameter) {
  return add({std::make_shared<ConstantOperation>(parameter), {}, {parameter.shape(), parameter.dtype()}, path()});
}

Value Graph::constant(const Tensor& values) {
  const Tensor own = values.clone();
  return add({std::make_shared<OwnConstantOperation>(Parameter(own)), {}, {own.shape(), own.dtype()}, path()});
}

Value Graph::add(Node node) {
  nodes_.push_back(std::move(node));
  replaced_by_.push_back(-1);
  return value(static_cast<int>(nodes_.size()) - 1);
}

ChannelAffine ChannelAffine::then(const ChannelAffine& other) const {
  ChannelAffine both = *this;
  for (size_t c = 0; c < scale.size(); ++c) {
    both.scale[c] *= other.scale[c];
    both.shift[c] = shift[c] * other.scale[c] + other.shift[c];
  }
  both.key += ";" + other.key;
  return both;
}

Value Graph::apply(std::shared_ptr<const Operation> operation, const Values& inputs, bool in_place) {
  Node node{std::move(operation), {}, {}, path()};
  if (inputs.empty()) fail("{}{}: no inputs", beginning(node.path), node.operation->name());
  std::vector<Type> types;
  for (const Value& value : inputs) {
    if (&value.graph() != this) fail("{}{}: a value of another graph", beginning(node.path), node.operation->name());
    node.inputs.push_back(current(value.node_));
    types.push_back(nodes_[static_cast<size_t>(node.inputs.back())].type);
  }
  try {
    node.type = node.operation->infer(types);
  } catch (const Error& error) {
    fail("{}{} {}", beginning(node.path), node.operation->name(), error.what());
  }
  if (in_place) replaced_by_[static_cast<size_t>(node.inputs.front())] = static_cast<int>(nodes_.size());
  return add(std::move(node));
}

Fingerprint Graph::fingerprint() const {
  Fingerprint print;
  for (const Node& node : nodes_) {
    print(node.type.shape, node.type.dtype, node.inputs, node.path, node.operation != nullptr);
    if (!node.operation) continue;
    const Operation& operation = *node.operation;
    print(&typeid(operation), operation.name());
    operation.identify(print);
  }
  print(inputs_, outputs_);
  return print;
}

void Graph::output(Value value) {
  if (&value.graph() != this) fail("an output of another graph");
  outputs_.push_back(current(value.node_));
}

}  // namespace upconv
