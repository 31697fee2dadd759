#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph.h"
#include "options.h"
#include "tensor.h"

namespace upconv {

namespace internal {
struct Code;
}

/// What one step of a run reads and writes. The pointers are where the program placed the values.
struct Frame {
  const void* const* inputs;  ///< as many as the node has
  void* output;               ///< where the result goes
  std::byte* scratch;  ///< the thread's own, Step::scratch_bytes() large, 64-byte aligned, not kept between tiles
};

/// One operation, decided and packed: the executable form of a node. Immutable. Cut into tiles that may run in any
/// order, on any thread, at the same time.
class Step {
 public:
  virtual ~Step() = default;
  /// How many tiles there are; none where there is nothing to compute.
  virtual int64_t tiles() const = 0;
  /// Computes one of them. May throw: the run ends then, and its caller gets the exception, which names the layer where
  /// it is an Error.
  virtual void run(int64_t tile, const Frame& frame) const = 0;
  /// Bytes of scratch memory that a tile needs.
  virtual size_t scratch_bytes() const { return 0; }
  /// How it computes: "direct", "affine", ...
  virtual std::string algorithm() const = 0;
  /// Bytes of packed weights that one run reads.
  virtual size_t weight_bytes() const { return 0; }
  /// Floating-point operations of the layer as its definition has them (two for each product), for rates.
  virtual double flops() const { return 0; }
  /// What it multiplies.
  virtual Precision precision() const { return Precision::float32; }
  /// The weights that were packed for it; steps may share them.
  virtual std::span<const float> packed() const { return {}; }
};

/// What a program says of one of its steps.
struct StepInfo {
  std::string path;                          ///< of the module: "main.3"
  std::string operation;                     ///< "ConvTranspose2d"
  std::string algorithm;                     ///< Step::algorithm()
  Shape shape;                               ///< of the output
  double flops = 0;                          ///< Step::flops()
  size_t packed_bytes = 0;                   ///< of its packed weights; steps of one parameter share them
  size_t bytes = 0;                          ///< that it moves at least: inputs, output and packed weights, each once
  std::vector<Candidate> candidates;         ///< what `algorithm` was chosen from; none where there is no choice
  std::string geometry;                      ///< as a file of choices names it; "" where there is no choice
  Precision precision = Precision::float32;  ///< Step::precision()
  DType stored = DType::float32;             ///< what its output is until it is read: bfloat16 between some layers

  /// In how many parts the batch is computed, each of them by several steps before the next one, so that what these
  /// pass on stays in caches; all other numbers here are of the whole batch.
  int64_t portions = 1;
};

/// One run as it went, all times in seconds from its beginning.
struct Profile {
  /// One tile as it was run.
  struct Tile {
    size_t step;   ///< of Program::steps()
    int64_t tile;  ///< of the step's tiles
    int worker;    ///< the thread: 0 is the caller's, all are below Program::threads()
    double begin;  ///< when it began
    double end;    ///< when it ended
  };
  double seconds = 0;  ///< of the whole run

  /// That each step took, from the end of the one before to the end of its own last tile; all portions of a batch
  /// together.
  std::vector<double> steps;

  std::vector<Tile> tiles;  ///< step by step, and portion by portion where steps take turns
};

class Workspace;

/// A compiled network for fixed input types. Immutable and shared: copies are handles, and any number of threads may
/// run one program at once, each with its own Workspace.
class Program {
 public:
  /// The types of the tensors that it reads.
  [[nodiscard]] const std::vector<Type>& inputs() const;
  /// The types of those that it makes.
  [[nodiscard]] const std::vector<Type>& outputs() const;
  /// The instruction set that it was compiled for.
  [[nodiscard]] Isa isa() const;
  /// How many threads work on one run: Options::threads, or 1 where the network is too small to share.
  [[nodiscard]] int threads() const;
  /// Its steps in the order in which they run.
  [[nodiscard]] std::vector<StepInfo> steps() const;
  /// The algorithms of all steps that had a choice, for Options::choices.
  [[nodiscard]] Choices choices() const;
  /// Bytes of intermediate values in one Workspace.
  [[nodiscard]] size_t arena_bytes() const;
  /// Bytes of the packed weights of all steps.
  [[nodiscard]] size_t packed_bytes() const;

  /// Computes `outputs` from `inputs`, contiguous tensors of the program's types. Throws Error where one has another
  /// type, or a step refuses what it reads, as Embedding does an index that it has no row for; what `outputs` hold then
  /// is not said. Allocates nothing and takes no lock of its own. Denormal numbers count as zero; the caller's mode is
  /// kept.
  void run(Workspace& workspace, std::span<const Tensor> inputs, std::span<Tensor> outputs) const;
  /// The same with a workspace and outputs made for the call.
  std::vector<Tensor> operator()(std::span<const Tensor> inputs) const;
  /// The same of a program with one input and one output.
  Tensor operator()(const Tensor& input) const;

  /// A run like any other, watched: one parallel region, in which the clock is read before and after each tile.
  [[nodiscard]] Profile profile(Workspace& workspace, std::span<const Tensor> inputs, std::span<Tensor> outputs) const;

 private:
  friend class Workspace;
  friend struct internal::Code;
  explicit Program(std::shared_ptr<const internal::Code> code) : code_(std::move(code)) {}
  std::shared_ptr<const internal::Code> code_;
};

/// The memory that one run at a time of a program changes. Keeps what it needs of the program.
class Workspace {
 public:
  /// For runs of `program` and of its copies, and of no other one.
  explicit Workspace(const Program& program);
  ~Workspace();
  /// Takes the memory of the other one, which is then good for nothing but to be assigned to.
  Workspace(Workspace&&) noexcept;
  /// The same.
  Workspace& operator=(Workspace&&) noexcept;

 private:
  friend class Program;
  friend struct internal::Code;
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

}  // namespace upconv
