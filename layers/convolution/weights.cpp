#include "layers/convolution/weights.h"

#include <fmt/ranges.h>

#include "framework/fail.h"
#include "framework/memo.h"
#include "framework/parallel.h"
#include "framework/weights/packed_cache.h"

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

template <class Packed, class Make>
std::shared_ptr<const Packed> ConvWeights::packed(const std::string& way, const Lowering& lowering, Make make) const {
  const Isa isa = *lowering.options.isa;
  const std::string method = fmt::format("{}/{}/{}", way, name(isa), derived ? derived->key : "");
  const std::string key =
      fmt::format("{}/{}/{}/{}/{}", method, layout.channels, bias ? fmt::ptr(bias->identity()) : nullptr,
                  bias ? bias->version() : 0, affine ? affine->key : "");
  return std::static_pointer_cast<const Packed>(Memo::of(weight, key, [&]() -> std::shared_ptr<const void> {
    if (!weight.has_value()) fail("weight has no values: load or set it first");
    const Folded folded(*this);
    const Stored own = weight.stored(), stored = derived ? Stored::of(derived->make(own)) : own;
    const WeightView view{stored, layout, folded.scale, folded.shift};
    return make(view, [&](const Packing& packing) {
      return pack(packing, lowering.crew, isa, PackedCache::of(own),
                  [&] { return key_of(view, method, lowering.crew); });
    });
  }));
}

std::shared_ptr<const PackedDirect> ConvWeights::direct(const Lowering& lowering) const {
  return packed<PackedDirect>("direct", lowering, [&](const WeightView& view, const Packer& packer) {
    return std::make_shared<const PackedDirect>(kernels::table(*lowering.options.isa), view, packer);
  });
}

std::shared_ptr<const PackedRows> ConvWeights::rows(const std::optional<Tiling>& tiling, const ConvGeometry& geometry,
                                                    const Lowering& lowering) const {
  return packed<PackedRows>(rows_key(geometry, tiling), lowering, [&](const WeightView& view, const Packer& packer) {
    return std::make_shared<const PackedRows>(kernels::table(*lowering.options.isa), view, packer, geometry, tiling);
  });
}

std::shared_ptr<const PackedDepthwise> ConvWeights::depthwise(const Lowering& lowering) const {
  return packed<PackedDepthwise>("depthwise", lowering, [&](const WeightView& view, const Packer& packer) {
    return std::make_shared<const PackedDepthwise>(kernels::table(*lowering.options.isa), view, packer);
  });
}

std::shared_ptr<const PackedWinograd> ConvWeights::winograd(const Tiling& tiling, const ConvGeometry& geometry,
                                                            const Lowering& lowering) const {
  return packed<PackedWinograd>(winograd_key(tiling, geometry), lowering,
                                [&](const WeightView& view, const Packer& packer) {
                                  return std::make_shared<const PackedWinograd>(kernels::table(*lowering.options.isa),
                                                                                tiling, geometry, view, packer);
                                });
}

}  // namespace upconv::internal
