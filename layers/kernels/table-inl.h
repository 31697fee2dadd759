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

template <class Arch, class W>
constexpr auto rows_input_of() -> void (*)(const RowsInput&) {
  if constexpr (is_for_rows<W> || is_for_along<W>) return rows_input<Arch, W>;
  return nullptr;
}
template <class Arch, class W>
constexpr auto rows_output_of() -> void (*)(const RowsOutput&) {
  if constexpr (is_for_rows<W>) return rows_output<Arch, W>;
  return nullptr;
}
template <class Arch, class W>
constexpr auto along_output_of() -> void (*)(const AlongOutput&) {
  if constexpr (is_for_along<W>) return along_output<Arch, W>;
  return nullptr;
}
template <class Arch, class W>
constexpr auto winograd_input_of() -> void (*)(const WinogradInput&) {
  if constexpr (is_for_pictures<W>) return winograd_input<Arch, W>;
  return nullptr;
}
template <class Arch, class W>
constexpr auto winograd_output_of() -> void (*)(const WinogradOutput&) {
  if constexpr (is_for_pictures<W>) return winograd_output<Arch, W>;
  return nullptr;
}
template <class Arch, class W>
constexpr auto lean_products_of() -> void (*)(const LeanProducts&) {
  if constexpr (is_lean<W>) return lean_products<Arch, W>;
  return nullptr;
}

/// With weights of half the size, where an instruction set is worth it.
template <class Arch, class... Ws>
constexpr Table with_halved(Table table, SchemeList<Ws...>) {
  if constexpr (requires { Simd<Arch>::odd(typename Simd<Arch>::Batch()); }) {
    table.direct_halved = direct<Halved<Arch>>;
    void (*const lean[])(const LeanProducts&) = {lean_products_of<Halved<Arch>, Ws>()...};
    for (int scheme = 0; scheme < schemes; ++scheme) table.lean_products_halved[scheme] = lean[scheme];
  }
  return table;
}

template <class Arch, class... Ws>
constexpr Table make_table(Isa isa, SchemeList<Ws...> list) {
  Table table = {.isa = isa,
                 .width = Simd<Arch>::width,
                 .pixels = Simd<Arch>::pixels,
                 .lean_sums = Simd<Arch>::lean_sums,
                 .lean_pair_sums = Simd<Arch>::lean_pair_sums,
                 .direct = direct<Arch>,
                 .products = products<Arch>,
                 .rows = rows<Arch>,
                 .depthwise = depthwise<Arch>,
                 .rows_input = {rows_input_of<Arch, Ws>()...},
                 .rows_output = {rows_output_of<Arch, Ws>()...},
                 .along_output = {along_output_of<Arch, Ws>()...},
                 .winograd_input = {winograd_input_of<Arch, Ws>()...},
                 .winograd_output = {winograd_output_of<Arch, Ws>()...},
                 .lean_products = {lean_products_of<Arch, Ws>()...},
                 .pack = pack<Arch, float>,
                 .pack_stored = pack<Arch, uint16_t>,
                 .round = round_run<Arch>,
                 .transpose = transpose<Arch>,
                 .copy = copy<Arch>,
                 .activate = activate_run<Arch>,
                 .affine = affine_run<Arch>,
                 .affine_channels = affine_channels<Arch>,
                 .add_pixels = add_pixels<Arch>,
                 .normalise = normalise<Arch>,
                 .normalise_channels = normalise_channels<Arch>,
                 .normalise_elements = normalise_elements<Arch>,
                 .prelu_channels = prelu_channels<Arch>,
                 .moments = moments<Arch>,
                 .moments_channels = moments_channels<Arch>,
                 .softmax = softmax<Arch>,
                 .softmax_columns = softmax_columns<Arch>,
                 .binary = binary<Arch>,
                 .select = select<Arch>,
                 .sum = sum<Arch>,
                 .largest = largest<Arch>,
                 .affine_add = affine_add<Arch>,
                 .clamp = clamp<Arch>,
                 .lerp = lerp<Arch>,
                 .pool_max = pool<Arch, Largest>,
                 .pool_avg = pool<Arch, Mean>,
                 .matmul = matmul<Arch>,
                 .peak = peak<Arch>};
  return with_halved<Arch>(table, list);
}

template <class Arch>
constexpr Table make_table(Isa isa) {
  return make_table<Arch>(isa, Schemes());
}

}  // namespace
}  // namespace upconv::kernels
