#pragma once
// The ways to compute a convolution. A folder beside this file has each family of them: its packed weights, its cost
// and its step; algorithms.cpp has the list.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "geometry.h"
#include "machine.h"
#include "weights.h"

namespace upconv::internal {

/// What is kept as bfloat16, that is computed with as floats: inputs and outputs in memory, and weights, is_halved().
struct ConvMemory {
  bool inputs = false, output = false, halved = false;
};

/// What is asked of an algorithm before one is chosen: all that a choice may depend on.
struct ConvQuery {
  const ConvGeometry& geometry;
  Layout input, output;
  const kernels::Table& table;
  const MachineCosts& machine;
  Accuracy accuracy = Accuracy::standard;
  double images = 1;  ///< that come at once, where that is known to the options, never from the batch
  ConvMemory memory = {};
};

/// Images that are taken to come at once. What Tune::measured tries first may depend on how many really do.
constexpr double images_of(Tune tune, int64_t batch) {
  if (tune == Tune::measured) return static_cast<double>(batch > 1 ? batch : 1);
  return tune == Tune::throughput ? 16 : 1;
}

/// Whether algorithms that can are to keep a layer's weights as bfloat16 that is widened as it is multiplied: in
/// bfloat16, on machines that do not multiply it fast, of layers that wait for their weights, as those of many channels
/// and few pixels do.
bool is_halved(const ConvGeometry& geometry, const WeightLayout& weights, const Lowering& lowering);

/// What the chosen one is given.
struct ConvTask {
  ConvGeometry geometry;
  ConvContext context;
  const ConvWeights& weights;
  const Lowering& lowering;
  bool halved = false;  ///< as the query's

  const kernels::Table& table() const { return table_of(lowering); }
};

/// One way to compute a convolution: immutable, one object for all programs.
class ConvAlgorithm {
 public:
  virtual ~ConvAlgorithm() = default;
  /// How programs, benchmarks and Options::algorithm call it: "direct", "winograd F(3,2)".
  virtual std::string name() const = 0;
  /// Whether it also computes with pairs of bfloat16, where the query's and the task's table has them.
  virtual bool has_pairs() const { return false; }
  /// Whether it stores its outputs as bfloat16, for such a query.
  virtual bool stores_bfloat16(const ConvQuery&) const { return false; }
  /// Whether it reads inputs that are stored so.
  virtual bool reads_bfloat16(const ConvQuery&) const { return false; }
  /// Cycles that one core should take for an image; nothing where it does not apply, or where the accuracy that is
  /// asked for does not allow it. Decided from the layer, the size of an image and the options, never from the batch.
  virtual std::optional<double> cost(const ConvQuery& query) const = 0;
  /// Packs the weights, or finds them packed, and gives the step that multiplies them. Only called where it has a cost.
  virtual std::unique_ptr<Step> step(ConvTask task) const = 0;
};

/// Algorithms, best first.
using ConvFamily = std::vector<std::unique_ptr<const ConvAlgorithm>>;

/// All there are, best first; of two that cost the same the first is taken. The reference is none of them.
const ConvFamily& conv_algorithms();

/// An algorithm that could compute a convolution.
struct ConvCandidate {
  const ConvAlgorithm* algorithm;
  double cycles;
};

/// All that apply, in the order of the list. The direct kernel always does.
std::vector<ConvCandidate> conv_candidates(const ConvQuery& query);

/// The one of that name, if it is among them, else the cheapest.
const ConvAlgorithm& choose(const std::vector<ConvCandidate>& candidates, const std::string& name);

}  // namespace upconv::internal
