#include "layers/convolution/winograd/cost.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

/// The mean number of points of a phase and residue that have to be multiplied.
double points_of(const WindowTaps& windows, kernels::Scheme scheme, bool rounded) {
  const std::vector<int64_t> used = used_residues(windows, scheme, rounded);
  return static_cast<double>(std::accumulate(used.begin(), used.end(), int64_t{0})) /
         static_cast<double>(windows.phases() * windows.residues());
}

/// How many windows of an axis are transformed, one after the other: as many as begin elsewhere than the one before.
int64_t windows_of(const TiledAxis& axis) {
  int64_t windows = 1;
  for (size_t p = 1; p < axis.phases.size(); ++p)
    if (axis.phases[p].input != axis.phases[p - 1].input) ++windows;
  return windows;
}

/// Whether a tiling fits the convolution and has a use there.
bool applies(const ConvQuery& query, const Tiling& tiling) {
  const ConvGeometry& geometry = query.geometry;
  if (!query.table.winograd_input[static_cast<int>(tiling.scheme)]) return false;
  if (geometry.groups != 1 || geometry.in.C < 16 || geometry.in.C % query.table.in_word() != 0) return false;
  const size_t phases = geometry.rows.size() * geometry.cols.size();
  const bool lean = tiling.windows == Windows::lean;
  if (is_by_phase(tiling.windows) &&
      ((phases == 1 && !lean) || lanes_of(geometry, query.table, {tiling.scheme}).merged))
    return false;
  const auto rows = tiled_axis(geometry.rows, tiling), cols = tiled_axis(geometry.cols, tiling);
  if (!rows || !cols || rows->tiles < 1 || cols->tiles < 1) return false;
  // Blocks of channels follow each other.
  if (rows->residues * cols->residues > 1 && geometry.in.C % kernels::panel_lanes != 0) return false;
  return !lean || has_lean(geometry, tiling);
}

/// What the products of all points of a lean tiling take of one channel and one vector, where a multiply-add takes 1,
/// for one image of so many tiles: the additions that make its weights, for each register tile, beside them.
double lean_cycles(const ConvQuery& query, kernels::Scheme scheme, double tiles) {
  const double points = static_cast<double>(sizes_of(scheme).n * sizes_of(scheme).n), products = points * tiles;
  const double parts =
      std::ceil(tiles * query.images / static_cast<double>(query.table.lean_sums / sizes_of(scheme).n)) / query.images;
  return query.machine.lean_product * products + query.machine.lean_point * points * parts;
}

/// How many inputs an output is the sum of, and how many of them lie in one channel and residue, on average.
struct Terms {
  double all, taps;
};
Terms terms_of(const ConvGeometry& geometry) {
  const auto mean = [](const std::vector<Phase>& phases) {
    double sum = 0;
    for (const Phase& phase : phases) {
      size_t most = 0;
      for (const Segment& segment : phase.segments) most = std::max(most, segment.taps.size());
      sum += static_cast<double>(most);
    }
    return sum / static_cast<double>(phases.size());
  };
  const double taps = mean(geometry.rows) * mean(geometry.cols);
  const auto residues = static_cast<double>(geometry.rows.front().in_step * geometry.cols.front().in_step);
  return {taps * static_cast<double>(geometry.in.C / geometry.groups), taps / residues};
}

}  // namespace

std::optional<double> winograd_cost(const ConvQuery& query, const Tiling& tiling) {
  if (!applies(query, tiling)) return {};
  const auto& [geometry, input, output, table, machine, accuracy, images, memory] = query;
  const bool lean = tiling.windows == Windows::lean, by_phase = is_by_phase(tiling.windows);
  const TiledAxis rows = *tiled_axis(geometry.rows, tiling), cols = *tiled_axis(geometry.cols, tiling);
  const int64_t residues = rows.residues * cols.residues;
  const SchemeSize size = sizes_of(tiling.scheme);
  const double points = static_cast<double>(size.n * size.n);
  const double tiles = static_cast<double>(rows.tiles * cols.tiles);
  const Lanes lanes = lanes_of(geometry, table, tiling);
  const double channels = static_cast<double>(geometry.in.C * residues), width = static_cast<double>(table.width);
  const double IC = channels / static_cast<double>(table.in_word());
  const double vectors = static_cast<double>(lanes.blocks * lanes.block) / width;
  const double inputs = channels / width * static_cast<double>(windows_of(rows) * windows_of(cols));
  const double products =
      vectors * (lanes.merged ? points : points_of({geometry, tiling}, tiling.scheme, table.pairs != nullptr));
  const double weights = (lean ? 4 * vectors : products) * IC * width * (lean && memory.halved ? 2 : 4);
  const double at_once =
      std::min(tiles * images, static_cast<double>(most_tiles(geometry, table, tiling, false, machine.l2_bytes)));
  const double works = tiles * images / at_once, transformed = points * IC * at_once * 4;
  const double register_tiles = std::ceil(tiles * images / table.pixels) / images;
  const double transforms =
      tiles * machine.transform(size.n) * points * (inputs * machine.inputs() + vectors * machine.vector_cycles);
  const double scattered =
      lanes.merged ? machine.scattered * static_cast<double>(geometry.out.C * geometry.out.H * geometry.out.W) : 0;
  const double multiplied = lean ? lean_cycles(query, tiling.scheme, tiles) * vectors
                                 : (tiles + machine.tile_overhead * register_tiles) * products;
  return machine.overlapped(multiplied * IC / 2 * machine.product(table.pairs != nullptr),
                            machine.stream(weights, by_phase) * works / images, tiles * images <= table.pixels) +
         (by_phase ? 0 : machine.again(transformed, vectors / 2) * works / images) + transforms + scattered;
}

/// The direct sum's error grows faster with the number of terms than a transform's does. Phases with fewer taps than a
/// scheme's have as many roundings as others, the direct sum has not: F(4,2) asks for more terms there, F(4,3) for its
/// three taps in most phases. `./dev errors` shows what stands behind the numbers: F(4,2) is at 2.1 with 48 terms, with
/// fewer taps at 2.2 with 72, with two, as of a 1x2 kernel, at 2.4 with 128; F(4,3) at 2.3 with 144, at 2.1 with 288.
bool is_allowed(kernels::Scheme scheme, const ConvQuery& query) {
  if (query.accuracy == Accuracy::exact) return false;
  if (query.accuracy == Accuracy::fast) return true;
  // Of bfloat16 nothing but the rounding of what is multiplied shows, whatever the number of terms: 1.15 of the direct
  // sum's and 1.67. F(3,2), with 1.66, is left out: F(2,2) is nearly as fast.
  if (query.table.pairs) return scheme == kernels::scheme_of<2, 2>() || scheme == kernels::scheme_of<2, 3>();
  const Terms terms = terms_of(query.geometry);
  switch (scheme) {
    case kernels::scheme_of<4, 2>():
      return terms.all >= (terms.taps <= 2 ? 512 : terms.taps < 4 ? 80 : 48);
    case kernels::scheme_of<4, 3>():
      return terms.all >= 256 && terms.taps >= 6;
    default:
      return scheme != kernels::scheme_of<6, 3>();
  }
}

}  // namespace upconv::internal
