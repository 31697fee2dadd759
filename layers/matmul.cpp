#include "layers/matmul.h"

#include <algorithm>

#include "framework/fail.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/rearrange.h"
#include "layers/steps/strided.h"

namespace upconv {

using namespace internal;

namespace {

/// A product's sizes: matrices, and the batch that each operand is of.
struct Sizes {
  int64_t M, N, K;
  Shape batch, a_batch, b_batch;
};

Shape leading(const Shape& shape) { return shape.size() < 2 ? Shape{} : Shape(shape.begin(), shape.end() - 2); }

Sizes sizes_of(const Shape& a, const Shape& b) {
  if (a.empty() || b.empty()) fail("expected values of at least one dimension, got {} and {}", str(a), str(b));
  const int64_t rows = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (a.back() != rows)
    fail("expected as many columns of the first value as rows of the second, got {} and {} in {} and {}", a.back(),
         rows, str(a), str(b));
  Sizes s{a.size() == 1 ? 1 : a[a.size() - 2], b.size() == 1 ? 1 : b.back(), rows, {}, leading(a), leading(b)};
  const size_t rank = std::max(s.a_batch.size(), s.b_batch.size());
  for (Shape* batch : {&s.a_batch, &s.b_batch}) batch->insert(batch->begin(), rank - batch->size(), 1);
  for (size_t d = 0; d < rank; ++d) {
    const int64_t m = s.a_batch[d], n = s.b_batch[d];
    if (m != n && m != 1 && n != 1)
      fail("expected batches that broadcast, got {} and {}: {} and {}", str(a), str(b), m, n);
    s.batch.push_back(m == 1 ? n : m);
  }
  return s;
}

/// A tile is a strip of rows of one product; or of columns, where b lies the other way round and the part of it that a
/// tile reads is turned in scratch.
class MatMulStep : public Step {
 public:
  MatMulStep(const Sizes& sizes, bool by_columns, const kernels::Table& table)
      : M_(sizes.M), N_(sizes.N), K_(sizes.K), by_columns_(by_columns), table_(table) {
    std::vector<Loop> loops;
    int64_t y = M_ * N_, a = M_ * K_, b = K_ * N_;
    for (size_t d = sizes.batch.size(); d-- > 0;) {
      loops.push_back({sizes.batch[d], {y, sizes.a_batch[d] == 1 ? 0 : a, sizes.b_batch[d] == 1 ? 0 : b}});
      y *= sizes.batch[d];
      a *= sizes.a_batch[d];
      b *= sizes.b_batch[d];
    }
    batch_ = ordered(std::move(loops));
    // Some 100 us of multiply-adds, in whole register tiles.
    const int64_t products = std::max<int64_t>(1, (by_columns ? M_ : N_) * K_), unit = by_columns ? 32 : table.pixels;
    strip_ = ceil_div(std::max<int64_t>(1, (1 << 21) / products), unit) * unit;
    // What is turned is 256 KiB at most, where a unit is not more.
    if (by_columns)
      strip_ = std::min({strip_, std::max(unit, (1 << 16) / std::max<int64_t>(1, K_) / unit * unit),
                         ceil_div(std::max<int64_t>(1, N_), unit) * unit});
  }
  int64_t tiles() const override {
    if (N_ == 0 || M_ == 0) return 0;
    return rounds(batch_) * ceil_div(by_columns_ ? N_ : M_, strip_);
  }
  size_t scratch_bytes() const override { return by_columns_ ? static_cast<size_t>(strip_ * K_) * sizeof(float) : 0; }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t whole = by_columns_ ? N_ : M_, strips = ceil_div(whole, strip_);
    const int64_t first = tile % strips * strip_, count = std::min(strip_, whole - first);
    const std::array<int64_t, 3> at = offsets(batch_, tile / strips);
    const float* a = static_cast<const float*>(frame.inputs[0]) + at[1];
    const float* b = static_cast<const float*>(frame.inputs[1]) + at[2];
    float* y = static_cast<float*>(frame.output) + at[0];
    if (by_columns_) {
      auto* turned = reinterpret_cast<float*>(frame.scratch);
      table_.transpose(b + first * K_, K_, turned, count, count, K_);
      table_.matmul({a, turned, y + first, M_, count, K_, K_, count, N_});
    } else {
      table_.matmul({a + first * K_, b, y + first * N_, count, N_, K_, K_, N_, N_});
    }
  }
  std::string algorithm() const override { return "matmul"; }
  double flops() const override {
    return 2.0 * static_cast<double>(rounds(batch_)) * static_cast<double>(M_) * static_cast<double>(N_) *
           static_cast<double>(K_);
  }

 private:
  int64_t M_, N_, K_, strip_;
  bool by_columns_;
  std::vector<Loop> batch_;
  const kernels::Table& table_;
};

class MatMulOperation : public ContiguousOperation {
 public:
  /// `by_columns`: the second input is (..., N, K).
  explicit MatMulOperation(bool by_columns = false) : by_columns_(by_columns) {}
  std::string_view name() const override { return "matmul"; }
  void identify(Fingerprint& print) const override { print(by_columns_); }
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    const auto [a, b] = shapes(inputs);
    const Sizes sizes = sizes_of(a, b);
    Shape shape = sizes.batch;
    if (a.size() > 1) shape.push_back(sizes.M);
    if (b.size() > 1) shape.push_back(sizes.N);
    return counted({shape, DType::float32});
  }
  /// A second matrix that is turned for this product alone is turned as it is read.
  std::shared_ptr<const Operation> with_producer(std::span<const size_t> inputs, const Operation& producer, const Type&,
                                                 const Type&) const override {
    const auto* before = dynamic_cast<const RearrangeOperation*>(&producer);
    const bool turns = before && !before->is_view() && before->transposes_matrices();
    return turns && !by_columns_ && inputs.size() == 1 && inputs[0] == 1 ? std::make_shared<MatMulOperation>(true)
                                                                         : nullptr;
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const auto [a, b] = shapes(lowering.inputs);
    return std::make_unique<MatMulStep>(sizes_of(a, b), by_columns_, kernels::table(*lowering.options.isa));
  }

 private:
  /// Those of both as they are multiplied.
  std::pair<Shape, Shape> shapes(std::span<const Type> inputs) const {
    std::pair<Shape, Shape> both{inputs[0].shape, inputs[1].shape};
    if (by_columns_) std::swap(both.second.back(), both.second[both.second.size() - 2]);
    return both;
  }

  bool by_columns_;
};

}  // namespace

Value matmul(Value a, Value b) { return a.graph().apply(std::make_shared<MatMulOperation>(), {a, b}); }

}  // namespace upconv
