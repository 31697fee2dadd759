#include "layers/winograd_weights.h"

#include "layers/blocking.h"

namespace upconv {

PackedWinograd::PackedWinograd(const kernels::Table& table, const Tiling& tiling, const ConvGeometry& geometry,
                               const WeightView& weight, const std::vector<float>& shift) {
  const kernels::Scheme scheme = tiling.scheme;
  const Lanes lanes = lanes_of(geometry, table, tiling);
  const int64_t n = sizes_of(scheme).n, T = sizes_of(scheme).T, IC = weight.IC, OC = weight.OC;
  const auto rows = static_cast<int64_t>(geometry.rows.size()), cols = static_cast<int64_t>(geometry.cols.size());
  groups_ = lanes.merged ? lanes.blocks : ceil_div(OC, lanes.block);
  phases_ = lanes.merged ? 1 : rows * cols;
  points_ = n * n;
  lanes_ = lanes.block;
  weights_.assign(static_cast<size_t>(groups_ * phases_ * points_ * IC * lanes_) + line_floats, 0.0f);
  shift_.assign(static_cast<size_t>(groups_ * lanes_) + line_floats, 0.0f);
  float *w = aligned(weights_), *s = aligned(shift_);
  shift_start_ = s;
  weights_start_ = w;
  channels_ = IC;

  const Axis row_axis = *axis_of(geometry.rows, tiling), col_axis = *axis_of(geometry.cols, tiling);
  const auto row_taps = window_taps(geometry.rows, row_axis, T), col_taps = window_taps(geometry.cols, col_axis, T);
  for (int64_t phase = 0; phase < phases_; ++phase)
    for (int64_t point = 0; point < points_; ++point)
      zero_.push_back(!lanes.merged && (zero_point(scheme, row_taps[static_cast<size_t>(phase / cols)], point / n) ||
                                        zero_point(scheme, col_taps[static_cast<size_t>(phase % cols)], point % n)));
  std::vector<double> g(static_cast<size_t>(T * T));
  for (int64_t phase = 0; phase < rows * cols; ++phase)
    for (int64_t oc = 0; oc < OC; ++oc) {
      const int64_t lane = lanes.merged ? phase * OC + oc : oc;
      float* block = w + (lane / lanes_ * phases_ + (lanes.merged ? 0 : phase)) * points_ * IC * lanes_ + lane % lanes_;
      s[lane] = shift[static_cast<size_t>(oc)];
      for (int64_t ic = 0; ic < IC; ++ic) {
        const float* from = weight.data + oc * weight.oc_stride + ic * weight.ic_stride;
        for (int64_t i = 0; i < T; ++i)
          for (int64_t j = 0; j < T; ++j) {
            const int64_t kh = row_taps[static_cast<size_t>(phase / cols)][static_cast<size_t>(i)];
            const int64_t kw = col_taps[static_cast<size_t>(phase % cols)][static_cast<size_t>(j)];
            g[static_cast<size_t>(i * T + j)] =
                kh < 0 || kw < 0 ? 0.0 : from[kh * geometry.KW + kw] * weight.scale[static_cast<size_t>(oc)];
          }
        with_scheme(scheme, [&](auto s) {
          using W = decltype(s);
          double half[W::n][W::T];
          for (int i = 0; i < W::n; ++i)
            for (int j = 0; j < W::T; ++j) {
              half[i][j] = 0;
              for (int t = 0; t < W::T; ++t) half[i][j] += W::G[i][t] * g[static_cast<size_t>(t * W::T + j)];
            }
          for (int i = 0; i < W::n; ++i)
            for (int j = 0; j < W::n; ++j) {
              double sum = 0;
              for (int t = 0; t < W::T; ++t) sum += half[i][t] * W::G[j][t];
              block[(i * W::n + j) * IC * lanes_ + ic * lanes_] = static_cast<float>(sum);
            }
        });
      }
    }
}

std::string winograd_key(const Tiling& tiling, const ConvGeometry& geometry) {
  std::string key = "winograd/" + std::to_string(static_cast<int>(tiling.scheme)) + (tiling.by_phase ? "p" : "");
  for (const auto* phases : {&geometry.rows, &geometry.cols})
    for (const auto& taps : window_taps(*phases, *axis_of(*phases, tiling), sizes_of(tiling.scheme).T)) {
      key += '/';
      for (int64_t k : taps) key += std::to_string(k) + ',';
    }
  return key;
}

}  // namespace upconv
