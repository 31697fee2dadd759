#include "layers/convolution/rows/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "layers/arithmetic.h"
#include "layers/convolution/winograd/plan.h"

namespace upconv::internal {
namespace {

/// The kernel's columns of taps transformed for one input channel, w[row phase][point][column of the kernel][lane], in
/// double and rounded once: panel[tap][lane] are its weights, `windows` the rows of the kernel in each phase's window.
struct ColumnTransform {
  kernels::Scheme scheme;
  const std::vector<std::vector<int64_t>>& windows;
  int64_t KW, lanes;

  void operator()(const float* panel, const double* scale, float* w) const {
    for (const std::vector<int64_t>& rows : windows)
      kernels::with_scheme(scheme, [&](auto s) {
        using W = decltype(s);
        for (int point = 0; point < W::n; ++point)
          for (int64_t kw = 0; kw < KW; ++kw)
            for (int64_t lane = 0; lane < lanes; ++lane) {
              double sum = 0;
              for (int t = 0; t < W::T; ++t)
                if (const int64_t kh = rows[static_cast<size_t>(t)]; kh >= 0 && W::G[point][t] != 0)
                  sum += W::G[point][t] * (panel[(kh * KW + kw) * lanes + lane] * scale[lane]);
              *w++ = static_cast<float>(sum);
            }
      });
  }
};

}  // namespace

// The shifts follow the weights, and then a float that is not zero where any weight is infinite or NaN.
PackedRows::PackedRows(const kernels::Table& table, const WeightView& weight, const Packer& packer,
                       const ConvGeometry& geometry, const std::optional<kernels::Scheme>& scheme) {
  const int64_t OC = weight.layout.OC, IC = weight.layout.IC, KW = geometry.KW, lanes = row_outputs(geometry);
  const int64_t taps = weight.layout.taps * lanes;  // floats of a channel as it comes
  std::vector<std::vector<int64_t>> windows;
  if (scheme) windows = window_taps(geometry.rows, *tiled_axis(geometry.rows, {*scheme}), sizes_of(*scheme).T);
  const int64_t n = scheme ? sizes_of(*scheme).n : 0;
  channel_ = scheme ? static_cast<int64_t>(windows.size()) * n * KW * lanes : taps;
  blocks_ = ceil_div(OC, lanes);
  block_ = whole_lines(IC * channel_);
  shift_at_ = blocks_ * block_;
  const int64_t infinite = shift_at_ + OC, chunk = packed_at_once(weight.layout, lanes), chunks = ceil_div(IC, chunk);
  const auto pack = [&](int64_t part, float* out, float* scratch) {
    const int64_t block = part / chunks, first = part % chunks * chunk, count = std::min(chunk, IC - first);
    const int64_t oc = block * lanes, outputs = std::min(lanes, OC - oc);
    float *panel = scratch + chunk * taps, *to = out + block * block_ + first * channel_;
    weight.read(table, {.group = 0, .oc = oc, .ocs = outputs, .ic = first, .ics = count}, panel, lanes, scratch);
    const double* scale = weight.scale.data() + oc;
    bool finite = true;
    for (int64_t c = 0; c < count; ++c, panel += taps, to += channel_) {
      if (scheme) {
        ColumnTransform{*scheme, windows, KW, lanes}(panel, scale, to);
        finite &= std::all_of(to, to + channel_, [](float w) { return std::isfinite(w); });
      } else {
        for (int64_t tap = 0; tap < taps; tap += lanes)  // zeros beyond the last block's outputs
          finite &= scaled(panel + tap, scale, outputs, to + tap);
      }
    }
    if (!finite) mark(out[infinite]);
    if (part == 0) std::copy_n(weight.shift.begin(), OC, out + shift_at_);
  };
  packed_ = packer({.floats = static_cast<size_t>(infinite) + 1,
                    .scratch = static_cast<size_t>(2 * chunk * taps),
                    .parts = blocks_ * chunks,
                    .pack = pack});
  finite_ = packed_.span[static_cast<size_t>(infinite)] == 0;
}

std::string rows_key(const ConvGeometry& geometry, const std::optional<kernels::Scheme>& scheme) {
  return scheme ? "rows/" + axis_key(geometry.rows, {*scheme}) : fmt::format("rows/{}", row_outputs(geometry));
}

bool alternate(const std::vector<Phase>& phases) { return phases.size() == 2 && phases[0].out_step == 2; }

int64_t row_outputs(const ConvGeometry& geometry) {
  if (geometry.out.C <= kernels::few_row_outputs) return geometry.out.C;
  return alternate(geometry.cols) ? kernels::most_row_outputs / 2 : kernels::most_row_outputs;
}

RowStrips row_strips(const ConvGeometry& geometry, const kernels::Table& table) {
  const int64_t outputs = row_outputs(geometry);
  const int phases = alternate(geometry.cols) ? 2 : 1;
  const int most = kernels::row_vectors(table.pixels, phases * static_cast<int>(outputs));
  RowStrips strips{0, 1};
  for (const Phase& col : geometry.cols) {
    const int64_t vectors = ceil_div(col.count, table.width);
    const int rows = kernels::rows_at_a_time(most, vectors);
    strips.rows = std::max<int64_t>(strips.rows, rows);
    strips.count += static_cast<double>(ceil_div(vectors, most)) / (rows * phases);
  }
  strips.count *= static_cast<double>(ceil_div(geometry.out.C, outputs));
  return strips;
}

}  // namespace upconv::internal
