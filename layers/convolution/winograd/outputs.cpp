#include "layers/convolution/winograd/outputs.h"

#include <algorithm>

#include "layers/arithmetic.h"

namespace upconv::internal {

WinogradTarget WinogradOutputs::in_place(const Frame& frame) const {
  const ImageShape& out = of_.geometry.out;
  return {.memory = frame.output,
          .first = 0,
          .image = out.H * out.W * out.C,
          .row = out.W * out.C,
          .pixel = out.C,
          .row_step = 1,
          .channels = {0, out.C},
          .residual = of_.context.residual_of(frame, frame.output)};
}

WinogradTarget WinogradOutputs::aside(const WinogradWork& work, Range groups, float* memory) const {
  const Range rows = output_rows(work), cols = output_cols(work);
  const int64_t step = is_by_phase(of_.tiling.windows) ? of_.rows.out_step : 1, block = of_.lanes.block;
  const int64_t oc = groups.begin * block, pixel = groups.count() * block;
  const int64_t row = cols.count() * pixel, image = ceil_div(rows.count(), step) * row;
  return {.memory = memory,
          .first = -(work.images.begin * image + rows.begin / step * row + cols.begin * pixel + oc),
          .image = image,
          .row = row,
          .pixel = pixel,
          .row_step = step,
          .channels = {oc, std::min(of_.geometry.out.C, groups.end * block)},
          .residual = {}};
}

int64_t WinogradOutputs::aside_floats(const WinogradWork& work) const {
  if (of_.lanes.merged) return merged_floats(work);
  if (!of_.aside) return 0;
  const bool by_phase = is_by_phase(of_.tiling.windows);
  const int64_t rows = ceil_div(output_rows(work).count(), by_phase ? of_.rows.out_step : 1);
  return work.images.count() * rows * output_cols(work).count() * (by_phase ? work.groups.count() : 1) *
         of_.lanes.block;
}

Range WinogradOutputs::outputs_of(const TiledAxis& axis, Range tiles, int64_t size) const {
  const int64_t step = of_.size.m * axis.out_step;
  return {std::clamp<int64_t>(axis.out_first + tiles.begin * step, 0, size),
          std::clamp<int64_t>(axis.out_first + tiles.end * step, 0, size)};
}

WinogradOutputs::Positions WinogradOutputs::positions_of(const TiledAxis& axis, const Phase& phase, size_t number,
                                                         int64_t tile) const {
  const int64_t index = axis.phases[number].index + tile * of_.size.m;
  return {index, static_cast<int32_t>(std::clamp<int64_t>(-index, 0, of_.size.m)),
          static_cast<int32_t>(std::clamp<int64_t>(phase.count - index, 0, of_.size.m))};
}

void WinogradOutputs::put(const WinogradWork& work, int64_t group, size_t a, size_t b, const float* m,
                          const float* shift, const WinogradTarget& to) const {
  const Phase &row_phase = of_.geometry.rows[a], &col_phase = of_.geometry.cols[b];
  const int64_t oc = group * of_.lanes.block;
  kernels::WinogradOutput output{.m = m,
                                 .point = work.tiles() * of_.lanes.block,
                                 .y = nullptr,
                                 .row = row_phase.out_step / to.row_step * to.row,
                                 .column = col_phase.out_step * to.pixel,
                                 .row_begin = 0,
                                 .row_end = 0,
                                 .col_begin = 0,
                                 .col_end = 0,
                                 .shift = shift,
                                 .lanes = static_cast<int32_t>(std::min(of_.lanes.block, of_.geometry.out.C - oc)),
                                 .activation = of_.context.activation,
                                 .residual = to.residual,
                                 .rounded = of_.context.rounded()};
  for (int64_t image = work.images.begin; image < work.images.end; ++image)
    for (int64_t row = work.rows.begin; row < work.rows.end; ++row) {
      const Positions r = positions_of(of_.rows, row_phase, a, row);
      const int64_t h = row_phase.out_first + row_phase.out_step * (r.index + r.begin);
      for (int64_t col = work.cols.begin; col < work.cols.end; ++col, output.m += of_.lanes.block) {
        const Positions c = positions_of(of_.cols, col_phase, b, col);
        if (r.begin >= r.end || c.begin >= c.end) continue;
        output.y = of_.context.output_at(
            to.memory, to.at(image, h, col_phase.out_first + col_phase.out_step * (c.index + c.begin), oc));
        output.row_begin = r.begin;
        output.row_end = r.end;
        output.col_begin = c.begin;
        output.col_end = c.end;
        of_.table.winograd_output[static_cast<int>(of_.tiling.scheme)](output);
      }
    }
}

void WinogradOutputs::put_back(const WinogradWork& work, size_t a, const WinogradTarget& from,
                               const Frame& frame) const {
  const ImageShape& out = of_.geometry.out;
  const Phase& phase = of_.geometry.rows[a];
  const Range rows = output_rows(work), cols = output_cols(work), channels = from.channels;
  if (cols.count() == 0) return;
  auto* y = static_cast<float*>(frame.output);
  const int64_t first =
      rows.begin + ((phase.out_first - rows.begin) % phase.out_step + phase.out_step) % phase.out_step;
  for (int64_t image = work.images.begin; image < work.images.end; ++image)
    for (int64_t h = first; h < rows.end; h += phase.out_step)
      of_.table.transpose(static_cast<float*>(from.memory) + from.at(image, h, cols.begin, channels.begin), from.pixel,
                          y + ((image * out.C + channels.begin) * out.H + h) * out.W + cols.begin, out.H * out.W,
                          cols.count(), channels.count());
}

void WinogradOutputs::put_merged(const WinogradWork& work, int64_t group, const float* m, const float* shift,
                                 const Frame& frame, float* aside) const {
  const WinogradTarget target = in_place(frame);
  const int64_t block = of_.lanes.block, cols = work.cols.count(), row = cols * of_.size.m * block;
  kernels::WinogradOutput output{.m = m,
                                 .point = work.tiles() * block,
                                 .y = nullptr,
                                 .row = row,
                                 .column = block,
                                 .row_begin = 0,
                                 .row_end = static_cast<int32_t>(of_.size.m),
                                 .col_begin = 0,
                                 .col_end = static_cast<int32_t>(of_.size.m),
                                 .shift = shift,
                                 .lanes = static_cast<int32_t>(block),
                                 .activation = of_.context.activation};
  float *values = aside, *others = values + of_.size.m * row;
  if (of_.context.residual) output.residual = {others, values};
  for (int64_t image = work.images.begin; image < work.images.end; ++image)
    for (int64_t tiles = work.rows.begin; tiles < work.rows.end; ++tiles) {
      const TileRow row_of{group, tiles, work.cols};
      if (of_.context.residual) merged_->get(row_of, target.residual.values + image * target.image, others);
      for (int64_t col = 0; col < cols; ++col, output.m += block) {
        output.y = values + col * of_.size.m * block;
        of_.table.winograd_output[static_cast<int>(of_.tiling.scheme)](output);
      }
      merged_->put(row_of, values, static_cast<float*>(target.memory) + image * target.image);
    }
}

}  // namespace upconv::internal
