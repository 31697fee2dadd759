#include "layers/convolution/winograd/weights.h"

#include <algorithm>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

constexpr int64_t most_lanes = 32;  // of a block
constexpr int64_t most_taps = 9;    // T * T
constexpr int64_t width = 8;        // channels that are transformed at a time: their intermediate values stay in L1

/// U = G g GT for channels side by side, whole widths of them: u[point * pitch + lane] of g[tap * most_lanes + lane],
/// in double, rounded once.
template <class W>
void transform(const double* g, float* u, int64_t pitch, int64_t lanes) {
  static_assert(most_lanes % width == 0 && W::T * W::T <= most_taps);
  const auto add = [](double* sum, double factor, const double* values) {
    if (factor == 0) return;
    for (int64_t lane = 0; lane < width; ++lane) sum[lane] += factor * values[lane];
  };
  for (int64_t first = 0; first < lanes; first += width) {
    double half[W::n][W::T][width] = {};
    for (int i = 0; i < W::n; ++i)
      for (int j = 0; j < W::T; ++j)
        for (int t = 0; t < W::T; ++t) add(half[i][j], W::G[i][t], g + (t * W::T + j) * most_lanes + first);
    for (int i = 0; i < W::n; ++i)
      for (int j = 0; j < W::n; ++j) {
        double sum[width] = {};
        for (int t = 0; t < W::T; ++t) add(sum, W::G[j][t], half[i][t]);
        float* to = u + (i * W::n + j) * pitch + first;
        for (int64_t lane = 0; lane < width; ++lane) to[lane] = static_cast<float>(sum[lane]);
      }
  }
}

/// f[i] g[i][j] f[j] instead.
template <class W>
void scale_taps(const double* g, float* u, int64_t pitch, int64_t lanes) {
  for (int tap = 0; tap < W::T * W::T; ++tap)
    for (int64_t lane = 0; lane < lanes; ++lane)
      u[tap * pitch + lane] = static_cast<float>(W::f[tap / W::T] * g[tap * most_lanes + lane] * W::f[tap % W::T]);
}

}  // namespace

/// Packs parts, each a block of output channels, or all where phases are merged, and some input channels.
struct PackedWinograd::Maker {
  const PackedWinograd& of;
  const kernels::Table& table;
  const WeightView& weight;
  Tiling tiling;
  const ConvGeometry& geometry;
  WindowTaps windows;
  Lanes lanes;
  int64_t T, C, OC, taps, cols;
  int64_t chunk, chunks;  ///< input channels of a part
  int64_t shifts;         ///< where those begin
  std::vector<MergedLane> merged;

  Maker(const PackedWinograd& of, const kernels::Table& table, const WeightView& weight, const Tiling& tiling,
        const ConvGeometry& geometry)
      : of(of),
        table(table),
        weight(weight),
        tiling(tiling),
        geometry(geometry),
        windows(geometry, tiling),
        lanes(lanes_of(geometry, table, tiling)),
        T(sizes_of(tiling.scheme).T),
        C(weight.layout.IC),
        OC(weight.layout.OC),
        taps(weight.layout.taps),
        cols(static_cast<int64_t>(geometry.cols.size())),
        chunk(packed_at_once(weight.layout, lanes.block)),
        chunks(ceil_div(C, chunk)),
        shifts(whole_lines(of.groups_ * of.phases_ * of.points_ * of.channels_ * of.lanes_)) {
    if (lanes.merged) merged = merged_lanes(geometry, tiling);
  }

  int64_t parts() const { return (lanes.merged ? 1 : of.groups_) * chunks; }
  int64_t scratch() const { return 2 * lanes.block * chunk * taps; }
  int64_t floats() const { return shifts + of.groups_ * of.lanes_; }

  /// g of one phase, residue and input channel, for output channels side by side.
  void gather(int64_t phase, int64_t residue, const float* panel, const double* scale, int64_t count, double* g) const {
    for (int64_t i = 0; i < T; ++i)
      for (int64_t j = 0; j < T; ++j, g += most_lanes) {
        const int64_t kh = windows.rows(phase, residue)[static_cast<size_t>(i)];
        const int64_t kw = windows.cols(phase, residue)[static_cast<size_t>(j)];
        for (int64_t lane = 0; lane < count; ++lane)
          g[lane] = kh < 0 || kw < 0 ? 0.0 : panel[(kh * geometry.KW + kw) * lanes.block + lane] * scale[lane];
      }
  }

  /// The points of one phase and input channel, of output channels side by side.
  void transform_channel(const double* g, float* u, int64_t pitch, int64_t count) const {
    kernels::with_scheme(tiling.scheme, table.pairs != nullptr, [&](auto s) {
      using W = decltype(s);
      if constexpr (kernels::is_lean<W>)
        if (of.lean_) return scale_taps<W>(g, u, pitch, count);
      if constexpr (kernels::is_for_pictures<W>) transform<W>(g, u, pitch, count);
    });
  }

