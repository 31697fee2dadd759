#include "layers/convolution/axis.h"

#include <algorithm>
#include <limits>
#include <set>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

/// The first position of `phase` whose tap of that shift reads `input` or beyond.
int64_t first_at(const Phase& phase, int64_t input, int64_t shift) {
  const int64_t distance = input - phase.in_first - shift;
  return distance <= 0 ? 0 : ceil_div(distance, phase.in_step);
}

bool reads(const Phase& phase, const AxisTap& tap, int64_t position, int64_t in) {
  const int64_t at = phase.in_first + phase.in_step * position + tap.shift;
  return at >= 0 && at < in;
}

/// Those of a phase's taps that read the input at a position: neighbours, as shifts rise or fall.
std::span<const AxisTap> taps_at(const Phase& phase, int64_t position, int64_t in) {
  const std::span<const AxisTap> taps = phase.taps;
  const int64_t base = phase.in_first + phase.in_step * position;
  const bool rising = !taps.empty() && taps.front().shift < taps.back().shift;
  const auto is_before = [&](const AxisTap& tap) { return rising ? base + tap.shift < 0 : base + tap.shift >= in; };
  const auto is_not_behind = [&](const AxisTap& tap) { return rising ? base + tap.shift < in : base + tap.shift >= 0; };
  const auto begin = std::partition_point(taps.begin(), taps.end(), is_before);
  return {begin, std::partition_point(begin, taps.end(), is_not_behind)};
}

/// Cuts the positions of `phase` where one of its taps enters or leaves the input.
std::vector<Segment> segments_of(const Phase& phase, int64_t in) {
  std::set<int64_t> cuts = {0, phase.count};
  for (const AxisTap& tap : phase.taps) {
    cuts.insert(std::min(phase.count, first_at(phase, 0, tap.shift)));
    cuts.insert(std::min(phase.count, first_at(phase, in, tap.shift)));
  }
  std::vector<Segment> segments;
  for (auto cut = cuts.begin(); std::next(cut) != cuts.end(); ++cut)
    segments.push_back({*cut, *std::next(cut), taps_at(phase, *cut, in)});
  return segments;
}

/// Gives `phase` those of these taps that it reads, and segments.
void add_taps(Phase& phase, std::vector<AxisTap> taps, int64_t in, Border border) {
  if (border == Border::zeros)
    std::erase_if(taps, [&](const AxisTap& tap) {
      const int64_t first = first_at(phase, 0, tap.shift);
      return first >= phase.count || !reads(phase, tap, first, in);
    });
  phase.owner = std::make_shared<const std::vector<AxisTap>>(std::move(taps));
  phase.taps = *phase.owner;
  phase.segments =
      border == Border::zeros ? segments_of(phase, in) : std::vector<Segment>{{0, phase.count, phase.taps}};
}

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

}  // namespace

int64_t seen_at(Border border, int64_t index, int64_t size) {
  if (index >= 0 && index < size) return index;
  int64_t found = -1;
  if (border == Border::reflect) found = index < 0 ? -index : 2 * (size - 1) - index;
  if (border == Border::replicate) found = index < 0 ? 0 : size - 1;
  if (border == Border::circular) found = index < 0 ? index + size : index - size;
  return found >= 0 && found < size ? found : -1;
}

ShiftRange shifts_of(const Phase& phase) {
  if (phase.taps.empty()) return {0, 0};
  const auto [least, most] = std::minmax(phase.taps.front().shift, phase.taps.back().shift);
  return {least, most};
}

InputRange inputs_of(const std::vector<Phase>& phases) {
  constexpr int64_t none = std::numeric_limits<int64_t>::min();
  InputRange all{std::numeric_limits<int64_t>::max(), none, none};
  for (const Phase& phase : phases) {
    const auto [least, most] = shifts_of(phase);
    all = {std::min(all.begin, phase.in_first + least), std::max(all.first_end, phase.in_first + most + 1),
           std::max(all.end, phase.in_first + most + phase.in_step * (phase.count - 1) + 1)};
  }
  return all;
}

std::vector<Phase> transposed_axis(const AxisArguments& axis) {
  const auto [in, out, kernel, stride, padding, dilation] = axis;
  std::vector<AxisTap> taps;  // those of each residue one after the other
  for (int64_t k = 0; k < kernel; ++k) taps.push_back({k, -(dilation * k / stride)});
  const auto residue_of = [&](const AxisTap& tap) { return dilation * tap.k % stride; };
  std::stable_sort(taps.begin(), taps.end(),
                   [&](const AxisTap& a, const AxisTap& b) { return residue_of(a) < residue_of(b); });
  std::vector<int64_t> residues;  // that have outputs
  for (int64_t first = 0; first < std::min(stride, out); ++first) residues.push_back((first + padding) % stride);
  std::sort(residues.begin(), residues.end());
  std::vector<Phase> phases;
  auto tap = taps.begin();
  for (int64_t a : residues) {
    const int64_t first = ((a - padding) % stride + stride) % stride;
    while (tap != taps.end() && residue_of(*tap) < a) ++tap;
    const auto begin = tap;
    while (tap != taps.end() && residue_of(*tap) == a) ++tap;
    Phase phase{.out_first = first,
                .out_step = stride,
                .count = ceil_div(out - first, stride),
                .in_first = (first + padding - a) / stride,
                .in_step = 1,
                .taps = {},
                .segments = {}};
    add_taps(phase, {begin, tap}, in, Border::zeros);
    phases.push_back(std::move(phase));
  }
  return phases;
}

std::vector<Phase> convolution_axis(const AxisArguments& axis, Border border) {
  Phase phase{.out_first = 0,
              .out_step = 1,
              .count = axis.out,
              .in_first = 0,
              .in_step = axis.stride,
              .taps = {},
              .segments = {}};
  std::vector<AxisTap> taps;
  for (int64_t k = 0; k < axis.kernel; ++k) taps.push_back({k, axis.dilation * k - axis.padding});
  add_taps(phase, std::move(taps), axis.in, border);
  return {phase};
}

SummedAxis upsampled_axis(const AxisArguments& arguments, int64_t scale, Border border) {
  const auto [in, out, kernel, stride, padding, dilation] = arguments;
  SummedAxis axis;
  for (int64_t a = 0; a < scale; ++a) {
    std::vector<AxisTap> taps;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t shift = floor_div(a + dilation * k - padding, scale);
      if (taps.empty() || taps.back().shift != shift) {
        taps.push_back({static_cast<int64_t>(axis.sums.size()), shift});
        axis.sums.emplace_back();
      }
      axis.sums.back().push_back(k);
    }
    if (a >= out) continue;
    Phase phase{.out_first = a,
                .out_step = scale,
                .count = ceil_div(out - a, scale),
                .in_first = 0,
                .in_step = 1,
                .taps = {},
                .segments = {}};
    add_taps(phase, std::move(taps), in, border);
    axis.phases.push_back(std::move(phase));
  }
  return axis;
}

}  // namespace upconv::internal
