#include "layers/conv_cost.h"

#include <algorithm>
#include <cmath>

#include "layers/winograd_plan.h"

namespace upconv {
namespace {

// Costs are cycles of one core at two multiply-adds of a vector a cycle, for one image.
//
// Transforms: a vector through a tile takes n * n loads, as many stores and twice as many additions, about
// 4 cycles a point with its share of address arithmetic. Weights beyond half of L2 stream from L3 at about 8 bytes a
// cycle, once for every block of tiles.
constexpr double cache_bytes = 512 * 1024, streamed_bytes = 8, transform_cycles = 4;

/// The mean number of points of a phase that are not zero.
double points_of(kernels::Scheme scheme, const ConvGeometry& geometry, const Axis& rows, const Axis& cols,
                 bool merged) {
  const SchemeSize size = sizes_of(scheme);
  if (merged) return static_cast<double>(size.n * size.n);
  const auto mean = [&](const std::vector<Phase>& phases, const Axis& axis) {
    double sum = 0;
    for (const auto& taps : window_taps(phases, axis, size.T))
      for (int64_t i = 0; i < size.n; ++i) sum += zero_point(scheme, taps, i) ? 0 : 1;
    return sum / static_cast<double>(phases.size());
  };
  return mean(geometry.rows, rows) * mean(geometry.cols, cols);
}

/// Cycles that a scheme should take for an image when `images` come at once; nothing where it does not apply.
std::optional<double> winograd_cost(kernels::Scheme scheme, const ConvGeometry& geometry, const kernels::Table& table,
                                    double images) {
  if (geometry.groups != 1 || geometry.in.C < 16) return {};
  const SchemeSize size = sizes_of(scheme);
  const auto rows = axis_of(geometry.rows, size.T), cols = axis_of(geometry.cols, size.T);
  if (!rows || !cols || rows->positions < 1 || cols->positions < 1) return {};
  const double m = static_cast<double>(size.m), n = static_cast<double>(size.n);
  const double tiles =
      std::ceil(static_cast<double>(rows->positions) / m) * std::ceil(static_cast<double>(cols->positions) / m);
  const Lanes lanes = lanes_of(geometry, table);
  const double IC = static_cast<double>(geometry.in.C), width = static_cast<double>(table.width);
  const double vectors = static_cast<double>(lanes.blocks * lanes.block) / width;
  const double transforms = tiles * transform_cycles * n * n * (IC / width + vectors);
  // Points that are not zero, over all phases, times the vectors of one phase.
  const double products = points_of(scheme, geometry, *rows, *cols, lanes.merged) * vectors;
  const double weights = products * IC * width * 4;
  const double blocks = std::max(1.0, tiles * images / static_cast<double>(most_tiles));
  const double streamed = weights > cache_bytes ? weights * blocks / streamed_bytes / images : 0;
  return std::max(tiles * IC * products / 2, streamed) + transforms;
}

/// Inputs that all outputs of an axis read together, and taps that its phases have together.
struct Reads {
  double inputs = 0, taps = 0;
};
Reads reads_of(const std::vector<Phase>& phases) {
  Reads reads;
  for (const Phase& phase : phases) {
    size_t most = 0;
    for (const Segment& segment : phase.segments) {
      reads.inputs += static_cast<double>(segment.end - segment.begin) * static_cast<double>(segment.taps.size());
      most = std::max(most, segment.taps.size());
    }
    reads.taps += static_cast<double>(most);
  }
  return reads;
}

/// Cycles that the direct kernel should take for an image when `images` come at once.
double direct_cost(const ConvGeometry& geometry, const kernels::Table& table, double images) {
  const double groups = static_cast<double>(geometry.groups);
  const double IC = static_cast<double>(geometry.in.C) / groups, OC = static_cast<double>(geometry.out.C) / groups;
  const double vectors = std::ceil(OC / static_cast<double>(table.width)) * groups;
  const Reads rows = reads_of(geometry.rows), cols = reads_of(geometry.cols);
  const double weights = rows.taps * cols.taps * IC * OC * groups * 4;
  return std::max(rows.inputs * cols.inputs * IC * vectors / 2,
                  weights > cache_bytes ? weights / streamed_bytes / images : 0);
}

}  // namespace

std::string ConvCandidate::name() const { return scheme ? name_of(*scheme) : "direct"; }

std::vector<ConvCandidate> conv_candidates(const ConvGeometry& geometry, const kernels::Table& table,
                                           const Options& options) {
  const double images = options.tune == Tune::throughput ? 16 : 1;
  std::vector<ConvCandidate> candidates = {{{}, direct_cost(geometry, table, images)}};
  if (options.accuracy == Accuracy::exact) return candidates;
  for (auto scheme : {kernels::Scheme::f22, kernels::Scheme::f32, kernels::Scheme::f23})
    if (const std::optional<double> cycles = winograd_cost(scheme, geometry, table, images))
      candidates.push_back({scheme, *cycles});
  return candidates;
}

ConvCandidate choose(const std::vector<ConvCandidate>& candidates, const Options& options) {
  for (const ConvCandidate& candidate : candidates)
    if (candidate.name() == options.algorithm) return candidate;
  return *std::min_element(candidates.begin(), candidates.end(), [](auto& a, auto& b) { return a.cycles < b.cycles; });
}

}  // namespace upconv
