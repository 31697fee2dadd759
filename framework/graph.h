#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fingerprint.h"
#include "options.h"
#include "pointwise.h"
#include "tensor.h"

namespace upconv {

namespace internal {
class Crew;
class PathScope;
}  // namespace internal
class Graph;
class Step;

/// What a Value will hold: shape and element type (float32 or int64).
struct Type {
  Shape shape;                   ///< its sizes
  DType dtype = DType::float32;  ///< of its elements
  /// Whether both are equal.
  bool operator==(const Type&) const = default;
};

/// How a value of rank 4 (N, C, H, W) lies in memory inside a program. Values of other ranks are always contiguous.
enum class Layout {
  contiguous,    ///< row-major as its shape says: channel by channel
  channels_last  ///< as (N, H, W, C) would lie: pixel by pixel
};

/// y = x * scale[c] + shift[c], c the index in dimension 1; a single scale and shift are for all of any shape.
struct ChannelAffine {
  std::vector<double> scale;  ///< what multiplies
  std::vector<double> shift;  ///< what is added then
  std::string key;            ///< identifies the values: equal keys, equal values

  /// This and then the other one, as one; both for so many channels.
  [[nodiscard]] ChannelAffine then(const ChannelAffine& other) const;
};

/// What lies beside a picture: zeros, or its own pixels again, as PyTorch's padding_mode of that name has it.
enum class Border {
  zeros,      ///< zeros
  reflect,    ///< what lies before the border, without the border itself
  replicate,  ///< the border again and again
  circular    ///< the opposite side
};

/// Rows and columns more on each side of a picture.
struct Pad {
  int64_t top;                    ///< rows above; as the others not negative
  int64_t bottom;                 ///< rows below
  int64_t left;                   ///< columns before
  int64_t right;                  ///< columns after
  Border border = Border::zeros;  ///< what they hold
};

/// Every pixel h times below and w times beside itself: upsampling to the nearest.
struct Repeat {
  int64_t h;  ///< times in a column
  int64_t w;  ///< times in a row
};

/// What an operation sees when it becomes a step: types and layouts are fixed, everything may be decided and packed
/// now.
struct Lowering {
  std::span<const Type> inputs;               ///< their types; bfloat16 where values of float32 are stored so
  std::span<const Layout> input_layouts;      ///< how they lie
  Type output;                                ///< its type
  Layout output_layout = Layout::contiguous;  ///< how it is to lie

  /// With the instruction set and the number of threads that it really has, and the precision of this layer.
  const Options& options;
  const internal::Crew& crew;  ///< whose threads pack weights
};

/// A product or a sum with one number for each channel of each image, or of all images.
struct Modulation {
  bool product;    ///< or a sum
  size_t operand;  ///< which input has the numbers, (N, C, 1, 1), (1, C, 1, 1) or (C, 1, 1)
};

/// An algorithm that could compute a layer.
struct Candidate {
  std::string algorithm;  ///< "winograd F(3,2)"
  double cycles;          ///< that one core is expected to take for an image
  double seconds = 0;     ///< that the step took where Tune::measured timed it, or 0
};

class Operation;

/// An operation whose parameters are inputs, behind its own.
struct Unbound {
  std::shared_ptr<const Operation> operation;  ///< of all inputs
  std::vector<Tensor> parameters;              ///< those behind
};

/// One kind of operation with its arguments and parameters: immutable, shared. All that the compiler knows of a layer.
class Operation {
 public:
  virtual ~Operation() = default;

  /// For messages and profiles: "ConvTranspose2d".
  virtual std::string_view name() const = 0;
  /// The shape rule. Throws Error (without a path: the graph adds it) where the inputs do not fit.
  virtual Type infer(std::span<const Type> inputs) const = 0;

  /// Adds all that tells this operation from another one of its class: numbers, and parameters. Calls compare what
  /// forward() writes down by it, and run the program that was compiled of an equal graph. An operation that does not
  /// say is equal to nothing but itself, which is safe, but then one that forward() makes anew is compiled anew too.
  virtual void identify(Fingerprint& print) const { print(static_cast<const void*>(this)); }

  /// The parameter that it reads instead of inputs, or nullptr. Known when a program is compiled.
  virtual const Parameter* constant() const { return nullptr; }
  /// What it is where one of these inputs is known: the operation on the others, or nullptr.
  [[nodiscard]] virtual std::shared_ptr<const Operation> with_constant(std::span<const Type> /*inputs*/,
                                                                       size_t /*known*/, const Parameter&) const {
    return nullptr;
  }

  /// The way back, for who cannot be part of a longer function while its parameters are its own. `input` is its input.
  virtual std::optional<Unbound> unbound(const Type& /*input*/) const { return {}; }

