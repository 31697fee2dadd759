#include <algorithm>

#include "layers/convolution/algorithm.h"

// A row for each folder, best first. NAME_algorithms() of layers/convolution/NAME/algorithm.cpp makes what is in it;
// the program, its benchmarks, the sweeps of tests and the table of errors take what the list has.
#define UPCONV_CONV_FAMILIES(ROW) \
  ROW(matrix)                     \
  ROW(winograd)                   \
  ROW(along)                      \
  ROW(rows)                       \
  ROW(depthwise)                  \
  ROW(direct)

namespace upconv::internal {

#define UPCONV_DECLARE(family) ConvFamily family##_algorithms();
UPCONV_CONV_FAMILIES(UPCONV_DECLARE)
#undef UPCONV_DECLARE

const ConvFamily& conv_algorithms() {
#define UPCONV_MAKE(family) family##_algorithms,
  static const ConvFamily all = [] {
    ConvFamily list;
    for (ConvFamily (*make)() : {UPCONV_CONV_FAMILIES(UPCONV_MAKE)})
      for (auto& algorithm : make()) list.push_back(std::move(algorithm));
    return list;
  }();
#undef UPCONV_MAKE
  return all;
}

bool is_halved(const ConvGeometry& geometry, const WeightLayout& weights, const Lowering& lowering) {
  const Options& options = lowering.options;
  const kernels::Table& table = table_of(lowering);
  if (options.precision != Precision::bfloat16 || table.pairs || !table.direct_halved) return false;
  if (weights.groups > 1 || weights.IC % 2 != 0 || weights.IC < kernels::panel_lanes) return false;
  // A weight of 8x8 pixels is multiplied for longer than it is waited for: 256-128 k4s2 8x8 lost 4 %.
  const int64_t pixels = std::min(geometry.in.H * geometry.in.W, geometry.out.H * geometry.out.W);
  const auto bytes = static_cast<double>(weights.taps * weights.IC * weights.OC) * sizeof(float);
  return pixels <= 32 && images_of(options.tune, geometry.in.N) == 1 && bytes > machine_costs(table.isa).near;
}

std::vector<ConvCandidate> conv_candidates(const ConvQuery& query) {
  std::vector<ConvCandidate> candidates;
  for (const auto& algorithm : conv_algorithms()) {
    if (query.table.pairs && !algorithm->has_pairs()) continue;
    if (query.memory.inputs && !algorithm->reads_bfloat16(query)) continue;
    if (query.memory.output && !algorithm->stores_bfloat16(query)) continue;
    if (const std::optional<double> cycles = algorithm->cost(query)) candidates.push_back({algorithm.get(), *cycles});
  }
  return candidates;
}

const ConvAlgorithm& choose(const std::vector<ConvCandidate>& candidates, const std::string& name) {
  for (const ConvCandidate& candidate : candidates)
    if (candidate.algorithm->name() == name) return *candidate.algorithm;
  return *std::min_element(candidates.begin(), candidates.end(), [](auto& a, auto& b) {
            return a.cycles < b.cycles;
          })->algorithm;
}

}  // namespace upconv::internal
