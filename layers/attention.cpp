#include "layers/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "framework/fail.h"
#include "framework/program.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/kernels/kernels.h"
#include "layers/permute.h"

namespace upconv {

using namespace internal;

namespace {

/// What attention reads: queries (..., L, E), keys (..., E, S), values (..., S, V), and a mask (..., L, S).
enum Role : size_t { query, keys, values, mask, roles };

/// The sizes of all of them, and how far each goes from one index of a dimension of the batch to the next.
struct Sizes {
  int64_t L, S, E, V;
  Shape batch;
  std::array<std::vector<int64_t>, roles> steps;
  int64_t mask_row = 0, mask_column = 0;  ///< the same of a mask's own dimensions
};

/// A size that two operands have, or that one of them has and the other repeats.
int64_t broadcast(int64_t a, int64_t b, const char* what, std::span<const Type> inputs) {
  if (a == b || b == 1) return a;
  if (a == 1) return b;
  fail("expected {} that broadcast, got {} and {}: query {}, transposed key {}, value {}{}", what, a, b,
       str(inputs[query].shape), str(inputs[keys].shape), str(inputs[values].shape),
       inputs.size() > mask ? ", mask " + str(inputs[mask].shape) : "");
}

Sizes sizes_of(std::span<const Type> inputs) {
  for (size_t i = 0; i < std::min<size_t>(inputs.size(), mask); ++i)
    if (inputs[i].shape.size() < 2)
      fail("expected query, key and value of at least 2 dimensions, got {}", str(inputs[i].shape));
  const Shape &q = inputs[query].shape, &k = inputs[keys].shape, &v = inputs[values].shape;
  if (q.back() != k[k.size() - 2])
    fail("expected a query and a key of the same last size, got {} and {}", q.back(), k[k.size() - 2]);
  if (k.back() != v[v.size() - 2]) fail("expected as many keys as values, got {} and {}", k.back(), v[v.size() - 2]);
  Sizes s{q[q.size() - 2], k.back(), q.back(), v.back(), {}, {}};
  size_t rank = 2;
  for (const Type& input : inputs) rank = std::max(rank, input.shape.size());
  s.batch.assign(rank - 2, 1);
  for (size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = inputs[i].shape;
    shape.insert(shape.begin(), rank - shape.size(), 1);
    for (size_t d = 0; d + 2 < rank; ++d) s.batch[d] = broadcast(s.batch[d], shape[d], "batches", inputs);
    int64_t step = 1;
    s.steps[i].resize(rank - 2);
    for (size_t d = rank; d-- > 0;) {
      const int64_t own = shape[d] == 1 ? 0 : step;
      if (d + 2 < rank)
        s.steps[i][d] = own;
      else if (i == mask)
        (d + 2 == rank ? s.mask_row : s.mask_column) = own;
      step *= shape[d];
    }
    if (i != mask) continue;
    for (const auto& [size, of] : {std::pair(shape[rank - 2], s.L), std::pair(shape[rank - 1], s.S)})
      if (size != 1 && size != of) fail("expected a mask for ({}, {}), got {}", s.L, s.S, str(inputs[mask].shape));
  }
  return s;
}

/// A tile is a strip of queries of one picture. Its scores are in scratch, whole rows of them, so that a row's softmax
/// is the one that all other softmaxes are.
class AttentionStep : public Step {
 public:
  AttentionStep(Sizes sizes, bool has_mask, float scale, bool is_causal, const kernels::Table& table)
      : sizes_(std::move(sizes)), has_mask_(has_mask), scale_(scale), is_causal_(is_causal), table_(table) {
    // Scores of 256 KiB, which a core's L2 keeps from one product to the next, and some 100 us of multiply-adds, in
    // whole register tiles.
    const int64_t products = std::max<int64_t>(1, sizes_.S * (sizes_.E + sizes_.V));
    const int64_t rows = std::min((1 << 16) / std::max<int64_t>(1, sizes_.S), (1 << 21) / products);
    strip_ =
        std::min(std::max<int64_t>(1, sizes_.L), ceil_div(std::max<int64_t>(1, rows), table.pixels) * table.pixels);
    // A block of keys of 32 KiB, which is read for each register tile of queries.
    block_ = std::max<int64_t>(1, (1 << 13) / std::max<int64_t>(1, sizes_.E) / 32) * 32;
  }
  int64_t tiles() const override { return sizes_.V == 0 ? 0 : numel(sizes_.batch) * ceil_div(sizes_.L, strip_); }
  size_t scratch_bytes() const override { return static_cast<size_t>(strip_ * sizes_.S) * sizeof(float); }
  std::string algorithm() const override { return "attention by rows"; }
  double flops() const override {
    return 2.0 * static_cast<double>(numel(sizes_.batch)) * static_cast<double>(sizes_.L) *
           static_cast<double>(sizes_.S) * static_cast<double>(sizes_.E + sizes_.V);
  }