  /// Where output channel oc of a phase is: its lane among all, and from that of one channel to the next.
  int64_t first_lane(int64_t phase, int64_t oc) const {
    if (!lanes.merged) return oc;
    const MergedLane lane{static_cast<size_t>(phase / cols), static_cast<size_t>(phase % cols), oc};
    return std::find(merged.begin(), merged.end(), lane) - merged.begin();
  }
  int64_t lane_step() const { return lanes.merged ? cols : 1; }

  void operator()(int64_t part, float* out, float* scratch) const {
    const int64_t oc = part / chunks * lanes.block, count = std::min(lanes.block, OC - oc);
    const int64_t first = part % chunks * chunk, ics = std::min(chunk, C - first);
    float* panel = scratch + lanes.block * chunk * taps;
    weight.read(table, {.group = 0, .oc = oc, .ocs = count, .ic = first, .ics = ics}, panel, lanes.block, scratch);
    for (int64_t phase = 0; phase < windows.phases(); ++phase) {
      pack_phase(phase, {.group = 0, .oc = oc, .ocs = count, .ic = first, .ics = ics}, panel, out);
      for (int64_t c = 0; first == 0 && c < count; ++c)
        out[shifts + first_lane(phase, oc) + c * lane_step()] = weight.shift[static_cast<size_t>(oc + c)];
    }
  }

  void pack_phase(int64_t phase, const WeightPart& part, const float* panel, float* out) const {
    const bool straight = !lanes.merged && lanes.block % width == 0;  // whole widths of channels lie together
    const int64_t at = first_lane(phase, part.oc);
    const auto to = [&](int64_t lane, int64_t point, int64_t ic) {
      return out + of.place(lane / of.lanes_, lanes.merged ? 0 : phase, point, ic / of.in_word_) + lane % of.lanes_;
    };
    double g[most_taps * most_lanes] = {};
    float aside[kernels::most_points * most_lanes];
    for (int64_t i = 0; i < part.ics * windows.residues(); ++i) {
      const int64_t residue = i / part.ics, ic = residue * C + part.ic + i % part.ics;
      gather(phase, residue, panel + i % part.ics * taps * lanes.block, weight.scale.data() + part.oc, part.ocs, g);
      if (straight && of.in_word_ == 1) {
        transform_channel(g, to(part.oc, 0, ic), of.lean_ ? of.lanes_ : of.channels_ * of.lanes_, part.ocs);
        continue;
      }
      transform_channel(g, aside, most_lanes, part.ocs);
      for (int64_t point = 0; point < of.points_; ++point) {
        const float* floats = aside + point * most_lanes;
        if (straight) {
          put_halves(table, floats, part.ocs, ic % 2, to(part.oc, point, ic));
          continue;
        }
        for (int64_t c = 0; c < part.ocs; ++c) {
          float* word = to(at + c * lane_step(), point, ic);
          if (of.in_word_ == 2)
            put_halves(table, floats + c, 1, ic % 2, word);
          else
            *word = floats[c];
        }
      }
    }
  }
};

// The shifts of all groups follow the weights.
PackedWinograd::PackedWinograd(const kernels::Table& table, const WeightView& weight, const Packer& packer,
                               const Tiling& tiling, const ConvGeometry& geometry, bool halved) {
  const Lanes lanes = lanes_of(geometry, table, tiling);
  const SchemeSize size = sizes_of(tiling.scheme);
  const WindowTaps windows(geometry, tiling);
  lean_ = tiling.windows == Windows::lean;
  halved_ = halved;
  in_word_ = halved ? 2 : table.in_word();
  groups_ = lanes.merged ? lanes.blocks : ceil_div(weight.layout.OC, lanes.block);
  phases_ = lanes.merged ? 1 : windows.phases();
  points_ = lean_ ? size.T * size.T : size.n * size.n;
  lanes_ = lanes.block;
  channels_ = weight.layout.IC * windows.residues() / in_word_;
  used_ = lean_ ? std::vector<int64_t>() : used_residues(windows, tiling.scheme, table.pairs != nullptr);
  if (lanes.merged) used_.assign(static_cast<size_t>(points_), 1);
  for (int64_t& used : used_) used *= weight.layout.IC;

  const Maker maker(*this, table, weight, tiling, geometry);
  packed_ = packer({.floats = static_cast<size_t>(maker.floats()),
                    .scratch = static_cast<size_t>(maker.scratch()),
                    .parts = maker.parts(),
                    .pack = [&](int64_t part, float* out, float* scratch) { maker(part, out, scratch); }});
  shift_start_ = packed_.span.data() + maker.shifts;
}

std::string winograd_key(const Tiling& tiling, const ConvGeometry& geometry) {
  return name_of(tiling) + '/' + axis_key(geometry.rows, tiling) + '/' + axis_key(geometry.cols, tiling);
}

}  // namespace upconv::internal
