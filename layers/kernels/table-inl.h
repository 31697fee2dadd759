#pragma once
// One instruction set's table: every kernel, instantiated for Arch.
#include "activation-inl.h"
#include "direct-inl.h"
#include "pack-inl.h"
#include "peak-inl.h"
#include "products-inl.h"
#include "rows-inl.h"
#include "winograd-inl.h"

namespace upconv::kernels {
namespace {

template <class Arch>
constexpr Table make_table(Isa isa) {
  return {.isa = isa,
          .width = Simd<Arch>::width,
          .pixels = Simd<Arch>::rows,
          .direct = direct<Arch>,
          .products = products<Arch>,
          .rows = rows<Arch>,
          .winograd_input = {winograd_input<Arch, Winograd<2, 2>>, winograd_input<Arch, Winograd<3, 2>>,
                             winograd_input<Arch, Winograd<2, 3>>, winograd_input<Arch, Winograd<4, 2>>,
                             winograd_input<Arch, Winograd<4, 3>>, winograd_input<Arch, Winograd<6, 3>>},
          .winograd_output = {winograd_output<Arch, Winograd<2, 2>>, winograd_output<Arch, Winograd<3, 2>>,
                              winograd_output<Arch, Winograd<2, 3>>, winograd_output<Arch, Winograd<4, 2>>,
                              winograd_output<Arch, Winograd<4, 3>>, winograd_output<Arch, Winograd<6, 3>>},
          .pack = pack<Arch>,
          .transpose = transpose<Arch>,
          .activate = activate_run<Arch>,
          .affine = affine_run<Arch>,
          .affine_channels = affine_channels_run<Arch>,
          .peak = peak<Arch>};
}

}  // namespace
}  // namespace upconv::kernels