  void run(int64_t tile, const Frame& frame) const override {
    const auto& [L, S, E, V, batch, steps, mask_row, mask_column] = sizes_;
    const int64_t strips = ceil_div(L, strip_), first = tile % strips * strip_, rows = std::min(strip_, L - first);
    std::array<const float*, roles> at{};
    for (size_t i = 0; i < (has_mask_ ? roles : mask); ++i)
      at[i] = static_cast<const float*>(frame.inputs[i]) + offset(i, tile / strips);
    auto* scores = reinterpret_cast<float*>(frame.scratch);
    // What no row of the strip sees need not be known.
    const int64_t seen = is_causal_ ? std::min(S, first + rows) : S;
    for (int64_t s = 0; s < seen; s += block_)
      table_.matmul({at[query] + first * E, at[keys] + s, scores + s, rows, std::min(block_, seen - s), E, E, S, S});
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t count = is_causal_ ? std::min(S, first + row + 1) : S;
      float* x = scores + row * S;
      table_.affine(x, x, count, scale_, 0, {});
      if (has_mask_) add_mask(at[mask] + (first + row) * mask_row, x, count);
      weigh(x, count);
      std::fill(x + count, x + S, 0.0F);
    }
    table_.matmul(
        {scores, at[values], static_cast<float*>(frame.output) + (tile / strips * L + first) * V, rows, V, S, S, V, V});
  }

 private:
  /// Where matrix `index` of the batch begins.
  int64_t offset(size_t role, int64_t index) const {
    int64_t offset = 0;
    for (size_t d = sizes_.batch.size(); d-- > 0;) {
      offset += index % sizes_.batch[d] * sizes_.steps[role][d];
      index /= sizes_.batch[d];
    }
    return offset;
  }
  void add_mask(const float* mask, float* x, int64_t count) const {
    if (sizes_.mask_column == 0 && count > 0)
      table_.affine(x, x, count, 1, *mask, {});
    else
      table_.affine_add(x, mask, x, count, 1, 0, {});
  }
  /// Scores to weights. All of them -inf means that nothing is seen, whose softmax would be NaN.
  void weigh(float* x, int64_t count) const {
    constexpr float lowest = -std::numeric_limits<float>::infinity();
    if (count == 0) return;
    if (x[0] == lowest && table_.largest(x, count) == lowest)
      std::fill(x, x + count, 0.0F);
    else
      table_.softmax(x, x, count);
  }

  Sizes sizes_;
  bool has_mask_;
  float scale_;
  bool is_causal_;
  int64_t strip_, block_;
  const kernels::Table& table_;
};

class AttentionOperation : public ContiguousOperation {
 public:
  AttentionOperation(std::optional<double> scale, bool is_causal) : scale_(scale), is_causal_(is_causal) {}
  std::string_view name() const override { return "scaled_dot_product_attention"; }
  void identify(Fingerprint& print) const override { print(scale_, is_causal_); }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    if (is_causal_ && inputs.size() > mask) fail("expected a mask or is_causal, got both");
    const Sizes sizes = sizes_of(inputs);
    Shape shape = sizes.batch;
    shape.insert(shape.end(), {sizes.L, sizes.V});
    return counted({shape, DType::float32});
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    Sizes sizes = sizes_of(lowering.inputs);
    // Without elements all scores are 0, whatever they are multiplied by.
    const double scale = sizes.E == 0 ? 1 : scale_.value_or(1 / std::sqrt(static_cast<double>(sizes.E)));
    return std::make_unique<AttentionStep>(std::move(sizes), lowering.inputs.size() > mask, static_cast<float>(scale),
                                           is_causal_, kernels::table(*lowering.options.isa));
  }

 private:
  std::optional<double> scale_;
  bool is_causal_;
};

}  // namespace

Value scaled_dot_product_attention(Value query, Value key, Value value, std::optional<Value> attn_mask,
                                   std::optional<double> scale, bool is_causal) {
  if (key.shape().size() < 2)
    refuse(key, "scaled_dot_product_attention expected a key (..., S, E), got {}", str(key.shape()));
  Values inputs{query, transpose(key, -2, -1), value};
  if (attn_mask) inputs.push_back(*attn_mask);
  return query.graph().apply(std::make_shared<AttentionOperation>(scale, is_causal), inputs);
}

}  // namespace upconv
