#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"
#include "pointwise.h"
#include "tensor.h"

namespace upconv {

namespace internal {
class Crew;
}
class Graph;
class Step;

/// What a Value will hold: shape and element type (float32 or int64).
struct Type {
  Shape shape;
  DType dtype = DType::float32;
  bool operator==(const Type&) const = default;
};

/// How a value of rank 4 (N, C, H, W) lies in memory inside a program. Values of other ranks are always contiguous.
enum class Layout { contiguous, channels_last };

/// y = x * scale[c] + shift[c], c the index in dimension 1; a single scale and shift are for all of any shape.
struct ChannelAffine {
  std::vector<double> scale, shift;
  std::string key;  ///< identifies the values: equal keys, equal values
};

/// What lies beside a picture: zeros, or its own pixels again, as PyTorch's padding_mode of that name has it.
enum class Border { zeros, reflect, replicate, circular };

/// Rows and columns more on each side of a picture.
struct Pad {
  int64_t top, bottom, left, right;  ///< none is negative
  Border border = Border::zeros;
};

/// Every pixel h times below and w times beside itself: upsampling to the nearest.
struct Repeat {
  int64_t h, w;
};

/// What an operation sees when it becomes a step: types and layouts are fixed, everything may be decided and packed
/// now.
struct Lowering {
  std::span<const Type> inputs;
  std::span<const Layout> input_layouts;
  Type output;
  Layout output_layout = Layout::contiguous;
  const Options& options;      ///< with the instruction set and the number of threads that it really has
  const internal::Crew& crew;  ///< whose threads pack weights
};

/// An algorithm that could compute a layer.
struct Candidate {
  std::string algorithm;  ///< "winograd F(3,2)"
  double cycles;          ///< that one core is expected to take for an image
};

/// One kind of operation with its arguments and parameters: immutable, shared. All that the compiler knows of a layer.
class Operation {
 public:
  virtual ~Operation() = default;

  /// For messages and profiles: "ConvTranspose2d".
  virtual std::string_view name() const = 0;
  /// The shape rule. Throws Error (without a path: the graph adds it) where the inputs do not fit.
  virtual Type infer(std::span<const Type> inputs) const = 0;

  /// What this operation is, for those who could absorb it.
  virtual std::optional<ChannelAffine> channel_affine() const { return {}; }
  virtual std::optional<Pointwise> pointwise() const { return {}; }
  /// Whether its output is the sum of its two inputs, or its inputs one after another in dimension 1 of (N, C, H, W),
  /// and nothing besides.
  virtual bool is_sum() const { return false; }
  virtual bool is_concatenation() const { return false; }
  /// What this operation can absorb: the operation that equals the other one after this one, or nullptr.
  virtual std::shared_ptr<const Operation> with_affine(const ChannelAffine&) const { return nullptr; }
  virtual std::shared_ptr<const Operation> with_pointwise(const Pointwise&) const { return nullptr; }
  /// The operation with one more input, the last, of its output's shape and layout, which it adds to what it stores.
  virtual std::shared_ptr<const Operation> with_residual() const { return nullptr; }
  /// The operation that reads, in the place of the input numbered `input`, the values whose concatenation that was.
  virtual std::shared_ptr<const Operation> with_parts(size_t /*input*/, std::span<const Type> /*parts*/) const {
    return nullptr;
  }

  /// The operation that gives the features of its output (N, channels * pixels) as [pixel][channel] where this one
  /// gives them as [channel][pixel], or nullptr.
  virtual std::shared_ptr<const Operation> with_channels_last(int64_t /*channels*/) const { return nullptr; }

  /// What this operation does to pictures, for readers that could do it as they read.
  virtual std::optional<Pad> pad() const { return {}; }
  virtual std::optional<Repeat> repeat(std::span<const Type> /*inputs*/) const { return {}; }
  /// The operation that equals the other one before this one, or nullptr.
  virtual std::shared_ptr<const Operation> after_pad(const Pad&) const { return nullptr; }
  virtual std::shared_ptr<const Operation> after_repeat(const Repeat&) const { return nullptr; }

  /// True where the output is the input's memory under another shape.
  virtual bool is_view() const { return false; }
  /// Whether it reads inputs of rank 4 as they happen to lie. Otherwise they come in preferred_layout().
  virtual bool any_layout(std::span<const Type>) const { return true; }
  /// The layout that it would like its inputs of rank 4 to have, when its readers would like `wanted`.
  virtual Layout preferred_layout(Layout wanted) const { return wanted; }
  /// The layout of its output of rank 4, from that of the first input and what the readers would like.
  virtual Layout output_layout(Layout input, Layout /*wanted*/) const { return input; }
  /// The algorithms that its step is chosen from; none where there is no choice.
  virtual std::vector<Candidate> candidates(const Lowering&) const { return {}; }
  /// The step that computes it. Not called for views.
  virtual std::unique_ptr<Step> lower(const Lowering& lowering) const = 0;
};

/// An operation whose inputs and output of rank 4 lie as (N, C, H, W).
class ContiguousOperation : public Operation {
 public:
  bool any_layout(std::span<const Type>) const final { return false; }
  Layout preferred_layout(Layout) const final { return Layout::contiguous; }
  Layout output_layout(Layout, Layout) const final { return Layout::contiguous; }
};

/// A node's result while forward() runs: a shape and a type, no numbers. Cheap to copy; belongs to the graph being
/// written.
class Value {
 public:
  Value() = default;
  const Shape& shape() const;
  /// The size of one dimension; negative counts from the end.
  int64_t size(int dim) const;
  DType dtype() const;
  /// The graph that it belongs to. Throws Error for a Value that no forward() was given.
  Graph& graph() const;

 private:
  friend class Graph;
  Value(Graph* graph, int node) : graph_(graph), node_(node) {}
  Graph* graph_ = nullptr;
  int node_ = -1;
};

using Values = std::vector<Value>;

/// What forward() writes down: nodes in the order in which they were made, so every input precedes its reader.
class Graph {
 public:
  struct Node {
    std::shared_ptr<const Operation> operation;  ///< nullptr for an input
    std::vector<int> inputs;
    Type type;
    std::string path;  ///< of the module that made it: "main.3"
  };

  Value input(Type type);
  /// Adds a node. `in_place` says that PyTorch would overwrite inputs[0]: whoever reads that value later reads the
  /// result.
  Value apply(std::shared_ptr<const Operation> operation, const Values& inputs, bool in_place = false);
  void output(Value value);

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int>& inputs() const { return inputs_; }
  const std::vector<int>& outputs() const { return outputs_; }
  const Node& node(const Value& value) const { return nodes_[static_cast<size_t>(current(value.node_))]; }

  /// The path of the module whose forward runs now, for messages: "main.3"; "" at the root.
  std::string path() const;

 private:
  friend class Module;  // keeps the scope
  int current(int node) const;

  std::vector<Node> nodes_;
  std::vector<int> inputs_, outputs_;
  std::vector<std::string> scope_;  // the path of the module whose forward runs now
  std::vector<int> replaced_by_;    // by in-place operations; -1 where it still is what it was
};

}  // namespace upconv
