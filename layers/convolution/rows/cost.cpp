#include "layers/convolution/rows/cost.h"

#include <algorithm>

#include "layers/arithmetic.h"
#include "layers/convolution/rows/weights.h"
#include "layers/convolution/winograd/plan.h"

namespace upconv::internal {
namespace {

double floats_of(const ImageShape& shape) { return static_cast<double>(shape.C * shape.H * shape.W); }

bool is_few(const ConvGeometry& geometry) { return geometry.out.C <= kernels::few_row_outputs; }

/// Products of a row with a row of the kernel; rows of outputs or of a transform's points that they go to; and cycles
/// around them, for a float into the window or a vector of n rows through a transform either way, and for a float into
/// its place.
struct Work {
  double products, rows, around;
};

Work direct_work(const ConvQuery& query) {
  const ConvGeometry& geometry = query.geometry;
  Work work{0, 0, query.machine.rows_out * floats_of(geometry.out)};
  for (const Phase& row : geometry.rows) {
    work.rows += static_cast<double>(row.count);
    for (const Segment& segment : row.segments)
      work.products += static_cast<double>(segment.end - segment.begin) * static_cast<double>(segment.taps.size());
  }
  work.around += query.machine.rows_in * floats_of(geometry.in);
  if (!is_few(geometry)) work.around /= query.machine.rows_hidden;
  if (geometry.cols.front().in_step > 1) work.around += query.machine.rows_apart * floats_of(geometry.in);
  return work;
}

std::optional<Work> winograd_work(const ConvQuery& query, kernels::Scheme scheme) {
  const ConvGeometry& geometry = query.geometry;
  if (!is_few(geometry) || !query.table.rows_output[static_cast<int>(scheme)]) return {};
  const auto axis = tiled_axis(geometry.rows, {scheme});
  if (!axis || axis->in_step > 1 || geometry.cols.front().in_step > 1) return {};
  const SchemeSize size = sizes_of(scheme);
  int64_t longest = 0;
  for (const Phase& row : geometry.rows) longest = std::max(longest, static_cast<int64_t>(row.taps.size()));
  if (geometry.in.C < 16 || longest < size.T) return {};
  Work work{0, 0, query.machine.rows_out * floats_of(geometry.out)};
  for (const auto& taps : window_taps(geometry.rows, *axis, size.T))
    for (int64_t point = 0; point < size.n; ++point)
      if (!zero_point(scheme, taps, point)) work.products += static_cast<double>(axis->tiles);
  work.rows = work.products;
  const auto phases = static_cast<int64_t>(geometry.rows.size());
  const int64_t floats =
      axis->tiles * size.n * (geometry.in.C * geometry.in.W + phases * geometry.out.C * geometry.out.W);
  const double transform = size.n > 4 ? query.machine.rows_transform : query.machine.rows_transform_small;
  work.around += transform * static_cast<double>(floats) / query.table.width;
  return work;
}

/// What becomes of two multiply-adds a cycle.
double instructions_of(const ConvQuery& query) {
  if (is_few(query.geometry)) return query.machine.rows_few;
  return alternate(query.geometry.cols) ? query.machine.rows_two_phases : query.machine.rows_one_phase;
}

}  // namespace

std::optional<double> rows_cost(const ConvQuery& query, const std::optional<kernels::Scheme>& scheme) {
  const ConvGeometry& geometry = query.geometry;
  const ImageShape &in = geometry.in, &out = geometry.out;
  // A long row of many channels is work for several threads, and here one tile: strips of the direct kernel share it.
  if (in.H == 1 && out.H == 1 && !is_few(geometry) && in.W > wide_row * 4) return {};
  if (geometry.groups != 1 || !geometry.has_rows_of(is_few(geometry) && !scheme ? vector_row : wide_row)) return {};
  const std::optional<Work> work = scheme ? winograd_work(query, *scheme) : direct_work(query);
  if (!work) return {};
  double around = work->around;
  if (planar(Layout::contiguous, in) && query.input == Layout::channels_last)
    around += query.machine.rows_transposed * floats_of(in);
  const bool apart = geometry.cols.front().out_step > 1 && !alternate(geometry.cols);
  if (apart || (planar(Layout::contiguous, out) && query.output == Layout::channels_last))
    around += query.machine.rows_scattered * floats_of(out);
  double vectors = 0;  // of pixels, each for every tap of a row of the kernel
  for (const Phase& col : geometry.cols)
    vectors += static_cast<double>(ceil_div(col.count, query.table.width)) * static_cast<double>(col.taps.size());
  return query.machine.vector_cycles * work->products * vectors * static_cast<double>(in.C * out.C) / 2 *
             instructions_of(query) +
         query.machine.rows_strip * work->rows * row_strips(geometry, query.table).count + around;
}

}  // namespace upconv::internal
