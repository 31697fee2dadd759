#include "layers/convolution/direct/regions.h"

#include <algorithm>

namespace upconv::internal {
namespace {

/// The taps of a region whose rows and columns read these, and where their inputs lie.
void add_taps(Region& region, std::span<const AxisTap> rows, std::span<const AxisTap> cols, const Phase& col,
              const ConvGeometry& geometry, const std::optional<Window>& window, int64_t gathered) {
  for (const AxisTap& kh : rows)
    for (const AxisTap& kw : cols) {
      const int64_t at = window ? kh.shift * window->row + window->line(col.in_first + kw.shift) * kernels::panel_lanes
                                : static_cast<int64_t>(region.taps.size()) * gathered;
      region.taps.push_back({at, kh.k * geometry.KW + kw.k});
      region.offsets.push_back({kh.shift, kw.shift});
    }
}

int64_t work_of(const Region& region) {
  return region.rows.count() * region.cols.count() * static_cast<int64_t>(region.taps.size());
}

int64_t first_tap(const Phase& row, const Phase& col, int64_t KW) {
  return row.taps.empty() || col.taps.empty() ? 0 : row.taps.front().k * KW + col.taps.front().k;
}

}  // namespace

std::vector<Segment> gathered_segments(const Phase& col, double lines, const kernels::Table& table,
                                       const MachineCosts& machine) {
  int64_t apart = 0, shortest = col.count;
  for (const Segment& segment : col.segments) {
    apart += (segment.end - segment.begin) * static_cast<int64_t>(segment.taps.size());
    shortest = std::min(shortest, segment.end - segment.begin);
  }
  const int64_t together = col.count * static_cast<int64_t>(col.taps.size());
  const bool few = static_cast<double>(shortest) * lines < 2 * table.pixels;
  if (together * 4 > apart * 5 || !few || machine.vector_cycles > 1) return col.segments;
  return {{0, col.count, col.taps}};
}

std::vector<PhasePair> phase_pairs(const ConvGeometry& geometry, const std::optional<Window>& window, bool finite,
                                   int64_t gathered, const kernels::Table& table) {
  const auto lines = static_cast<double>(geometry.in.N * geometry.rows.front().count);
  const auto segments_of = [&](const Phase& col) -> std::vector<Segment> {
    if (window) return {{0, col.count, col.taps}};
    return finite ? gathered_segments(col, lines, table, machine_costs(table.isa)) : col.segments;
  };
  std::vector<std::vector<Segment>> cols;
  for (const Phase& col : geometry.cols) cols.push_back(segments_of(col));
  std::vector<PhasePair> pairs;
  for (const Phase& row : geometry.rows)
    for (size_t i = 0; i < geometry.cols.size(); ++i) {
      const Phase& col = geometry.cols[i];
      PhasePair pair{&row, &col, {}, first_tap(row, col, geometry.KW)};
      for (const Segment& r : row.segments)
        for (const Segment& c : cols[i]) {
          pair.regions.push_back({{r.begin, r.end}, {c.begin, c.end}, {}, {}});
          add_taps(pair.regions.back(), r.taps, c.taps, col, geometry, window, gathered);
        }
      // It waits least for weights from memory; the others find them in L2.
      std::stable_sort(pair.regions.begin(), pair.regions.end(),
                       [](const Region& a, const Region& b) { return work_of(a) > work_of(b); });
      pairs.push_back(std::move(pair));
    }
  return pairs;
}

}  // namespace upconv::internal
