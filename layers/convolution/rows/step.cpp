#include "layers/convolution/rows/step.h"

#include <algorithm>

#include "framework/caches.h"
#include "layers/convolution/machine.h"

namespace upconv::internal {
namespace {

// What a tile packs should stay in half of L2, in floats; and a tile should be worth handing out, in multiply-adds,
// with 8 of them for each thread.
int64_t window_budget() { return std::min<int64_t>(l2_bytes(), 1 << 20) / 2 / 4; }
constexpr double least_tile_work = 1 << 22;

}  // namespace

int64_t RowsStep::cut(const RowCut& of) {
  const double tile_work = std::max(least_tile_work, context_.flops / 2 / (8 * context_.threads));
  const auto work = static_cast<int64_t>(tile_work / std::max(1.0, of.products)) + 1;
  const int64_t fit = std::max<int64_t>(1, window_budget() / of.floats - of.halo);
  // Units that lie together share their window, so tiles of fewer than its halo pack everything twice and more.
  const int64_t shared = ceil_div(geometry_.in.N * of.count, 2 * context_.threads);
  const int64_t units = std::min({fit, shared, std::max(work, of.halo)}), groups = ceil_div(of.count, of.at_a_time);
  int64_t parts = ceil_div(groups, std::max<int64_t>(1, units / of.at_a_time));
  if (parts > 1) parts = std::min(groups, ceil_div(parts, context_.threads) * context_.threads);  // none waits long
  for (int64_t image = 0; image < geometry_.in.N; ++image)
    for (int64_t part = 0; part < parts; ++part) {
      const Range of_part = part_of(groups, part, parts);
      tiles_.push_back({image, {of_part.begin * of.at_a_time, std::min(of_part.end * of.at_a_time, of.count)}});
    }
  return std::min(of.count, ceil_div(groups, parts) * of.at_a_time);
}

double RowsStep::row_products() const {
  int64_t taps = 0;
  for (const Phase& col : geometry_.cols) taps += static_cast<int64_t>(col.taps.size()) * col.count;
  return static_cast<double>(taps * geometry_.in.C * geometry_.out.C);
}

kernels::Rows RowsStep::rows_of(const Columns& columns, const RowTaps& taps, int64_t block, const float* x,
                                int64_t channel) const {
  const int64_t outputs = row_outputs(geometry_), oc = block * outputs;
  return {.x = x,
          .channel = channel,
          .x_row = window_.row(),
          .taps = taps.taps.data(),
          .both = taps.both,
          .alone = {taps.alone[0], taps.alone[1]},
          .w = packed_->weights(block),
          .w_channel = packed_->channel(),
          .w_block = packed_->block(),
          .shift = packed_->shift() + oc,
          .y = nullptr,
          .y_channel = 0,
          .y_row = 0,
          .rows = 1,
          .pixels = columns.count,
          .IC = geometry_.in.C,
          .phases = static_cast<int32_t>(columns.phases.size()),
          .OC = static_cast<int32_t>(std::min(outputs, geometry_.out.C - oc)),
          .blocks = 1,
          .far = packed_->blocks() > 1,
          .activation = {}};
}

}  // namespace upconv::internal
