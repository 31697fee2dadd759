#include "layers/convolution/along/weights.h"

#include <algorithm>
#include <cmath>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

constexpr int64_t most_lanes = 32;  // of a block

/// What is packed of some input channels of a block: panel[(ic * rows * KW + kh * KW + kw) * pitch + lane] are its
/// weights.
struct AlongPart {
  const float* panel;
  const double* scale;   ///< of its lanes
  int64_t pitch, lanes;  ///< up to most_lanes
  int64_t rows, KW;
  int64_t first, count, IC;  ///< of the input channels
};

/// G g, in double and rounded once, to w[point][row of the kernel][chunk][ic][lane] of `row` lanes, points so many
/// floats apart; whether all are finite.
bool transform(const AlongPlan& plan, const AlongPart& of, float* w, int64_t row, int64_t apart) {
  bool finite = true;
  const auto [m, T, n] = plan.size;
  const double* G = kernels::with_scheme(plan.scheme, [](auto s) { return &decltype(s)::G[0][0]; });
  for (int64_t point = 0; point < n; ++point, G += T)
    for (int64_t kh = 0; kh < of.rows; ++kh)
      for (int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
        float* to = w + point * apart + ((kh * plan.chunks + chunk) * of.IC + of.first) * row;
        const int64_t* taps = plan.taps.data() + chunk * T;
        for (int64_t ic = 0; ic < of.count; ++ic, to += row) {
          double sums[most_lanes] = {};
          for (int64_t t = 0; t < T; ++t) {
            if (taps[t] < 0) continue;
            const float* g = of.panel + ((ic * of.rows + kh) * of.KW + taps[t]) * of.pitch;
            for (int64_t lane = 0; lane < of.lanes; ++lane) sums[lane] += G[t] * (g[lane] * of.scale[lane]);
          }
          for (int64_t lane = 0; lane < of.lanes; ++lane) {
            to[lane] = static_cast<float>(sums[lane]);
            finite &= std::isfinite(to[lane]);
          }
        }
      }
  return finite;
}

}  // namespace

// The shifts of all blocks follow the weights of all, then a block of zeros, then a float that is not zero where any
// weight is infinite or NaN.
PackedAlong::PackedAlong(const kernels::Table& table, const WeightView& weight, const Packer& packer,
                         const AlongPlan& plan, int64_t KW)
    : width_(table.width), full_(2 * table.width), IC_(weight.layout.IC) {
  const WeightLayout& layout = weight.layout;
  const int64_t rows = layout.taps / KW;
  taps_ = rows * plan.chunks;
  int64_t size = 0;
  for (int64_t oc = 0; oc < layout.OC; oc += full_) {
    const auto lanes = static_cast<int32_t>(std::min(full_, layout.OC - oc));
    const int32_t vectors = lanes > width_ ? 2 : 1;
    blocks_.push_back({size, oc, vectors, lanes});
    size += plan.size.n * floats_of_point(vectors);
  }
  shifts_ = size;
  zeros_ = shifts_ + whole_lines(blocks() * full_);
  const int64_t infinite = zeros_ + full_, chunk = packed_at_once(layout, full_), parts = ceil_div(IC_, chunk);
  const auto pack = [&](int64_t part, float* out, float* scratch) {
    const Lanes& block = at(part / parts);
    const int64_t first = part % parts * chunk, count = std::min(chunk, IC_ - first);
    float* panel = scratch + full_ * chunk * layout.taps;
    weight.read(table, {.group = 0, .oc = block.oc, .ocs = block.lanes, .ic = first, .ics = count}, panel, full_,
                scratch);
    const AlongPart of{.panel = panel,
                       .scale = weight.scale.data() + block.oc,
                       .pitch = full_,
                       .lanes = block.lanes,
                       .rows = rows,
                       .KW = KW,
                       .first = first,
                       .count = count,
                       .IC = IC_};
    if (!transform(plan, of, out + block.start, int64_t{block.vectors} * width_, floats_of_point(block.vectors)))
      mark(out[infinite]);
    if (first == 0) std::copy_n(weight.shift.begin() + block.oc, block.lanes, out + shifts_ + part / parts * full_);
  };
  packed_ = packer({.floats = static_cast<size_t>(infinite) + 1,
                    .scratch = static_cast<size_t>(2 * full_ * chunk * layout.taps),
                    .parts = blocks() * parts,
                    .pack = pack});
  finite_ = packed_.span[static_cast<size_t>(infinite)] == 0;
}

/// Each point begins at a cache line, as kernels ask.
int64_t PackedAlong::floats_of_point(int32_t vectors) const { return whole_lines(taps_ * IC_ * vectors * width_); }

kernels::Block PackedAlong::point(int64_t block, int64_t point) const {
  const Lanes& of = at(block);
  const float* packed = packed_.span.data();
  return {.w = packed + of.start + point * floats_of_point(of.vectors),
          .shift = packed + zeros_,
          .ic = 0,
          .oc = 0,
          .vectors = of.vectors,
          .lanes = of.vectors * width_};
}

}  // namespace upconv::internal
