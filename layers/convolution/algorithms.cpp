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

std::vector<ConvCandidate> conv_candidates(const ConvQuery& query) {
  std::vector<ConvCandidate> candidates;
  for (const auto& algorithm : conv_algorithms()) {
    if (query.table.pairs && !algorithm->has_pairs()) continue;
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
