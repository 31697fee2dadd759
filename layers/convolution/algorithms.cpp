#include <algorithm>
#include <cmath>
#include <numeric>

#include "layers/convolution/algorithm.h"
#include "layers/convolution/depthwise/step.h"
#include "layers/convolution/panel.h"
#include "layers/convolution/rows/step.h"
#include "layers/convolution/winograd/plan.h"

namespace upconv::internal {
namespace {

// Costs are cycles of one core at two multiply-adds of a vector a cycle, for one image. What `./dev choice` measured
// fits them within a few percent where two candidates lie close.

/// A register tile of R pixels and 2 vectors takes R + 2 cycles a channel: the loads of weights and the loop's own
/// instructions beside its R multiply-adds.
constexpr double tile_overhead = 2;
/// A block of one vector leaves half of every tile's loads without use.
constexpr double lone_vector = 1.6;
/// A vector through a tile of a transform: n * n loads, as many stores and twice as many additions, about 3.5 cycles a
/// point with its share of address arithmetic; 5 where the points outgrow the registers, 8 where sums are of 8 terms.
double transform_cycles(const SchemeSize& size) { return size.n > 6 ? 8 : size.n > 4 ? 5 : 3.5; }
/// The same on the way in where multiply-adds of a vector take two cycles: on Zen 4 a point of F(4,2) takes 5 cycles
/// there and 9 on the way out, of F(3,2) 4 and 6.
constexpr double halved_inputs = 1.2;
/// Narrow pictures are cut at their borders into register tiles of few pixels, whose few chains wait for each other.
constexpr double narrow_tiles = 1.2;
/// Gathering a pixel of narrow pictures: its addresses, and a line of 16 channels.
constexpr double gather_cycles = 16, gather_line_cycles = 4;

/// Cycles until weights are here that do not fit half of L2: 8 bytes a cycle from L3, 4 where part of them stays there,
/// as two cores share what memory gives. By phase, where transformed inputs and products of all groups are around too,
/// 2 where nothing stays.
double stream_cycles(double bytes, bool by_phase) {
  if (bytes <= 512 << 10) return 0;
  return bytes / (bytes <= 12 << 20 ? 8 : by_phase && bytes > 32 << 20 ? 2 : 4);
}

/// Cycles until transformed inputs are here, again for each block of outputs, that are more than L2 and its like hold:
/// Conv2d(256, 40, 3, stride=2), with the channels of four residues, is a third faster by direct sums on Zen 3.
double again_cycles(double bytes, double blocks) { return bytes <= 1 << 20 ? 0 : bytes * blocks / 16; }

/// Cycles of products whose weights stream in meanwhile: a third of the shorter of the two shows; a half where there is
/// one register tile, which no other asks for weights ahead (96-96 k4s2 11x11, 9 tiles of F(4,2)).
double overlapped(double products, double stream, bool alone) {
  return std::max(products, stream) + std::min(products, stream) / (alone ? 2 : 3);
}

/// The mean number of points of a phase and residue that have to be multiplied.
double points_of(const Windows& windows, kernels::Scheme scheme) {
  const std::vector<int64_t> used = used_residues(windows, scheme);
  return static_cast<double>(std::accumulate(used.begin(), used.end(), int64_t{0})) /
         static_cast<double>(windows.phases() * windows.residues());
}

/// How many windows of an axis are transformed, one after the other: as many as begin elsewhere than the one before.
int64_t windows_of(const Axis& axis) {
  int64_t windows = 1;
  for (size_t p = 1; p < axis.phases.size(); ++p)
    if (axis.phases[p].input != axis.phases[p - 1].input) ++windows;
  return windows;
}

/// What the products of all points of a lean tiling take of one channel and one vector, where a multiply-add takes 1,
/// for one image of so many tiles: the additions that make its weights, for each register tile, count little where they
/// have units of their own (AVX-512 on Zen 4). Narrower vectors have no multiply-add that broadcasts.
double lean_cycles(kernels::Scheme scheme, double tiles, double images, const kernels::Table& table) {
  const double points = static_cast<double>(sizes_of(scheme).n * sizes_of(scheme).n), products = points * tiles;
  const double parts = std::ceil(tiles * images / static_cast<double>(lean_tiles(table, scheme))) / images;
  if (table.isa != Isa::avx512) return 1.5 * products + 10 * parts;
  return products + (vector_cycles(table.isa) > 1 ? 8 : 1.6 * points) * parts;
}

/// Cycles that a tiling should take for an image when `images` come at once; nothing where it does not apply.
std::optional<double> winograd_cost(const Tiling& tiling, const ConvGeometry& geometry, const kernels::Table& table,
                                    double images) {
  if (geometry.groups != 1 || geometry.in.C < 16) return {};
  const auto phases = static_cast<double>(geometry.rows.size() * geometry.cols.size());
  if (tiling.by_phase && ((phases == 1 && !tiling.lean) || lanes_of(geometry, table, {tiling.scheme}).merged))
    return {};
  const auto rows = axis_of(geometry.rows, tiling), cols = axis_of(geometry.cols, tiling);
  if (!rows || !cols || rows->tiles < 1 || cols->tiles < 1) return {};
  const int64_t residues = rows->residues * cols->residues;
  if (residues > 1 && geometry.in.C % kernels::panel_lanes != 0) return {};  // blocks of channels follow each other
  if (tiling.lean && !has_lean(geometry, tiling)) return {};
  const SchemeSize size = sizes_of(tiling.scheme);
  const double points = static_cast<double>(size.n * size.n);
  const double tiles = static_cast<double>(rows->tiles * cols->tiles);
  const Lanes lanes = lanes_of(geometry, table, tiling);
  const double IC = static_cast<double>(geometry.in.C * residues), width = static_cast<double>(table.width);
  const double vectors = static_cast<double>(lanes.blocks * lanes.block) / width;
  const double inputs = IC / width * static_cast<double>(windows_of(*rows) * windows_of(*cols));
  const double products = vectors * (lanes.merged ? points : points_of({geometry, tiling}, tiling.scheme));
  const double weights = (tiling.lean ? 4 * vectors : products) * IC * width * 4;
  // Of the smallest L2 that has these vectors, so that a choice does not depend on a cache's size.
  const double cycle = vector_cycles(table.isa);
  const int64_t l2 = table.isa == Isa::avx512 && cycle > 1 ? 1 << 20 : 512 << 10;
  const double at_once = std::min(tiles * images, static_cast<double>(most_tiles(geometry, table, tiling, false, l2)));
  const double works = tiles * images / at_once, transformed = points * IC * at_once * 4;
  const double register_tiles = std::ceil(tiles * images / table.pixels) / images;
  const double transforms =
      tiles * transform_cycles(size) * points * (inputs * (cycle > 1 ? halved_inputs : 1) + vectors * cycle);
  // Merged phases leave aside to go to pixels of their own.
  const double scattered = lanes.merged ? 3 * static_cast<double>(geometry.out.C * geometry.out.H * geometry.out.W) : 0;
  const double multiplied = tiling.lean ? lean_cycles(tiling.scheme, tiles, images, table) * vectors
                                        : (tiles + tile_overhead * register_tiles) * products;
  return overlapped(multiplied * IC / 2 * cycle, stream_cycles(weights, tiling.by_phase) * works / images,
                    tiles * images <= table.pixels) +
         (tiling.by_phase ? 0 : again_cycles(transformed, vectors / 2) * works / images) + transforms + scattered;
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

/// Whether a scheme's rms error is at most 2.2 times the direct sum's, which grows faster with the number of terms than
/// a transform's does. Phases with fewer taps than a scheme's have as many roundings as others, the direct sum has not:
/// F(4,2) asks for more terms there, F(4,3) for its three taps in most phases. `./dev errors` shows what stands behind
/// the numbers: F(4,2) is at 2.1 with 48 terms, with fewer taps at 2.2 with 72; F(4,3) at 2.3 with 144, at 2.1 with
/// 288.
bool within_standard(kernels::Scheme scheme, const ConvGeometry& geometry) {
  const Terms terms = terms_of(geometry);
  switch (scheme) {
    case kernels::Scheme::f42:
      return terms.all >= (terms.taps < 4 ? 80 : 48);
    case kernels::Scheme::f43:
      return terms.all >= 256 && terms.taps >= 6;
    default:
      return scheme != kernels::Scheme::f63;
  }
}

/// Vectors of blocks for so many outputs, the last block's at what it costs.
double vectors_of(int64_t outputs, int64_t width) {
  const double whole = static_cast<double>(outputs / (2 * width)) * 2;
  const int64_t rest = outputs % (2 * width);
  if (rest == 0) return whole;
  return whole + (rest <= width ? lone_vector : 2);
}

/// Cycles that the direct kernel should take for an image when `images` come at once.
double direct_cost(const ConvGeometry& geometry, const kernels::Table& table, double images) {
  const double groups = static_cast<double>(geometry.groups);
  const double IC = static_cast<double>(geometry.in.C) / groups;
  const int64_t OC = geometry.out.C / geometry.groups;
  const double vectors = groups * vectors_of(OC, table.width);
  const bool wide = has_rows_of(geometry, wide_row);
  double inputs = 0, cycles = 0, taps = 0;  // of one channel and one vector
  const double lines = images * static_cast<double>(geometry.rows.front().count);
  for (const Phase& row : geometry.rows)
    for (const Phase& col : geometry.cols) {
      double most = 0;
      for (const Segment& r : row.segments)
        for (const Segment& c : wide ? col.segments : gathered_segments(col, lines, table)) {
          const double rows = static_cast<double>(r.end - r.begin), cols = static_cast<double>(c.end - c.begin);
          const double both = static_cast<double>(r.taps.size() * c.taps.size());
          const double tiles = wide ? rows * cols / static_cast<double>(col.count) *
                                          static_cast<double>(ceil_div(col.count, table.pixels))
                                    : std::ceil(rows * cols * images / table.pixels) / images;
          inputs += rows * cols * both;
          cycles += (rows * cols + tile_overhead * tiles) * both;
          most = std::max(most, both);
        }
      taps += most;
    }
  const double weights = taps * IC * static_cast<double>(OC) * groups * 4;
  const double gathered = wide ? 0 : inputs * (gather_cycles + gather_line_cycles * IC * groups / kernels::panel_lanes);
  if (!wide) cycles *= narrow_tiles;
  return overlapped(cycles * IC * vectors / 2 * vector_cycles(table.isa), stream_cycles(weights, false) / images,
                    false) +
         gathered;
}

}  // namespace

std::string ConvCandidate::name() const {
  if (kernel == rows) return rows_name(tiling);
  return tiling ? name_of(*tiling) : kernel == depthwise ? "depthwise" : "direct";
}

std::vector<ConvCandidate> conv_candidates(const ConvGeometry& geometry, Layout input, Layout output,
                                           const kernels::Table& table, const Options& options) {
  const double images = options.tune == Tune::throughput ? 16 : 1;
  std::vector<ConvCandidate> candidates = {{{}, direct_cost(geometry, table, images)}};
  if (const std::optional<double> cycles = rows_cost(geometry, input, output, table, {}))
    candidates.push_back({{}, *cycles, ConvCandidate::rows});
  if (const std::optional<double> cycles = depthwise_cost(geometry, table))
    candidates.push_back({{}, *cycles, ConvCandidate::depthwise});
  if (options.accuracy == Accuracy::exact) return candidates;
  for (int index = 0; index < kernels::schemes; ++index) {
    const auto scheme = static_cast<kernels::Scheme>(index);
    if (options.accuracy != Accuracy::fast && !within_standard(scheme, geometry)) continue;
    if (const std::optional<double> cycles = rows_cost(geometry, input, output, table, Tiling{scheme}))
      candidates.push_back({Tiling{scheme}, *cycles, ConvCandidate::rows});
    for (const auto& [by_phase, lean] : {std::pair(false, false), {true, false}, {true, true}}) {
      const Tiling tiling{scheme, by_phase, lean};
      if (const std::optional<double> cycles = winograd_cost(tiling, geometry, table, images))
        candidates.push_back({tiling, *cycles});
    }
  }
  return candidates;
}

ConvCandidate choose(const std::vector<ConvCandidate>& candidates, const Options& options) {
  for (const ConvCandidate& candidate : candidates)
    if (candidate.name() == options.algorithm) return candidate;
  return *std::min_element(candidates.begin(), candidates.end(), [](auto& a, auto& b) { return a.cycles < b.cycles; });
}

}  // namespace upconv::internal
