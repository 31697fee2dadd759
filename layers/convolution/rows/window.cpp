#include "layers/convolution/rows/window.h"

#include <algorithm>
#include <map>
#include <set>

#include "layers/arithmetic.h"
#include "layers/convolution/rows/weights.h"

namespace upconv::internal {

RowWindow::RowWindow(const ConvGeometry& geometry, const kernels::Table& table, const ConvContext& context)
    : geometry_(geometry),
      table_(table),
      context_(context),
      cols_(inputs_of(geometry.cols)),
      col_step_(geometry.cols.front().in_step),
      part_(ceil_div(cols_.end - cols_.begin, col_step_)),
      row_(whole_lines(cols())),
      outputs_(row_outputs(geometry)) {
  const std::vector<Phase>& phases = geometry.cols;
  if (alternate(phases)) {
    const bool ordered = phases[0].out_first < phases[1].out_first;
    columns_.push_back({{&phases[ordered ? 0 : 1], &phases[ordered ? 1 : 0]}, 0, 1, geometry.out.W});
  } else {
    for (const Phase& col : phases) columns_.push_back({{&col}, col.out_first, col.out_step, col.count});
  }
  for (const Columns& columns : columns_) widest_ = std::max(widest_, columns.count);

  sources_.assign(static_cast<size_t>(cols()), -1);
  for (int64_t col = cols_.begin; col < cols_.end; ++col)
    sources_[static_cast<size_t>(line(col))] = seen_at(geometry.border, col, geometry.in.W);
  if (col_step_ > 1) return;
  own_begin_ = std::clamp<int64_t>(-cols_.begin, 0, part_);
  own_end_ = std::clamp<int64_t>(geometry.in.W - cols_.begin, own_begin_, part_);
}

RowTaps RowWindow::taps(const Columns& columns, std::span<const RowSource> rows) const {
  std::vector<kernels::RowTap> alone[2];
  RowTaps taps;
  for (const RowSource& row : rows) {
    std::map<int64_t, int64_t> first;  // of one row: what the first phase reads, and by which weights
    std::set<int64_t> both;
    const auto each = [&](size_t f, auto with) {
      for (const AxisTap& tap : columns.phases[f]->taps)
        with(row.x + line(columns.phases[f]->in_first + tap.shift), row.w + tap.k * outputs_);
    };
    if (columns.phases.size() == 2) {
      each(0, [&](int64_t x, int64_t w) { first[x] = w; });
      each(1, [&](int64_t x, int64_t w) {
        const auto same = first.find(x);
        if (same == first.end()) return alone[1].push_back({x, {w, w}});
        taps.taps.push_back({x, {same->second, w}});
        both.insert(x);
      });
    }
    each(0, [&](int64_t x, int64_t w) {
      if (!both.contains(x)) alone[0].push_back({x, {w, w}});
    });
  }
  taps.both = static_cast<int64_t>(taps.taps.size());
  for (size_t f = 0; f < 2; ++f) {
    taps.taps.insert(taps.taps.end(), alone[f].begin(), alone[f].end());
    taps.alone[f] = static_cast<int64_t>(alone[f].size());
  }
  return taps;
}

void RowWindow::pack(int64_t image, int64_t first, int64_t rows, const Frame& frame, float* window,
                     int64_t channel) const {
  const auto [N, all, H, W] = geometry_.in;
  for (size_t i = 0; i < context_.parts.size(); ++i) {
    const int64_t C = context_.parts[i];
    const float* x = static_cast<const float*>(frame.inputs[i]) + image * C * H * W;
    if (col_step_ == 1 && !planar()) transpose_own(x, C, C, first, rows, window, channel);
    for (int64_t c = 0; c < C; ++c, window += channel, x += planar() ? H * W : 1) {
      if (col_step_ > 1) {
        pack_apart(x, planar() ? 1 : C, first, rows, window);
        continue;
      }
      if (planar()) copy_own(x, first, rows, window);
      for (int64_t row = 0; row < rows; ++row) fill_beside(window + row * row_);
    }
  }
}

/// Rows of a channel, columns of one residue side by side.
void RowWindow::pack_apart(const float* x, int64_t pixel, int64_t first, int64_t rows, float* window) const {
  for (int64_t row = 0; row < rows; ++row, window += row_) {
    const int64_t h = seen_at(geometry_.border, first + row, geometry_.in.H);
    for (int64_t i = 0; i < cols(); ++i) {
      const int64_t w = sources_[static_cast<size_t>(i)];
      window[i] = h >= 0 && w >= 0 ? x[(h * geometry_.in.W + w) * pixel] : 0.0f;
    }
  }
}

void RowWindow::copy_own(const float* x, int64_t first, int64_t rows, float* window) const {
  const auto [N, C, H, W] = geometry_.in;
  const auto copy = [&](int64_t row, int64_t h, int64_t count) {  // the channel after the next is asked for
    table_.copy(x + h * W + own_first(), W, window + row * row_ + own_begin_, row_, count, own_count(), 2 * H * W);
  };
  const int64_t begin = std::clamp<int64_t>(-first, 0, rows), end = std::clamp<int64_t>(H - first, begin, rows);
  copy(begin, first + begin, end - begin);
  const auto beyond = [&](int64_t row) {
    const int64_t h = seen_at(geometry_.border, first + row, H);
    if (h >= 0)
      copy(row, h, 1);
    else
      std::fill_n(window + row * row_ + own_begin_, own_count(), 0.0f);
  };
  for (int64_t row = 0; row < begin; ++row) beyond(row);
  for (int64_t row = end; row < rows; ++row) beyond(row);
}

void RowWindow::transpose_own(const float* x, int64_t C, int64_t count, int64_t first, int64_t rows, float* window,
                              int64_t channel) const {
  for (int64_t row = 0; row < rows; ++row) {
    float* to = window + row * row_ + own_begin_;
    const int64_t h = seen_at(geometry_.border, first + row, geometry_.in.H);
    if (h >= 0)
      table_.transpose(x + (h * geometry_.in.W + own_first()) * C, C, to, channel, own_count(), count);
    else
      for (int64_t c = 0; c < count; ++c) std::fill_n(to + c * channel, own_count(), 0.0f);
  }
}

void RowWindow::fill_beside(float* row) const {
  const auto fill = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t w = sources_[static_cast<size_t>(i)];
      row[i] = w >= 0 ? row[w - cols_.begin] : 0.0f;
    }
  };
  fill(0, own_begin_);
  fill(own_end_, cols());
}

