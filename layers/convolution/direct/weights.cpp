#include "layers/convolution/direct/weights.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "layers/convolution/panel.h"

namespace upconv::internal {

bool scaled(const float* x, const double* factor, int64_t count, float* y) {
  constexpr uint32_t exponent = 0x7f800000;
  uint32_t infinite = 0;
  for (int64_t i = 0; i < count; ++i) {
    y[i] = static_cast<float>(x[i] * factor[i]);
    infinite |= (std::bit_cast<uint32_t>(y[i]) & exponent) == exponent;
  }
  return infinite == 0;
}

void WeightView::read(const kernels::Table& table, int64_t group, int64_t oc, int64_t lanes, int64_t ic, int64_t count,
                      float* panel, int64_t pitch, float* scratch) const {
  const int64_t taps = layout.taps;
  const int64_t first = group * layout.group_stride + ic * layout.ic_stride;
  const auto convert = [&](int64_t at, int64_t elements, float* to) {
    stored.to_float(to, static_cast<size_t>(at), static_cast<size_t>(elements));
  };
  if (layout.oc_stride == taps && layout.channels == 1) {  // of one input channel, all output channels lie together
    for (int64_t i = 0; i < count; ++i) {
      convert(first + oc * layout.oc_stride + i * layout.ic_stride, lanes * taps, scratch);
      table.transpose(scratch, taps, panel + i * taps * pitch, pitch, lanes, taps);
    }
  } else {  // of one output channel, all input channels
    for (int64_t lane = 0; lane < lanes; ++lane)
      convert(first + layout.feature(oc + lane) * layout.oc_stride, count * taps, scratch + lane * count * taps);
    table.transpose(scratch, count * taps, panel, pitch, lanes, count * taps);
  }
}

int64_t packed_at_once(const WeightLayout& layout, int64_t lanes) {
  return equal_parts(layout.IC / layout.groups,
                     (16 << 10) / static_cast<int64_t>(sizeof(float)) / (lanes * layout.taps));
}

// The shifts of all blocks follow the weights of all blocks, and then a float that is not zero where any weight is
// infinite or NaN.
PackedDirect::PackedDirect(const kernels::Table& table, const WeightView& weight, const Packer& packer) {
  const WeightLayout& layout = weight.layout;
  const int64_t IC = layout.IC / layout.groups, OC = layout.OC / layout.groups, full = 2 * table.width;
  std::vector<int64_t> starts;
  int64_t size = 0;
  for (int64_t group = 0; group < layout.groups; ++group)
    for (int64_t oc = 0; oc < OC; oc += full) {
      const auto lanes = static_cast<int32_t>(std::min(full, OC - oc));
      const int32_t vectors = lanes > table.width ? 2 : 1;
      blocks_.push_back({nullptr, nullptr, group * IC, group * OC + oc, vectors, lanes});
      starts.push_back(size);
      size += whole_lines(layout.taps * IC * vectors * table.width);
    }
  taps_ = layout.taps;
  weight_bytes_ = static_cast<size_t>(size) * sizeof(float);
  const auto count = static_cast<int64_t>(blocks_.size());
  const int64_t shifts = size, infinite = shifts + whole_lines(count * full);

  const int64_t chunk = packed_at_once(layout, full), chunks = ceil_div(IC, chunk);
  const auto pack = [&](int64_t part, float* out, float* scratch) {
    const int64_t b = part / chunks, first = part % chunks * chunk, ics = std::min(chunk, IC - first);
    const kernels::Block& block = blocks_[static_cast<size_t>(b)];
    const int64_t row = int64_t{block.vectors} * table.width, group = block.oc / OC;
    float* panel = scratch + full * chunk * layout.taps;
    weight.read(table, group, block.oc - group * OC, block.lanes, first, ics, panel, full, scratch);
    float* w = out + starts[static_cast<size_t>(b)] + first * row;
    bool finite = true;
    for (int64_t tap = 0; tap < layout.taps; ++tap)
      for (int64_t ic = 0; ic < ics; ++ic)
        finite &= scaled(panel + (ic * layout.taps + tap) * full, weight.scale.data() + block.oc, block.lanes,
                         w + (tap * IC + ic) * row);
    if (!finite) std::atomic_ref(out[infinite]).store(1.0f, std::memory_order_relaxed);
    if (first == 0) std::copy_n(weight.shift.begin() + block.oc, block.lanes, out + shifts + b * full);
  };
  packed_ = packer(
      {static_cast<size_t>(infinite) + 1, static_cast<size_t>(2 * full * chunk * layout.taps), count * chunks, pack});
  const float* packed = packed_.span.data();
  for (int64_t b = 0; b < count; ++b) {
    blocks_[static_cast<size_t>(b)].w = packed + starts[static_cast<size_t>(b)];
    blocks_[static_cast<size_t>(b)].shift = packed + shifts + b * full;
  }
  finite_ = packed[infinite] == 0;
}

}  // namespace upconv::internal
