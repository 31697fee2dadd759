#include "layers/steps/remap.h"

#include <cstring>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

/// Outputs begin <= w < end that are one run of inputs from `from` on, or all the input `from`, or all -1.
struct Run {
  int64_t begin, end, from;
  bool same;
};

std::vector<Run> runs_of(const std::vector<int64_t>& map) {
  std::vector<Run> runs;
  for (size_t i = 0; i < map.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    if (!runs.empty()) {
      Run& run = runs.back();
      const bool one = run.end - run.begin == 1;
      const bool same = map[i] == run.from, next = run.from >= 0 && map[i] == run.from + (at - run.begin);
      if ((same && (one || run.same)) || (next && (one || !run.same))) {
        run.same = same;
        run.end = at + 1;
        continue;
      }
    }
    runs.push_back({at, at + 1, map[i], true});
  }
  return runs;
}

/// A plane of pixels of `channels` floats: a picture channels-last, one channel of it otherwise. A tile is a run of
/// rows.
class RemapStep : public Step {
 public:
  RemapStep(int64_t planes, int64_t channels, int64_t H, int64_t W, std::vector<int64_t> rows, std::vector<Run> runs,
            float fill)
      : planes_(planes),
        channels_(channels),
        in_row_(W * channels),
        in_plane_(H * W * channels),
        out_row_((runs.empty() ? 0 : runs.back().end) * channels),
        rows_(std::move(rows)),
        runs_(std::move(runs)),
        fill_(fill) {
    height_ = std::max<int64_t>(1, (32 << 10) / std::max<int64_t>(1, out_row_));
  }

  int64_t tiles() const override { return out_row_ == 0 ? 0 : planes_ * strips(); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t plane = tile / strips(), H = static_cast<int64_t>(rows_.size());
    const int64_t first = tile % strips() * height_, last = std::min(first + height_, H);
    const float* x = static_cast<const float*>(frame.inputs[0]) + plane * in_plane_;
    float* y = static_cast<float*>(frame.output) + (plane * H + first) * out_row_;
    for (int64_t h = first; h < last; ++h, y += out_row_) {
      const int64_t from = rows_[static_cast<size_t>(h)];
      if (from < 0)
        std::fill_n(y, out_row_, fill_);
      else if (h > first && rows_[static_cast<size_t>(h - 1)] == from)
        std::copy_n(y - out_row_, out_row_, y);
      else
        row(x + from * in_row_, y);
    }
  }
  std::string algorithm() const override { return "remap"; }

 private:
  int64_t strips() const { return ceil_div(static_cast<int64_t>(rows_.size()), height_); }

  void row(const float* x, float* y) const {
    for (const Run& run : runs_) {
      float* to = y + run.begin * channels_;
      const int64_t count = (run.end - run.begin) * channels_;
      const float* from = x + run.from * channels_;
      if (run.from < 0)
        std::fill_n(to, count, fill_);
      else if (!run.same)
        std::copy_n(from, count, to);
      else
        for (int64_t i = 0; i < count; i += channels_) pixel(from, to + i);
    }
  }
  void pixel(const float* x, float* y) const {
    if (channels_ == 1)
      *y = *x;
    else
      std::memcpy(y, x, static_cast<size_t>(channels_) * sizeof(float));
  }

  int64_t planes_, channels_, in_row_, in_plane_, out_row_;
  std::vector<int64_t> rows_;
  std::vector<Run> runs_;
  float fill_;
  int64_t height_;  // rows of a tile
};

}  // namespace

std::unique_ptr<Step> remap_step(const ImageShape& in, std::vector<int64_t> rows, std::vector<int64_t> cols, float fill,
                                 Layout layout) {
  const bool last = layout == Layout::channels_last;
  return std::make_unique<RemapStep>(last ? in.N : in.N * in.C, last ? in.C : 1, in.H, in.W, std::move(rows),
                                     runs_of(cols), fill);
}

}  // namespace upconv::internal
