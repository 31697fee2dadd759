#include "layers/convolution/winograd/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "layers/arithmetic.h"
#include "layers/convolution/machine_class.h"

namespace upconv::internal {
namespace {

/// Outputs of one input position, from an input to the output that lies first: out = out_step * input + this.
int64_t offset_of(const Phase& phase, int64_t base) { return phase.out_first - phase.out_step * base; }

/// Where the window of each phase's position 0 begins: one that ends at its last tap, so that the windows of phases
/// with fewer taps than others begin where theirs do.
std::vector<int64_t> shared_bases(const std::vector<Phase>& phases, int64_t T) {
  std::vector<int64_t> bases;
  for (const Phase& phase : phases) bases.push_back(phase.in_first + shifts_of(phase).most - T + 1);
  return bases;
}

/// All phases on one grid of windows, which begins where the first of theirs does.
std::optional<TiledAxis> shared_axis(const std::vector<Phase>& phases, const SchemeSize& size) {
  const std::vector<int64_t> bases = shared_bases(phases, size.T);
  const int64_t first = *std::min_element(bases.begin(), bases.end());
  TiledAxis axis;
  axis.out_step = phases.front().out_step;
  int64_t least = std::numeric_limits<int64_t>::max(), most = std::numeric_limits<int64_t>::min(), positions = 0;
  for (size_t p = 0; p < phases.size(); ++p) {
    axis.phases.push_back({first, first - bases[p]});
    positions = std::max(positions, bases[p] - first + phases[p].count);
    least = std::min(least, offset_of(phases[p], bases[p]));
    most = std::max(most, offset_of(phases[p], bases[p]));
  }
  if (most - least >= axis.out_step) return {};
  axis.out_first = axis.out_step * first + least;
  axis.tiles = ceil_div(positions, size.m);
  return axis;
}

/// Every phase on its own grid, which begins at its position 0 with its first tap: F(4,2) then has a point less for a
/// phase of one tap.
std::optional<TiledAxis> axis_by_phase(const std::vector<Phase>& phases, const SchemeSize& size) {
  TiledAxis axis;
  axis.shared = false;
  axis.out_step = phases.front().out_step;
  for (const Phase& phase : phases) {
    if (phase.out_first >= axis.out_step) return {};
    axis.phases.push_back({phase.in_first + shifts_of(phase).least, 0});
    axis.tiles = std::max(axis.tiles, ceil_div(phase.count, size.m));
  }
  return axis;
}

/// The one phase of a convolution that steps over inputs.
std::optional<TiledAxis> axis_by_residue(const Phase& phase, const SchemeSize& size) {
  TiledAxis axis;
  const int64_t first = shifts_of(phase).least;
  axis.phases.push_back({phase.in_first + first, 0});
  axis.tiles = ceil_div(phase.count, size.m);
  axis.in_step = phase.in_step;
  for (const AxisTap& tap : phase.taps) {
    if ((tap.shift - first) / phase.in_step >= size.T) return {};
    axis.residues = std::max(axis.residues, (tap.shift - first) % phase.in_step + 1);
  }
  return axis;
}

}  // namespace

SchemeSize sizes_of(kernels::Scheme scheme) {
  return kernels::with_scheme(scheme, [](auto s) {
    using W = decltype(s);
    return SchemeSize{W::m, W::T, W::n};
  });
}

std::string name_of(kernels::Scheme scheme) {
  const SchemeSize size = sizes_of(scheme);
  return fmt::format("F({},{})", size.m, size.T);
}

std::string name_of(const Tiling& tiling) {
  const char* windows[] = {"", " by phase", " lean"};
  return "winograd " + name_of(tiling.scheme) + windows[static_cast<size_t>(tiling.windows)];
}

std::optional<TiledAxis> tiled_axis(const std::vector<Phase>& phases, const Tiling& tiling) {
  const SchemeSize size = sizes_of(tiling.scheme);
  for (const Phase& phase : phases)
    for (const Segment& segment : phase.segments)
      if (segment.taps.empty()) return {};
  if (phases.size() == 1 && phases.front().in_step == 2) return axis_by_residue(phases.front(), size);
  for (const Phase& phase : phases) {
    const auto [least, most] = shifts_of(phase);
    if (phase.in_step != 1 || most - least >= size.T) return {};
  }
  return is_by_phase(tiling.windows) ? axis_by_phase(phases, size) : shared_axis(phases, size);
}

int64_t first_output(const TiledAxis& axis, const std::vector<Phase>& phases, size_t phase) {
  return phases[phase].out_first + axis.out_step * axis.phases[phase].index;
}

std::vector<std::vector<int64_t>> window_taps(const std::vector<Phase>& phases, const TiledAxis& axis, int64_t T) {
  const auto residues = static_cast<size_t>(axis.residues);
  std::vector<std::vector<int64_t>> found(phases.size() * residues, std::vector<int64_t>(static_cast<size_t>(T), -1));
  for (size_t p = 0; p < phases.size(); ++p) {
    const int64_t base = axis.phases[p].input - axis.phases[p].index;
    for (const AxisTap& tap : phases[p].taps) {
      const int64_t at = phases[p].in_first + tap.shift - base;
      found[p * residues + static_cast<size_t>(at % axis.in_step)][static_cast<size_t>(at / axis.in_step)] = tap.k;
    }
  }
  return found;
}

std::string axis_key(const std::vector<Phase>& phases, const Tiling& tiling) {
  const TiledAxis axis = *tiled_axis(phases, tiling);
  std::string key = std::to_string(static_cast<int>(tiling.scheme));
  for (const auto& taps : window_taps(phases, axis, sizes_of(tiling.scheme).T)) {
    key += axis.in_step == 1 ? '/' : ':';
    for (int64_t k : taps) key += std::to_string(k) + ',';
  }
  return key;
}

bool zero_point(kernels::Scheme scheme, const std::vector<int64_t>& taps, int64_t i, bool rounded) {
  return kernels::with_scheme(scheme, rounded, [&](auto s) {
    using W = decltype(s);
    for (int t = 0; t < W::T; ++t)
      if (taps[static_cast<size_t>(t)] >= 0 && W::G[i][t] != 0) return false;
    return true;
  });
}

WindowTaps::WindowTaps(const ConvGeometry& geometry, const Tiling& tiling)
    : row_phases_(static_cast<int64_t>(geometry.rows.size())), col_phases_(static_cast<int64_t>(geometry.cols.size())) {
  const TiledAxis rows = *tiled_axis(geometry.rows, tiling), cols = *tiled_axis(geometry.cols, tiling);
  const int64_t T = sizes_of(tiling.scheme).T;
  row_residues_ = rows.residues;
  col_residues_ = cols.residues;
  row_taps_ = window_taps(geometry.rows, rows, T);
  col_taps_ = window_taps(geometry.cols, cols, T);
}

std::vector<int64_t> used_residues(const WindowTaps& windows, kernels::Scheme scheme, bool rounded) {
  const int64_t n = sizes_of(scheme).n;
  const auto zeros = [&](const std::vector<int64_t>& taps, std::vector<bool>& found) {
    for (int64_t i = 0; i < n; ++i) found[static_cast<size_t>(i)] = zero_point(scheme, taps, i, rounded);
  };
  const auto points = static_cast<size_t>(n);
  std::vector<bool> rows(points), cols(points);
  std::vector<int64_t> used(static_cast<size_t>(windows.phases()) * points * points, 0);
  for (int64_t phase = 0; phase < windows.phases(); ++phase)
    for (int64_t residue = 0; residue < windows.residues(); ++residue) {
      zeros(windows.rows(phase, residue), rows);
      zeros(windows.cols(phase, residue), cols);
      for (size_t i = 0; i < points; ++i)
        for (size_t j = 0; j < points; ++j)
          if (!rows[i] && !cols[j]) used[(static_cast<size_t>(phase) * points + i) * points + j] = residue + 1;
    }
  return used;
}

LeanCut lean_cut(const kernels::Table& table, kernels::Scheme scheme, int64_t tiles, int64_t vectors) {
  const int64_t n = sizes_of(scheme).n;
  const LeanCut alone{table.lean_sums / n, 1}, pair{table.lean_pair_sums / (2 * n), 2};
  const MachineProperties machine = properties_of(processor(), table.isa);
  // Multiply-adds that broadcast from memory wait for loads where two whole vectors of AVX-512 are multiplied a cycle,
  // since two loads a cycle are all there is.
  const bool broadcasts_are_dear = machine.wide && !machine.halves;
  if (tiles < 2 || vectors < 2 || table.lean_pair_sums == 0 || !broadcasts_are_dear) return alone;
  // What a row of points of a channel and a vector takes at two loads and two multiply-adds a cycle.
  const auto cycles = [&](const LeanCut& cut) {
    const auto parts = static_cast<double>(ceil_div(tiles, cut.tiles)), products = static_cast<double>(n * tiles);
    const double loads = products / static_cast<double>(cut.vectors) + 6 * parts;
    const double additions = machine.own_additions ? 0 : static_cast<double>(2 * n) * parts;
    return std::max(loads, products + additions) / 2;
  };
  return cycles(pair) < 0.9 * cycles(alone) ? pair : alone;  // two streams of weights have their price
}

bool has_lean(const ConvGeometry& geometry, const Tiling& tiling) {
  if (!kernels::with_scheme(tiling.scheme, [](auto s) { return kernels::is_lean<decltype(s)>; })) return false;
  const auto whole = [](const std::vector<int64_t>& taps) {
    return std::none_of(taps.begin(), taps.end(), [](int64_t k) { return k < 0; });
  };
  const WindowTaps windows(geometry, tiling);
  for (int64_t phase = 0; phase < windows.phases(); ++phase)
    for (int64_t residue = 0; residue < windows.residues(); ++residue)
      if (!whole(windows.rows(phase, residue)) || !whole(windows.cols(phase, residue))) return false;
  return true;
}

Lanes lanes_of(const ConvGeometry& geometry, const kernels::Table& table, const Tiling& tiling) {
  const int64_t OC = geometry.out.C;
  const auto phases = static_cast<int64_t>(geometry.rows.size() * geometry.cols.size());
  if (tiling.windows == Windows::lean) return {table.width, false, phases * ceil_div(OC, table.width)};
  const bool merged = tiling.windows == Windows::shared && OC * 2 <= table.width && phases > 1;
  const int64_t block = (merged ? phases : 1) * OC <= table.width ? table.width : 2 * table.width;
  return {block, merged, merged ? ceil_div(phases * OC, block) : phases * ceil_div(OC, block)};
}

std::vector<MergedLane> merged_lanes(const ConvGeometry& geometry, const Tiling& tiling) {
  const TiledAxis axis = *tiled_axis(geometry.cols, tiling);
  std::vector<size_t> cols(geometry.cols.size());
  std::iota(cols.begin(), cols.end(), size_t{0});
  std::sort(cols.begin(), cols.end(), [&](size_t a, size_t b) {
    return first_output(axis, geometry.cols, a) < first_output(axis, geometry.cols, b);
  });
  std::vector<MergedLane> lanes;
  for (size_t row = 0; row < geometry.rows.size(); ++row)
    for (int64_t oc = 0; oc < geometry.out.C; ++oc)
      for (size_t col : cols) lanes.push_back({row, col, oc});
  return lanes;
}

int64_t most_tiles(const ConvGeometry& geometry, const kernels::Table& table, const Tiling& tiling, bool aside,
                   int64_t bytes) {
  const SchemeSize size = sizes_of(tiling.scheme);
  const int64_t residues = tiled_axis(geometry.rows, tiling)->residues * tiled_axis(geometry.cols, tiling)->residues;
  const int64_t inputs = size.n * size.n * residues * whole_lines(geometry.in.C);
  // By phase all channels of a row phase come together, otherwise all phases of a block of channels.
  const bool by_phase = is_by_phase(tiling.windows);
  const int64_t lanes = by_phase ? geometry.out.C : 2 * table.width;
  const int64_t products = size.n * size.n * (tiling.windows == Windows::lean ? table.width : lanes);
  const int64_t outputs =
      size.m * size.m * geometry.cols.front().out_step * (by_phase ? 1 : geometry.rows.front().out_step) * lanes;
  return std::clamp<int64_t>(bytes / 4 / (inputs + products + (aside ? outputs : 0)), 16, 64);
}

}  // namespace upconv::internal
