#include "layers/matmul.h"

#include <algorithm>

#include "framework/fail.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
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

/// A tile is a strip of rows of one product.
class MatMulStep : public Step {
 public:
  MatMulStep(const Sizes& sizes, const kernels::Table& table) : M_(sizes.M), N_(sizes.N), K_(sizes.K), table_(table) {
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
    const int64_t products = std::max<int64_t>(1, N_ * K_);
    strip_ = ceil_div(std::max<int64_t>(1, (1 << 21) / products), table.pixels) * table.pixels;
  }
  int64_t tiles() const override { return N_ == 0 ? 0 : rounds(batch_) * ceil_div(M_, strip_); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t strips = ceil_div(M_, strip_), row = tile % strips * strip_;
    const std::array<int64_t, 3> at = offsets(batch_, tile / strips);
    table_.matmul({static_cast<const float*>(frame.inputs[0]) + at[1] + row * K_,
                   static_cast<const float*>(frame.inputs[1]) + at[2],
                   static_cast<float*>(frame.output) + at[0] + row * N_, std::min(strip_, M_ - row), N_, K_, K_, N_,
                   N_});
  }
  std::string algorithm() const override { return "matmul"; }
  double flops() const override {
    return 2.0 * static_cast<double>(rounds(batch_)) * static_cast<double>(M_) * static_cast<double>(N_) *
           static_cast<double>(K_);
  }

 private:
  int64_t M_, N_, K_, strip_;
  std::vector<Loop> batch_;
  const kernels::Table& table_;
};

class MatMulOperation : public ContiguousOperation {
 public:
  std::string_view name() const override { return "matmul"; }
  void identify(Fingerprint&) const override {}
  Type infer(std::span<const Type> inputs) const override {
    check_float(inputs);
    const Shape &a = inputs[0].shape, &b = inputs[1].shape;
    const Sizes sizes = sizes_of(a, b);
    Shape shape = sizes.batch;
    if (a.size() > 1) shape.push_back(sizes.M);
    if (b.size() > 1) shape.push_back(sizes.N);
    return counted({shape, DType::float32});
  }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<MatMulStep>(sizes_of(lowering.inputs[0].shape, lowering.inputs[1].shape),
                                        kernels::table(*lowering.options.isa));
  }
};

}  // namespace

Value matmul(Value a, Value b) { return a.graph().apply(std::make_shared<MatMulOperation>(), {a, b}); }

}  // namespace upconv
