// scaled_dot_product_attention against a loop over all scores, what PyTorch gives where numbers are not finite, and how
// much memory it takes.
#include "layers/attention.h"

#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Arguments {
  std::optional<double> scale = {};
  bool is_causal = false;
};

/// Of one matrix each, q (L, E), k (S, E), v (S, V) and a mask (L, S) or none, added up in float64.
Tensor attention_of_one(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor* mask, Arguments arguments) {
  const int64_t L = q.shape()[0], E = q.shape()[1], S = k.shape()[0], V = v.shape()[1];
  const double scale = E == 0 ? 1 : arguments.scale.value_or(1 / std::sqrt(static_cast<double>(E)));
  Tensor y({L, V});
  for (int64_t l = 0; l < L; ++l) {
    const int64_t seen = arguments.is_causal ? std::min(S, l + 1) : S;
    std::vector<double> weights(static_cast<size_t>(seen));
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t s = 0; s < seen; ++s) {
      double score = 0;
      for (int64_t e = 0; e < E; ++e) score += static_cast<double>(q.data()[l * E + e]) * k.data()[s * E + e];
      weights[static_cast<size_t>(s)] = score * scale + (mask ? mask->data()[l * S + s] : 0);
      largest = std::max(largest, weights[static_cast<size_t>(s)]);
    }
    for (double& weight : weights) sum += weight = largest == -infinity ? 0 : std::exp(weight - largest);
    for (int64_t c = 0; c < V; ++c) {
      double value = 0;
      for (int64_t s = 0; s < seen; ++s)
        value += weights[static_cast<size_t>(s)] / (sum == 0 ? 1 : sum) * v.data()[s * V + c];
      y.data()[l * V + c] = static_cast<float>(value);
    }
  }
  return y;
}

/// One matrix of a batch (A, B, M, N), in which dimensions of size 1 stand for all.
Tensor matrix(const Tensor& x, int64_t a, int64_t b) {
  const Shape& shape = x.shape();
  const int64_t size = shape[2] * shape[3];
  const float* from = x.data() + ((shape[0] == 1 ? 0 : a) * shape[1] + (shape[1] == 1 ? 0 : b)) * size;
  return Tensor({shape[2], shape[3]}, std::vector<float>(from, from + size));
}

Function attention(Arguments arguments = {}) {
  return [arguments](const Values& xs) {
    return scaled_dot_product_attention(xs[0], xs[1], xs[2], xs.size() > 3 ? std::optional(xs[3]) : std::nullopt,
                                        arguments.scale, arguments.is_causal);
  };
}

Tensor run(const std::vector<Tensor>& xs, Arguments arguments = {}, Options options = {}) {
  return compile(Sandwich(attention(arguments), false), types_of(xs), options)(xs)[0];
}

/// All instruction sets, each of both batches against the loop; a mask (L, S) may be the fourth.
void check(const std::vector<Tensor>& xs, Arguments arguments = {}) {
  CAPTURE(str(xs[0].shape()));
  CAPTURE(str(xs[1].shape()));
  const double terms = static_cast<double>(xs[1].shape()[2] + xs[1].shape()[3]);
  for (Isa isa : available_isas()) {
    CAPTURE(upconv::name(isa));
    const Tensor y = run(xs, arguments, {.isa = isa});
    REQUIRE(y.shape().size() == 4);
    for (int64_t a = 0; a < y.shape()[0]; ++a)
      for (int64_t b = 0; b < y.shape()[1]; ++b) {
        std::optional<Tensor> mask;
        if (xs.size() > 3) {
          mask.emplace(Shape{xs[0].shape()[2], xs[1].shape()[2]});
          const Tensor one = matrix(xs[3], a, b);
          for (int64_t i = 0; i < mask->numel(); ++i) {
            const int64_t row = i / mask->shape()[1], column = i % mask->shape()[1];
            mask->data()[i] =
                one.data()[(one.shape()[0] == 1 ? 0 : row) * one.shape()[1] + (one.shape()[1] == 1 ? 0 : column)];
          }
        }
        const Tensor expected = attention_of_one(matrix(xs[0], a, b), matrix(xs[1], a, b), matrix(xs[2], a, b),
                                                 mask ? &*mask : nullptr, arguments);
        // Scores of some units carry their error into the exponential.
        const double bound = tolerance(terms, 8 * std::max(1.0, largest(xs[2])));
        check_close(matrix(y, a, b), expected, [&](int64_t) { return bound; });
      }
  }
}

}  // namespace

TEST_CASE("attention: every size, mask and scale as the loop over all scores") {
  Random random(5);
  const auto draw = [&](Shape shape) { return random.randn(shape); };
  for (const auto& [L, S, E, V] : {std::array<int64_t, 4>{1, 1, 1, 1},
                                   {5, 7, 8, 4},
                                   {37, 300, 17, 33},
                                   {65, 1, 3, 16},
                                   {1, 129, 64, 64},
                                   {3, 5, 0, 2},
                                   {4, 0, 3, 2},
                                   {0, 4, 3, 2},
                                   {4, 3, 2, 0}}) {
    const std::vector<Tensor> xs{draw({2, 3, L, E}), draw({2, 3, S, E}), draw({2, 3, S, V})};
    check(xs);
    check(xs, {.scale = 0.3});
    check(xs, {.is_causal = true});
    for (const Shape& mask : {Shape{2, 3, L, S}, Shape{1, 1, L, S}, Shape{2, 1, 1, S}, Shape{1, 3, L, 1}}) {
      std::vector<Tensor> masked = xs;
      masked.push_back(draw(mask));
      for (int64_t i = 0; i < masked[3].numel(); i += 3) masked[3].data()[i] = -infinity;
      check(masked);
    }
  }
  // Heads and batches that are one for all.
  check({draw({2, 1, 9, 8}), draw({1, 3, 11, 8}), draw({1, 1, 11, 5})});
  // More scores than a tile keeps.
  check({draw({1, 1, 3, 4}), draw({1, 1, 70000, 4}), draw({1, 1, 70000, 2})});
}

