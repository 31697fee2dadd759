#include "layers/convolution/depthwise/weights.h"

#include <algorithm>

#include "layers/arithmetic.h"

namespace upconv::internal {

// The shifts follow the weights.
PackedDepthwise::PackedDepthwise(const kernels::Table& table, const WeightView& weight, const Packer& packer)
    : tap_(whole_lines(weight.layout.OC)), shift_at_(tap_ * weight.layout.taps) {
  constexpr int64_t chunk = 256;
  const int64_t C = weight.layout.OC, taps = weight.layout.taps;
  const auto pack = [&](int64_t part, float* out, float* scratch) {
    const int64_t first = part * chunk, last = std::min(C, first + chunk);
    for (int64_t c = first; c < last; ++c) {
      weight.read(table, {.group = c, .oc = 0, .ocs = 1, .ic = 0, .ics = 1}, scratch + taps, 1, scratch);
      for (int64_t tap = 0; tap < taps; ++tap)
        out[tap * tap_ + c] = static_cast<float>(scratch[taps + tap] * weight.scale[static_cast<size_t>(c)]);
    }
    std::copy(weight.shift.begin() + first, weight.shift.begin() + last, out + shift_at_ + first);
  };
  packed_ = packer({.floats = static_cast<size_t>(shift_at_ + tap_),
                    .scratch = static_cast<size_t>(2 * taps),
                    .parts = ceil_div(C, chunk),
                    .pack = pack});
}

}  // namespace upconv::internal
