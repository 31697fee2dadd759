#include "layers/convolution/weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "framework/fail.h"
#include "framework/memo.h"
#include "framework/parallel.h"
#include "framework/weights/packed_cache.h"
#include "layers/arithmetic.h"

namespace upconv::internal {
namespace {

/// A layer's factor and shift for each output channel.
struct Folded {
  explicit Folded(const ConvWeights& weights)
      : scale(static_cast<size_t>(weights.layout.OC), 1.0), shift(static_cast<size_t>(weights.layout.OC), 0.0f) {
    if (weights.bias) {
      if (!weights.bias->has_value()) fail("bias has no values: load or set it first");
      std::vector<float> bias(shift.size());
      weights.bias->stored().to_float(bias.data());
      for (size_t oc = 0; oc < shift.size(); ++oc)
        shift[oc] = bias[static_cast<size_t>(weights.layout.feature(static_cast<int64_t>(oc)))];
    }
    if (!weights.affine) return;
    scale = weights.affine->scale;
    for (size_t oc = 0; oc < shift.size(); ++oc)
      shift[oc] = static_cast<float>(shift[oc] * scale[oc] + weights.affine->shift[oc]);
  }
  std::vector<double> scale;
  std::vector<float> shift;
};

/// Of all that packed weights are made of, whatever file, name or module it came from.
uint64_t key_of(const WeightView& view, const std::string& way, const Crew& crew) {
  const WeightLayout& l = view.layout;
  const std::string text = fmt::format("{}/{}/{}/{} {} {} {} {} {} {} {}/{:x}/{:x}/{:x}", way, name(view.stored.dtype),
                                       fmt::join(view.stored.shape, ","), l.IC, l.OC, l.groups, l.taps, l.group_stride,
                                       l.oc_stride, l.ic_stride, l.channels, hash(view.stored.bytes, crew),
                                       hash(std::span(view.scale), crew), hash(std::span(view.shift), crew));
  return hash(std::as_bytes(std::span(text)), crew);
}

}  // namespace

const kernels::Table& table_of(const Lowering& lowering) {
  const Isa isa = *lowering.options.isa;
  const kernels::Table* pairs = lowering.options.precision == Precision::bfloat16 ? kernels::pair_table(isa) : nullptr;
  return pairs ? *pairs : kernels::table(isa);
}

bool scaled(const float* x, const double* factor, int64_t count, float* y) {
  constexpr uint32_t exponent = 0x7f800000;
  uint32_t infinite = 0;
  for (int64_t i = 0; i < count; ++i) {
    y[i] = static_cast<float>(x[i] * factor[i]);
    infinite |= (std::bit_cast<uint32_t>(y[i]) & exponent) == exponent;
  }
  return infinite == 0;
}

bool put_halves(const kernels::Table& table, const float* values, int64_t count, int64_t half, float* words) {
  constexpr int64_t run = 32;
  constexpr uint16_t exponent = 0x7f80;
  uint16_t rounded[run];
  bool finite = true;
  auto* to = reinterpret_cast<std::byte*>(words) + half * int64_t{sizeof(uint16_t)};
  for (int64_t begin = 0; begin < count; begin += run) {
    const int64_t some = std::min(run, count - begin);
    table.round(values + begin, rounded, some);
    for (int64_t i = 0; i < some; ++i) {
      finite &= (rounded[i] & exponent) != exponent;
      std::memcpy(to + (begin + i) * int64_t{sizeof(float)}, rounded + i, sizeof(uint16_t));
    }
  }
  return finite;
}

void WeightView::read(const kernels::Table& table, const WeightPart& part, float* panel, int64_t pitch,
                      float* scratch) const {
  const auto [group, oc, lanes, ic, count] = part;
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

std::shared_ptr<const void> ConvWeights::once(const std::string& way, const Lowering& lowering,
                                              const Make& make) const {
  const Isa isa = *lowering.options.isa;
  const char* rounded = table_of(lowering).pairs ? "/bfloat16" : "";
  const std::string method = fmt::format("{}/{}/{}{}", way, name(isa), derived ? derived->key : "", rounded);
  const std::string key =
      fmt::format("{}/{}/{}/{}/{}", method, layout.channels, bias ? fmt::ptr(bias->identity()) : nullptr,
                  bias ? bias->version() : 0, affine ? affine->key : "");
  return Memo::of(weight, key, [&]() -> std::shared_ptr<const void> {
    if (!weight.has_value()) fail("weight has no values: load or set it first");
    const Folded folded(*this);
    const Stored own = weight.stored(), stored = derived ? Stored::of(derived->make(own)) : own;
    const WeightView view{stored, layout, folded.scale, folded.shift};
    return make(view, [&](const Packing& packing) {
      return pack(packing, lowering.crew, isa, PackedCache::of(own),
                  [&] { return key_of(view, method, lowering.crew); });
    });
  });
}

}  // namespace upconv::internal
