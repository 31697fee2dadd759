#include "layers/convolution/direct/weights.h"

#include <algorithm>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

constexpr int64_t most_lanes = 32;  // of a block

}  // namespace

// The shifts of all blocks follow the weights of all blocks, and then a float that is not zero where any weight is
// infinite or NaN.
PackedDirect::PackedDirect(const kernels::Table& table, const WeightView& weight, const Packer& packer, bool halved)
    : halved_(halved) {
  const WeightLayout& layout = weight.layout;
  const int64_t IC = layout.IC / layout.groups, OC = layout.OC / layout.groups, full = 2 * table.width;
  const int64_t in_word = halved ? 2 : table.in_word(), words = ceil_div(IC, in_word);  // of all input channels
  std::vector<int64_t> starts;
  int64_t size = 0;
  for (int64_t group = 0; group < layout.groups; ++group)
    for (int64_t oc = 0; oc < OC; oc += full) {
      const auto lanes = static_cast<int32_t>(std::min(full, OC - oc));
      const int32_t vectors = lanes > table.width ? 2 : 1;
      blocks_.push_back({nullptr, nullptr, group * words, group * OC + oc, vectors, lanes});
      starts.push_back(size);
      size += whole_lines(layout.taps * words * vectors * table.width);
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
    weight.read(table, {.group = group, .oc = block.oc - group * OC, .ocs = block.lanes, .ic = first, .ics = ics},
                panel, full, scratch);
    float* w = out + starts[static_cast<size_t>(b)];
    bool finite = true;
    for (int64_t tap = 0; tap < layout.taps; ++tap)
      for (int64_t ic = 0; ic < ics; ++ic) {
        const float* weights = panel + (ic * layout.taps + tap) * full;
        const double* scale = weight.scale.data() + block.oc;
        float* to = w + (tap * words + (first + ic) / in_word) * row;
        if (in_word == 1) {
          finite &= scaled(weights, scale, block.lanes, to);
          continue;
        }
        float exact[most_lanes];
        scaled(weights, scale, block.lanes, exact);
        finite &= put_halves(table, exact, block.lanes, (first + ic) % 2, to);
      }
    if (!finite) mark(out[infinite]);
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
