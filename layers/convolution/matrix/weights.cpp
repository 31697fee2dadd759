#include "layers/convolution/matrix/weights.h"

#include <algorithm>
#include <cstring>

#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

using kernels::tile_channels, kernels::tile_lanes, kernels::tile_words;

constexpr int64_t most_lanes = 2 * tile_lanes;  // of a block

/// Puts the parts of a row of weights, of one input channel, into its halves of the words of a block, [part][tile]
/// beginning at `to`; whether all are finite.
bool put_parts(const kernels::TileKernels& kernels, const float* row, int32_t tiles, int32_t parts, int64_t channel,
               float* to) {
  constexpr uint16_t exponent = 0x7f80;
  uint16_t split[kernels::most_parts * tile_lanes];
  bool finite = true;
  for (int32_t tile = 0; tile < tiles; ++tile) {
    kernels.split({.x = row + tile * tile_lanes,
                   .stride = tile_lanes,
                   .pixels = 1,
                   .y = split,
                   .y_part = tile_lanes,
                   .parts = parts});
    for (int32_t part = 0; part < parts; ++part) {
      const uint16_t* halves = split + part * tile_lanes;
      auto* words = reinterpret_cast<std::byte*>(to + (part * tiles + tile) * tile_words + channel / 2 * tile_lanes);
      for (int64_t lane = 0; lane < tile_lanes; ++lane) {
        finite &= (halves[lane] & exponent) != exponent;
        std::memcpy(words + lane * int64_t{sizeof(float)} + channel % 2 * int64_t{sizeof(uint16_t)}, halves + lane,
                    sizeof(uint16_t));
      }
    }
  }
  return finite;
}

}  // namespace

// The shifts of all output channels follow the weights of all blocks, then a float that is not zero
// where any weight is infinite or NaN.
PackedMatrix::PackedMatrix(const kernels::Table& table, const WeightView& weight, const Packer& packer,
                           const kernels::TileKernels& tiles, int32_t parts, const TapOrder& order)
    : order_(order) {
  const WeightLayout& layout = weight.layout;
  const int64_t IC = layout.IC / layout.groups, OC = layout.OC / layout.groups;
  const int64_t blocks_of_channels = ceil_div(IC, tile_channels);
  std::vector<int64_t> starts;
  int64_t size = 0;
  for (int64_t group = 0; group < layout.groups; ++group)
    for (int64_t oc = 0; oc < OC; oc += most_lanes) {
      const auto lanes = static_cast<int32_t>(std::min(most_lanes, OC - oc));
      const auto count = static_cast<int32_t>(ceil_div(lanes, tile_lanes));
      blocks_.push_back({nullptr, group * blocks_of_channels, group * OC + oc, lanes, count});
      starts.push_back(size);
      size += static_cast<int64_t>(order.inputs.size()) * blocks_of_channels * parts * count * tile_words;
    }
  const int64_t outputs = layout.OC + most_lanes;
  shifts_ = size;
  const int64_t infinite = shifts_ + whole_lines(outputs);

  const int64_t chunk = packed_at_once(layout, most_lanes), chunks = ceil_div(IC, chunk);
  const auto pack = [&](int64_t index, float* out, float* scratch) {
    const int64_t first = index % chunks * chunk, ics = std::min(chunk, IC - first);
    const MatrixBlock& block = blocks_[static_cast<size_t>(index / chunks)];
    const int64_t group = block.oc / OC;
    float* panel = scratch + most_lanes * chunk * layout.taps;
    weight.read(table, {.group = group, .oc = block.oc - group * OC, .ocs = block.lanes, .ic = first, .ics = ics},
                panel, most_lanes, scratch);
    const int64_t of_block = parts * block.tiles * tile_words;
    bool finite = true;
    for (size_t pass = 0; pass < order.firsts.size(); ++pass)
      for (int64_t number = 0; number < order.counts[pass]; ++number) {
        const auto taps = std::span(order.taps)
                              .subspan(static_cast<size_t>((order.firsts[pass] + number) * order.phases),
                                       static_cast<size_t>(order.phases));
        for (int64_t ic = 0; ic < ics; ++ic) {
          float row[most_lanes] = {};
          for (size_t phase = 0; phase < taps.size(); ++phase) {
            if (taps[phase] < 0) continue;
            float outputs[most_lanes];
            scaled(panel + (ic * layout.taps + taps[phase]) * most_lanes, weight.scale.data() + block.oc, block.lanes,
                   outputs);
            order.spread(outputs, block.lanes, phase, row);
          }
          const int64_t channel = first + ic;
          const int64_t at =
              order.firsts[pass] * blocks_of_channels + channel / tile_channels * order.counts[pass] + number;
          finite &= put_parts(tiles, row, block.tiles, parts, channel % tile_channels,
                              out + starts[static_cast<size_t>(index / chunks)] + at * of_block);
        }
      }
    if (!finite) mark(out[infinite]);
    if (first > 0) return;
    for (size_t phase = 0; phase < order.lanes.size(); ++phase)
      order.spread(weight.shift.data() + block.oc, block.lanes, phase, out + shifts_ + block.oc);
  };
  packed_ = packer({.floats = static_cast<size_t>(infinite) + 1,
                    .scratch = static_cast<size_t>(2 * most_lanes * chunk * layout.taps),
                    .parts = static_cast<int64_t>(blocks_.size()) * chunks,
                    .pack = pack});
  for (size_t b = 0; b < blocks_.size(); ++b) blocks_[b].w = packed_.span.data() + starts[b];
  finite_ = packed_.span[static_cast<size_t>(infinite)] == 0;
}

}  // namespace upconv::internal
