#pragma once
#include <optional>

#include "../framework/graph.h"

namespace upconv {

/// torch.nn.functional.scaled_dot_product_attention: softmax(q k^T * scale + attn_mask) v over the last two dimensions,
/// (..., L, E), (..., S, E) and (..., S, V) to (..., L, V); the dimensions before are broadcast. scale is 1 / sqrt(E)
/// where it is not given. The mask, (..., L, S) or what broadcasts to that, is added. `is_causal`: row i sees the keys
/// 0 to i alone. Rows that see nothing are 0. The (L, S) scores never are in memory as a whole. Throws Error where
/// sizes do not fit, and where both a mask and is_causal are given.
[[nodiscard]] Value scaled_dot_product_attention(Value query, Value key, Value value,
                                                 std::optional<Value> attn_mask = {}, std::optional<double> scale = {},
                                                 bool is_causal = false);

}  // namespace upconv