  /// The factor and shift for each channel that this operation is, for those who could absorb it; nothing where it is
  /// none.
  virtual std::optional<ChannelAffine> channel_affine() const { return {}; }
  /// The element-wise function that it is, or nothing.
  virtual std::optional<Pointwise> pointwise() const { return {}; }
  /// What it does to the one of its two inputs that is as large as its output, or nothing.
  virtual std::optional<Modulation> modulation(std::span<const Type> /*inputs*/) const { return {}; }
  /// Which of its inputs would have to be modulated for its output to be, and by which operation of that input and the
  /// numbers, or nothing.
  virtual std::optional<std::pair<size_t, std::shared_ptr<const Operation>>> with_modulation(bool /*product*/) const {
    return {};
  }
  /// Whether each element of its output comes of the same element of each input, as they are broadcast, whatever shape
  /// that has.
  virtual bool is_elementwise() const { return false; }
  /// Whether each picture of its output (N, C, H, W) comes of the pictures in the same place of its inputs, and of
  /// inputs that have none, in batches of any size.
  virtual bool is_by_image() const { return is_elementwise(); }
  /// Bytes of the weights that each run reads, as they were given.
  virtual size_t weight_bytes() const { return 0; }
  /// Whether its output is the sum of its two inputs and nothing besides.
  virtual bool is_sum() const { return false; }
  /// Whether its output is its inputs one after another in dimension 1 of (N, C, H, W) and nothing besides.
  virtual bool is_concatenation() const { return false; }
  /// What this operation can absorb: the operation that equals the other one after this one, or nullptr.
  [[nodiscard]] virtual std::shared_ptr<const Operation> with_affine(const ChannelAffine&) const { return nullptr; }
  /// The same of an element-wise function.
  [[nodiscard]] virtual std::shared_ptr<const Operation> with_pointwise(const Pointwise&) const { return nullptr; }
  /// The operation with one more input, the last, of its output's shape and layout, which it adds to what it stores.
  [[nodiscard]] virtual std::shared_ptr<const Operation> with_residual() const { return nullptr; }
  /// The operation that reads, in the place of the input numbered `input`, the values whose concatenation that was.
  [[nodiscard]] virtual std::shared_ptr<const Operation> with_parts(size_t /*input*/,
                                                                    std::span<const Type> /*parts*/) const {
    return nullptr;
  }
  /// The operation that equals this one where each of the inputs numbered `inputs` is what `producer` gives, a value of
  /// type `between`: of the inputs that are left, and then of the producer's. `output` is what this one gives.
  [[nodiscard]] virtual std::shared_ptr<const Operation> with_producer(std::span<const size_t> /*inputs*/,
                                                                       const Operation& /*producer*/,
                                                                       const Type& /*between*/,
                                                                       const Type& /*output*/) const {
    return nullptr;
  }

  /// The operation that gives the features of its output (N, channels * pixels) as [pixel][channel] where this one
  /// gives them as [channel][pixel], or nullptr.
  [[nodiscard]] virtual std::shared_ptr<const Operation> with_channels_last(int64_t /*channels*/) const {
    return nullptr;
  }

  /// The border that this operation lays around pictures, for readers that could do it as they read, or nothing.
  virtual std::optional<Pad> pad() const { return {}; }
  /// How it repeats their pixels, or nothing.
  virtual std::optional<Repeat> repeat(std::span<const Type> /*inputs*/) const { return {}; }
  /// The operation that equals the other one before this one, or nullptr.
  [[nodiscard]] virtual std::shared_ptr<const Operation> after_pad(const Pad&) const { return nullptr; }
  /// The same of repeated pixels.
  [[nodiscard]] virtual std::shared_ptr<const Operation> after_repeat(const Repeat&) const { return nullptr; }

