#pragma once
// Internal: the graph while the compiler's passes change it, and those of them that make it another graph of the same
// results. What remains of compiling, places, steps and threads, is compile.cpp's own.
#include <algorithm>
#include <functional>
#include <vector>

#include "graph.h"

namespace upconv::internal {

/// Nodes keep their indices; removed ones are not alive.
struct Plan {
  struct Node : Graph::Node {
    bool alive = true;
    bool residual = false;  ///< its last input is added to what it stores
    Layout layout = Layout::contiguous;
    int portions = -1;  ///< which of Plan::portions it is one of

    bool has_input(int node) const { return std::find(inputs.begin(), inputs.end(), node) != inputs.end(); }
    bool is_residual(size_t input) const { return residual && input + 1 == inputs.size(); }
  };
  std::vector<Node> nodes;
  std::vector<int> order;  ///< alive nodes, every input before its readers
  std::vector<int> inputs, outputs;
  /// Nodes in a row that compute a portion of the batch, then the next one: their types and those of the views that
  /// they read are of one portion, and this is how many there are.
  std::vector<int64_t> portions;

  /// How many portions of its batch a node is computed in.
  int64_t count_of_portions(int node) {
    const int which = at(node).portions;
    return which < 0 ? 1 : portions[static_cast<size_t>(which)];
  }

  Node& at(int node) { return nodes[static_cast<size_t>(node)]; }

  /// The parameter that a node stands for, or nullptr.
  const Parameter* constant(int node) { return at(node).operation ? at(node).operation->constant() : nullptr; }

  /// The node whose memory a chain of views shows.
  int storage_of(int node) {
    while (at(node).operation && at(node).operation->is_view()) node = at(node).inputs.front();
    return node;
  }

  /// Whether it becomes a step: inputs, views and constants do not.
  bool computes(int node) { return at(node).operation && !at(node).operation->is_view() && !constant(node); }

  std::vector<Type> types(const std::vector<int>& of) {
    std::vector<Type> all;
    for (int node : of) all.push_back(at(node).type);
    return all;
  }

  /// How often the value is read, being an output included.
  int64_t readers(int node) {
    int64_t count = std::count(outputs.begin(), outputs.end(), node);
    for (int other : order) count += std::count(at(other).inputs.begin(), at(other).inputs.end(), node);
    return count;
  }

  /// Lets all that read one node read the other.
  void replace_reads(int old_node, int new_node) {
    for (Node& node : nodes) std::replace(node.inputs.begin(), node.inputs.end(), old_node, new_node);
    std::replace(outputs.begin(), outputs.end(), old_node, new_node);
  }

  void replace(int old_node, int new_node) {
    replace_reads(old_node, new_node);
    remove(old_node);
  }

  void remove(int node) {
    at(node).alive = false;
    std::erase(order, node);
  }
};

Plan plan_of(const Graph& graph);

/// Drops what no output needs.
void prune(Plan& plan);
/// Drops constants that nobody reads any more, and what was made of them alone.
void drop_unread(Plan& plan);
/// Views that undo each other vanish, and element-wise operations between them move to where their inputs are pictures.
void see_through(Plan& plan);
/// What depends on nothing but constants becomes a constant; `compute` runs a graph without inputs.
void evaluate(Plan& plan, const std::function<std::vector<Tensor>(const Graph&)>& compute);
/// Factors and shifts for each channel into the statistics that a norm takes from its input.
void modulate(Plan& plan);
/// Constants into the operations that read them beside other values, where those can be made for them.
void bind_constants(Plan& plan);
/// Pads and enlarged pictures into the layers that read them. Those that nobody else reads are dropped.
void absorb(Plan& plan);
/// BatchNorm, and factors, into the weights and bias of the layer before it.
void fold(Plan& plan);
/// Sums into what the later one of their terms stores, where nobody else reads that. Its node moves to the sum's place,
/// where the other term is there too.
void add_residuals(Plan& plan);
/// Activations into the epilogue of the layer before them.
void fuse(Plan& plan);
/// What computes element by element into what reads that alone, of the same shape.
void chain(Plan& plan);
/// Concatenations whose reader can read their parts instead are not read, and go where nobody reads them.
void part(Plan& plan);
/// Gives every value a layout and puts conversions where producer and reader differ.
void lay_out(Plan& plan);
/// Values between layers become bfloat16 where the step that makes them can store that and all that read them can read
/// it. `options` are those of each node.
void store_rounded(Plan& plan, const std::function<const Options&(int)>& options, const Crew& crew);

/// Runs of nodes that pass pictures on to each other compute as much of the batch at a time as the caches of so many
/// threads hold.
void divide(Plan& plan, size_t cache_bytes, int threads);

/// What a node is lowered with: the types and layouts of its inputs as they are now.
class NodeLowering {
 public:
  /// Of the portion that it computes at a time, or as if it computed the whole batch.
  enum Batch { portion, whole };
  NodeLowering(Plan& plan, int node, const Options& options, const Crew& crew, Batch batch = portion);
  NodeLowering(const NodeLowering&) = delete;  // `lowering` points into it
  const Lowering& lowering() const { return lowering_; }
  const std::vector<Type>& types() const { return types_; }

 private:
  std::vector<Type> types_;
  std::vector<Layout> layouts_;
  Lowering lowering_;
};

}  // namespace upconv::internal