bool RowWindow::in_place() const {
  return planar_output() && std::ranges::all_of(columns_, [](const Columns& columns) { return columns.out_step == 1; });
}

RowWindow::Output RowWindow::output(const Columns& columns, int64_t image, int64_t h, int64_t oc, const Frame& frame,
                                    float* aside) const {
  const ImageShape& out = geometry_.out;
  const int64_t channels = std::min(outputs_, out.C - oc);
  const int64_t channel = planar_output() ? out.H * out.W : 1, pixel = planar_output() ? 1 : out.C;
  auto* y = static_cast<float*>(frame.output);
  float* to = y + image * out.H * out.C * out.W + oc * channel + (h * out.W + columns.out_first) * pixel;
  const int64_t step = columns.out_step * pixel;
  Output row{to, channel, context_.residual_of(frame, y), nullptr, channel, step, columns.count, channels};
  if (step == 1) return row;
  row.y = aside;
  row.y_channel = columns.count;
  row.to = to;
  if (!row.residual.values) return row;
  const float* from = residual_at(row.residual, to);
  float* values = aside + outputs_ * widest_;  // as the outputs lie, behind them
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t p = 0; p < columns.count; ++p) values[c * columns.count + p] = from[c * channel + p * step];
  row.residual = {values, aside};
  return row;
}

void RowWindow::put(const Output& output) const {
  if (!output.to) return;
  for (int64_t c = 0; c < output.channels; ++c)
    for (int64_t p = 0; p < output.count; ++p)
      output.to[c * output.channel + p * output.step] = output.y[c * output.y_channel + p];
}

}  // namespace upconv::internal
