#pragma once
// One instruction set's table: every kernel, instantiated for Arch.
#include "activation-inl.h"
#include "depthwise-inl.h"
#include "direct-inl.h"
#include "elementwise-inl.h"
#include "lean-inl.h"
#include "matmul-inl.h"
#include "norm-inl.h"
#include "pack-inl.h"
#include "peak-inl.h"
#include "pool-inl.h"
#include "products-inl.h"
#include "rows-inl.h"
#include "softmax-inl.h"
#include "winograd-inl.h"

namespace upconv::kernels {
namespace {

template <class Arch>
constexpr Table make_table(Isa isa) {
  return {.isa = isa,
          .width = Simd<Arch>::width,
          .pixels = Simd<Arch>::rows,
          .lean_sums = Simd<Arch>::lean_sums,
          .direct = direct<Arch>,
          .products = products<Arch>,
          .rows = rows<Arch>,
          .rows_input = {rows_input<Arch, Winograd<2, 2>>, rows_input<Arch, Winograd<3, 2>>,
                         rows_input<Arch, Winograd<2, 3>>, rows_input<Arch, Winograd<4, 2>>,
                         rows_input<Arch, Winograd<4, 3>>},
          .rows_output = {rows_output<Arch, Winograd<2, 2>>, rows_output<Arch, Winograd<3, 2>>,
                          rows_output<Arch, Winograd<2, 3>>, rows_output<Arch, Winograd<4, 2>>,
                          rows_output<Arch, Winograd<4, 3>>},
          .depthwise = depthwise<Arch>,
          .winograd_input = {winograd_input<Arch, Winograd<2, 2>>, winograd_input<Arch, Winograd<3, 2>>,
                             winograd_input<Arch, Winograd<2, 3>>, winograd_input<Arch, Winograd<4, 2>>,
                             winograd_input<Arch, Winograd<4, 3>>, winograd_input<Arch, Winograd<6, 3>>},
          .winograd_output = {winograd_output<Arch, Winograd<2, 2>>, winograd_output<Arch, Winograd<3, 2>>,
                              winograd_output<Arch, Winograd<2, 3>>, winograd_output<Arch, Winograd<4, 2>>,
                              winograd_output<Arch, Winograd<4, 3>>, winograd_output<Arch, Winograd<6, 3>>},
          .lean_products = {lean_products<Arch, Winograd<2, 2>>, lean_products<Arch, Winograd<3, 2>>, nullptr,
                            lean_products<Arch, Winograd<4, 2>>, nullptr, nullptr},
          .pack = pack<Arch>,
          .transpose = transpose<Arch>,
          .copy = copy<Arch>,
          .activate = activate_run<Arch>,
          .affine = affine_run<Arch>,
          .affine_channels = affine_channels<Arch>,
          .affine_elements = affine_elements<Arch>,
          .prelu_channels = prelu_channels<Arch>,
          .moments = moments<Arch>,
          .moments_channels = moments_channels<Arch>,
          .softmax = softmax<Arch>,
          .softmax_columns = softmax_columns<Arch>,
          .binary = binary<Arch>,
          .affine_add = affine_add<Arch>,
          .clamp = clamp<Arch>,
          .lerp = lerp<Arch>,
          .pool_max = pool<Arch, Largest>,
          .pool_avg = pool<Arch, Mean>,
          .matmul = matmul<Arch>,
          .peak = peak<Arch>};
}

}  // namespace
}  // namespace upconv::kernels
