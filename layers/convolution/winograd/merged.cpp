#include "layers/convolution/winograd/merged.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace upconv::internal {
namespace {

/// `count` times `lanes` neighbouring floats.
void copy(const float* from, int64_t from_step, float* to, int64_t to_step, int64_t count, int64_t lanes) {
  const auto each = [&](auto floats) {
    for (int64_t p = 0; p < count; ++p) std::memcpy(to + p * to_step, from + p * from_step, floats * sizeof(float));
  };
  if (lanes == 1)
    each(std::integral_constant<size_t, 1>());
  else if (lanes == 2)
    each(std::integral_constant<size_t, 2>());
  else
    each(static_cast<size_t>(lanes));
}

}  // namespace

MergedOutputs::MergedOutputs(const ConvGeometry& geometry, const Tiling& tiling, int64_t block, Layout layout)
    : geometry_(geometry),
      m_(sizes_of(tiling.scheme).m),
      block_(block),
      pixel_(layout == Layout::contiguous ? 1 : geometry.out.C),
      rows_(*tiled_axis(geometry.rows, tiling)),
      cols_(*tiled_axis(geometry.cols, tiling)) {
  const int64_t channel = pixel_ == 1 ? geometry.out.H * geometry.out.W : 1;
  for (const MergedLane& of : merged_lanes(geometry, tiling))
    lanes_.push_back({of.row, of.oc * channel, cols_.phases[of.col].index, geometry.cols[of.col].count,
                      first_output(cols_, geometry.cols, of.col), 1});
  if (pixel_ > 1) return;
  for (size_t lane = lanes_.size() - 1; lane-- > 0;) {
    Lane& one = lanes_[lane];
    const Lane& next = lanes_[lane + 1];
    if (static_cast<int64_t>(lane + 1) % block_ != 0 && next.row == one.row && next.place == one.place &&
        next.first_output == one.first_output + 1)
      one.together = next.together + 1;
  }
}

Range MergedOutputs::positions(int64_t index, int64_t count, int64_t most) {
  const int64_t begin = std::clamp<int64_t>(-index, 0, most);
  return {begin, std::clamp<int64_t>(count - index, begin, most)};
}

template <class F>
void MergedOutputs::each_run(const TileRow& tiles, F f) const {
  const int64_t width = tiles.cols.count() * m_;
  const int64_t first = tiles.group * block_, end = std::min(first + block_, static_cast<int64_t>(lanes_.size()));
  const auto cols_of = [&](const Lane& lane) {
    return positions(lane.index + tiles.cols.begin * m_, lane.count, width);
  };
  for (int64_t number = first; number < end; number += lanes_[static_cast<size_t>(number)].together) {
    const Lane* lane = &lanes_[static_cast<size_t>(number)];
    const Phase& row_phase = geometry_.rows[lane->row];
    const int64_t index = rows_.phases[lane->row].index + tiles.row * m_;
    const Range rows = positions(index, row_phase.count, m_);
    Range all = cols_of(*lane);
    for (int64_t i = 1; i < lane->together; ++i) {
      const Range cols = cols_of(lane[i]);
      all = {std::max(all.begin, cols.begin), std::min(all.end, cols.end)};
    }
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      const int64_t row = row_phase.out_first + row_phase.out_step * (index + r);
      const auto run = [&](int64_t i, int64_t lanes, int64_t begin, int64_t last) {
        if (begin >= last) return;
        const int64_t w = lane[i].first_output + cols_.out_step * (tiles.cols.begin * m_ + begin);
        f(Run{lane->place + (row * geometry_.out.W + w) * pixel_, (r * width + begin) * block_ + number - first + i,
              last - begin, lanes});
      };
      run(0, lane->together, all.begin, all.end);
      for (int64_t i = 0; lane->together > 1 && i < lane->together; ++i) {  // where not all of them exist
        const Range cols = cols_of(lane[i]);
        run(i, 1, cols.begin, std::min(cols.end, all.begin));
        run(i, 1, std::max(cols.begin, all.end), cols.end);
      }
    }
  }
}

void MergedOutputs::put(const TileRow& tiles, const float* outputs, float* image) const {
  each_run(tiles, [&](const Run& run) {
    copy(outputs + run.outputs, block_, image + run.image, cols_.out_step * pixel_, run.count, run.lanes);
  });
}

void MergedOutputs::get(const TileRow& tiles, const float* image, float* outputs) const {
  each_run(tiles, [&](const Run& run) {
    copy(image + run.image, cols_.out_step * pixel_, outputs + run.outputs, block_, run.count, run.lanes);
  });
}

}  // namespace upconv::internal