  /// True where the output is the input's memory under another shape.
  virtual bool is_view() const { return false; }
  /// Whether that shape has the elements in the order that they had: a view that exchanges dimensions, as a layout
  /// allows, has not.
  virtual bool keeps_order() const { return is_view(); }
  /// Whether it reads inputs of rank 4 as they happen to lie. Otherwise they come in preferred_layout().
  virtual bool any_layout(std::span<const Type>) const { return true; }
  /// The layout that it would like its inputs of rank 4 to have, when its readers would like `wanted`.
  virtual Layout preferred_layout(Layout wanted) const { return wanted; }
  /// The layout of its output of rank 4, from that of the first input and what the readers would like.
  virtual Layout output_layout(Layout input, Layout /*wanted*/) const { return input; }
  /// Whether it multiplies by weights, so that it may be computed in another precision than float32.
  virtual bool has_precision() const { return false; }
  /// Whether its step can leave its output as bfloat16, each value rounded to the nearest, to even between two.
  virtual bool stores_bfloat16(const Lowering&) const { return false; }
  /// Whether its step can read that input as bfloat16, where `Lowering::inputs` says so.
  virtual bool reads_bfloat16(const Lowering&, size_t /*input*/) const { return false; }
  /// The algorithms that its step is chosen from; none where there is no choice.
  virtual std::vector<Candidate> candidates(const Lowering&) const { return {}; }
  /// All that the time of such a step depends on besides its algorithm, options and machine, as a file of choices names
  /// it: "ConvTranspose2d 128-64 k4x4 s2x2 p1x1, 1x128x32x32, planar to planar"; "" where there is no choice.
  virtual std::string described(const Lowering&) const { return ""; }
  /// The step that computes it. Not called for views.
  [[nodiscard]] virtual std::unique_ptr<Step> lower(const Lowering& lowering) const = 0;
};

/// An operation whose inputs and output of rank 4 lie as (N, C, H, W).
class ContiguousOperation : public Operation {
 public:
  bool any_layout(std::span<const Type>) const final { return false; }
  Layout preferred_layout(Layout) const final { return Layout::contiguous; }
  Layout output_layout(Layout, Layout) const final { return Layout::contiguous; }
};

/// A node's result while forward() runs: a shape and a type, no numbers. Cheap to copy; belongs to the graph being
/// written, and is refused by any other and after that one is gone.
class Value {
 public:
  /// Of no graph: what may be assigned to, and nothing else.
  Value() = default;
  /// The values of a parameter or buffer, as they are when a call compiles or finds its program: a change is seen by
  /// the next call. Arithmetic of them alone is done then, and a factor or a sum for each channel is folded into its
  /// neighbours as a number is. Throws Error outside of forward().
  Value(const Parameter& parameter);  // NOLINT(google-explicit-constructor): as `gamma * x` in Python
  /// The sizes that it will have.
  [[nodiscard]] const Shape& shape() const;
  /// The size of one dimension; negative counts from the end.
  [[nodiscard]] int64_t size(int dim) const;
  /// The type that its elements will have.
  [[nodiscard]] DType dtype() const;
  /// The graph that it belongs to. Throws Error for a Value that no forward() was given, or an earlier one.
  [[nodiscard]] Graph& graph() const;

 private:
  friend class Graph;
  Value(std::weak_ptr<Graph*> graph, int node) : graph_(std::move(graph)), node_(node) {}
  std::weak_ptr<Graph*> graph_;
  int node_ = -1;
};

/// What a forward() of several values takes and gives.
using Values = std::vector<Value>;

/// A tensor as a value, for use inside forward(). Throws Error elsewhere.
[[nodiscard]] Value constant(const Tensor& values);

/// What forward() writes down: nodes in the order in which they were made, so every input precedes its reader.
class Graph {
 public:
  /// An empty one.
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// One operation on values, or an input.
  struct Node {
    std::shared_ptr<const Operation> operation;  ///< nullptr for an input
    std::vector<int> inputs;                     ///< the nodes that it reads
    Type type;                                   ///< of its result
    std::string path;                            ///< of the module that made it: "main.3"
  };

  /// Adds an input. Throws Error where a size is negative.
  Value input(Type type);
  /// Adds a parameter's values, int64 or float32.
  Value constant(const Parameter& parameter);
  /// Adds a tensor's values, for what forward() makes itself. They are compared with those of the call before: what is
  /// large is better a buffer.
  Value constant(const Tensor& values);
  /// Adds a node. `in_place` says that PyTorch would overwrite inputs[0]: whoever reads that value later reads the
  /// result. Throws Error, with the path of the module whose forward runs, where the operation refuses the inputs or
  /// there are none, or one is a value of another graph.
  Value apply(std::shared_ptr<const Operation> operation, const Values& inputs, bool in_place = false);
  /// Makes `value` the next output.
  void output(Value value);

  /// All nodes in the order in which they were made.
  [[nodiscard]] const std::deque<Node>& nodes() const { return nodes_; }
  /// Which of them are the inputs.
  [[nodiscard]] const std::vector<int>& inputs() const { return inputs_; }
  /// Which of them are the outputs.
  [[nodiscard]] const std::vector<int>& outputs() const { return outputs_; }
  /// The node whose result `value` is.
  [[nodiscard]] const Node& node(const Value& value) const { return nodes_[static_cast<size_t>(current(value.node_))]; }

  /// The path of the module whose forward runs now, for messages: "main.3"; "" at the root.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// All that decides what it computes: two graphs with equal prints compile to programs of equal results.
  [[nodiscard]] Fingerprint fingerprint() const;

 private:
  friend class AnyModule;  // keeps the path
  friend class internal::PathScope;
  int current(int node) const;
  Value add(Node node);
  Value value(int node) { return Value(self_, node); }

  std::shared_ptr<Graph*> self_ = std::make_shared<Graph*>(this);  // what values see the end of it by
  std::deque<Node> nodes_;  // whose elements stay where they are: shapes are read by reference
  std::vector<int> inputs_, outputs_;
  std::string path_;              // of the module whose forward runs now
  std::vector<int> replaced_by_;  // by in-place operations; -1 where it still is what it was
};

}  // namespace upconv