TEST_CASE("attention: rows that see nothing are 0, infinities and NaN are PyTorch's") {
  // Of PyTorch 2.13: what -inf hides counts as 0 times its value, a row of -inf is 0, inf and NaN make their row NaN.
  Random random(6);
  const std::vector<Tensor> xs{random.randn({3, 4}), random.randn({5, 4}), random.randn({5, 2})};
  const auto with_mask = [&](const std::vector<std::pair<int64_t, float>>& numbers) {
    Tensor mask({3, 5});
    for (const auto& [index, number] : numbers) mask.data()[index] = number;
    return std::vector<Tensor>{xs[0], xs[1], xs[2], mask};
  };
  const auto row = [](const Tensor& y, int64_t index) {
    return std::array{y.data()[index * 2], y.data()[index * 2 + 1]};
  };
  for (Isa isa : available_isas()) {
    CAPTURE(upconv::name(isa));
    const Tensor hidden = run(
        with_mask({{5, -infinity}, {6, -infinity}, {7, -infinity}, {8, -infinity}, {9, -infinity}}), {}, {.isa = isa});
    CHECK(row(hidden, 1) == std::array{0.0F, 0.0F});
    CHECK(row(hidden, 0) == row(run(xs, {}, {.isa = isa}), 0));
    const Tensor odd = run(with_mask({{7, infinity}, {13, std::numeric_limits<float>::quiet_NaN()}}), {}, {.isa = isa});
    CHECK(std::isfinite(row(odd, 0)[0]));
    CHECK(std::isnan(row(odd, 1)[0]));
    CHECK(std::isnan(row(odd, 2)[1]));
    // 0 times inf.
    std::vector<Tensor> large = xs;
    large[2] = Tensor({5, 2}, std::vector<float>(xs[2].data(), xs[2].data() + 10));
    large[2].data()[4 * 2] = infinity;
    CHECK(row(run(large, {}, {.isa = isa}), 0)[0] == infinity);
    CHECK(std::isnan(row(run(large, {.is_causal = true}, {.isa = isa}), 0)[0]));
    CHECK(std::isfinite(row(run(large, {.is_causal = true}, {.isa = isa}), 0)[1]));
  }
}

TEST_CASE("attention: bits do not depend on batch and threads") {
  Random random(7);
  const std::vector<Tensor> both{random.randn({2, 100, 24}), random.randn({2, 1500, 24}), random.randn({2, 1500, 40})};
  std::vector<Tensor> one;
  for (const Tensor& x : both) {
    Shape shape = x.shape();
    shape[0] = 1;
    one.emplace_back(shape, std::vector<float>(x.data(), x.data() + x.numel() / 2));
  }
  const Tensor y = run(both, {}, {.threads = 2}), first = run(one, {}, {.threads = 1});
  CHECK(std::equal(first.data(), first.data() + first.numel(), y.data()));
}

TEST_CASE("attention: scores are never in memory as a whole") {
  const int64_t pixels = 4096, channels = 8;
  const Type type{{1, 1, pixels, channels}, DType::float32};
  const Program program = compile(Sandwich(attention(), false), std::vector<Type>(3, type), {});
  // The transposed keys and nothing besides.
  CHECK(program.arena_bytes() <= 2 * static_cast<size_t>(pixels * channels) * sizeof(float));
}

TEST_CASE("attention: what does not fit is refused") {
  Random random(8);
  const auto error = [&](std::vector<Shape> shapes, Arguments arguments = {}) {
    std::vector<Tensor> xs;
    for (const Shape& shape : shapes) xs.push_back(random.randn(shape));
    return error_of([&] { run(xs, arguments); });
  };
  CHECK(error({{4, 3}, {5, 2}, {5, 3}}).find("a query and a key of the same last size, got 3 and 2") !=
        std::string::npos);
  CHECK(error({{4, 3}, {5, 3}, {6, 3}}).find("as many keys as values, got 5 and 6") != std::string::npos);
  CHECK(error({{2, 4, 3}, {3, 5, 3}, {5, 3}}).find("batches that broadcast, got 2 and 3") != std::string::npos);
  CHECK(error({{4, 3}, {5, 3}, {5, 3}, {4, 4}}).find("a mask for (4, 5), got (4, 4)") != std::string::npos);
  CHECK(error({{4, 3}, {5, 3}, {5, 3}, {4, 5}}, {.is_causal = true}).find("a mask or is_causal, got both") !=
        std::string::npos);
  CHECK(error({{4, 3}, {3}, {5, 3}}).find("a key (..., S, E), got (3,)") != std::string::npos);
  CHECK(error({{3}, {5, 3}, {5, 3}}).find("at least 2 dimensions, got (3,)") != std::string::npos);
}
