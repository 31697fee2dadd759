#include "layers/convolution/winograd/weights.h"

#include <algorithm>

#include "layers/convolution/panel.h"

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

// The shifts of all groups follow the weights.
PackedWinograd::PackedWinograd(const kernels::Table& table, const Tiling& tiling, const ConvGeometry& geometry,
                               const WeightView& weight, const Packer& packer) {
  const kernels::Scheme scheme = tiling.scheme;
  const Lanes lanes = lanes_of(geometry, table, tiling);
  const int64_t n = sizes_of(scheme).n, T = sizes_of(scheme).T;
  const Windows windows(geometry, tiling);
  const int64_t residues = windows.residues();
  const int64_t C = weight.layout.IC, IC = C * residues, OC = weight.layout.OC, taps = weight.layout.taps;
  const auto rows = static_cast<int64_t>(geometry.rows.size()), cols = static_cast<int64_t>(geometry.cols.size());
  groups_ = lanes.merged ? lanes.blocks : ceil_div(OC, lanes.block);
  phases_ = lanes.merged ? 1 : rows * cols;
  lean_ = tiling.lean;
  points_ = lean_ ? T * T : n * n;
  lanes_ = lanes.block;
  channels_ = IC;
  used_ = lean_ ? std::vector<int64_t>() : used_residues(windows, scheme);
  if (lanes.merged) used_.assign(static_cast<size_t>(points_), 1);
  for (int64_t& used : used_) used *= C;

  /// g of one phase, residue and input channel, for output channels side by side.
  const auto gather = [&](int64_t phase, int64_t residue, const float* panel, const double* scale, int64_t count,
                          double* g) {
    for (int64_t i = 0; i < T; ++i)
      for (int64_t j = 0; j < T; ++j, g += most_lanes) {
        const int64_t kh = windows.rows(phase, residue)[static_cast<size_t>(i)];
        const int64_t kw = windows.cols(phase, residue)[static_cast<size_t>(j)];
        for (int64_t lane = 0; lane < count; ++lane)
          g[lane] = kh < 0 || kw < 0 ? 0.0 : panel[(kh * geometry.KW + kw) * lanes_ + lane] * scale[lane];
      }
  };
  const int64_t shifts = whole_lines(groups_ * phases_ * points_ * IC * lanes_);
  const int64_t chunk = packed_at_once(weight.layout, lanes_), chunks = ceil_div(C, chunk);
  const bool straight = !lanes.merged && lanes_ % width == 0;  // whole widths of channels lie together
  const std::vector<MergedLane> merged = lanes.merged ? merged_lanes(geometry, tiling) : std::vector<MergedLane>();
  // A part is a block of output channels, or all where phases are merged, and some input channels.
  const auto pack = [&](int64_t part, float* out, float* scratch) {
    const int64_t oc = part / chunks * lanes_, count = std::min(lanes_, OC - oc);
    const int64_t first = part % chunks * chunk, ics = std::min(chunk, C - first);
    float* panel = scratch + lanes_ * chunk * taps;
    weight.read(table, 0, oc, count, first, ics, panel, lanes_, scratch);
    double g[most_taps * most_lanes] = {};
    float aside[kernels::most_points * most_lanes];
    for (int64_t phase = 0; phase < rows * cols; ++phase) {
      // Where output channel oc + c is: its lane among all, and the block of that.
      const MergedLane first_lane{static_cast<size_t>(phase / cols), static_cast<size_t>(phase % cols), oc};
      const int64_t first_at = lanes.merged ? std::find(merged.begin(), merged.end(), first_lane) - merged.begin() : oc;
      const auto lane_of = [&](int64_t c) { return first_at + c * (lanes.merged ? cols : 1); };
      const auto to = [&](int64_t at, int64_t point, int64_t ic) {
        return out + place(at / lanes_, lanes.merged ? 0 : phase, point, ic) + at % lanes_;
      };
      const int64_t point_pitch = lean_ ? lanes_ : IC * lanes_;
      for (int64_t i = 0; i < ics * residues; ++i) {
        const int64_t residue = i / ics, ic = residue * C + first + i % ics;
        gather(phase, residue, panel + i % ics * taps * lanes_, weight.scale.data() + oc, count, g);
        float* u = straight ? to(oc, 0, ic) : aside;
        const int64_t pitch = straight ? point_pitch : most_lanes;
        with_scheme(scheme, [&](auto s) {
          using W = decltype(s);
          if constexpr (kernels::is_lean<W>)
            if (lean_) return scale_taps<W>(g, u, pitch, count);
          transform<W>(g, u, pitch, count);
        });
        for (int64_t at = 0; !straight && at < points_ * count; ++at) {
          const int64_t point = at / count, c = at % count;
          *to(lane_of(c), point, ic) = u[point * pitch + c];
        }
      }
      for (int64_t c = 0; first == 0 && c < count; ++c)
        out[shifts + lane_of(c)] = weight.shift[static_cast<size_t>(oc + c)];
    }
  };
  packed_ = packer({static_cast<size_t>(shifts + groups_ * lanes_), static_cast<size_t>(2 * lanes_ * chunk * taps),
                    (lanes.merged ? 1 : groups_) * chunks, pack});
  shift_start_ = packed_.span.data() + shifts;
}

std::string winograd_key(const Tiling& tiling, const ConvGeometry& geometry) {
  return name_of(tiling) + '/' + axis_key(geometry.rows, tiling) + '/' + axis_key(geometry.cols, tiling);
}

}  // namespace upconv::internal
