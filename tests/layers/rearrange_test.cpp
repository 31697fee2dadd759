// What costs nothing: chains of reshape and permute that are views in one of the layouts, matrices that are turned as
// they are read, parts that element-wise functions read where they are. All of them as if each were computed by itself.
#include <numeric>
#include <random>

#include "tests/layers/sandwich.h"
#include "tests/reference/reference_structure.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// The names of the steps between the convolutions of a sandwich, around which inputs and outputs change their layout.
std::vector<std::string> steps_of(const Function& function, const std::vector<Tensor>& xs) {
  std::vector<std::string> names;
  for (const StepInfo& step : compile(Sandwich(function, true), types_of(xs)).steps()) names.push_back(step.operation);
  const auto first = std::find(names.begin(), names.end(), "ConvTranspose2d");
  const auto last = std::find(names.rbegin(), names.rend(), "ConvTranspose2d").base();
  REQUIRE(last - first >= 2);
  return {first + 1, last - 1};
}

/// The first of several values, whose others are outputs as well, so that all of them are made.
class Whole : public ModuleOf<Values(Values)> {
 public:
  Whole(std::function<Values(const Values&)> function, bool inside) : function_(std::move(function)), inside_(inside) {}
  Values forward(Values xs) const override {
    if (inside_)
      for (Value& x : xs)
        if (x.shape().size() == 4) x = identity(x.size(1))(x);
    return function_(xs);
  }

 private:
  std::function<Values(const Values&)> function_;
  bool inside_;
};

/// `function` gives a result and what it was made of. As an output of its own each of those is made; where the result
/// is the only one, none of them may be. Both ways give equal bits on every instruction set.
void check_unmade(const std::function<Values(const Values&)>& function, const std::vector<Tensor>& xs,
                  const std::vector<std::string>& unmade) {
  const auto alone = [&](const Values& values) { return Values{function(values)[0]}; };
  for (Isa isa : available_isas())
    for (bool inside : {false, true}) {
      CAPTURE(name(isa));
      CAPTURE(inside);
      const Program program = compile(Whole(alone, inside), types_of(xs), {.isa = isa});
      for (const StepInfo& step : program.steps())
        CHECK(std::find(unmade.begin(), unmade.end(), step.operation) == unmade.end());
      const Program every = compile(Whole(function, inside), types_of(xs), {.isa = isa});
      const std::vector<StepInfo> steps = every.steps();
      CHECK(std::any_of(steps.begin(), steps.end(), [&](const StepInfo& step) {
        return std::find(unmade.begin(), unmade.end(), step.operation) != unmade.end();
      }));
      CHECK(same_bits(program(xs)[0], every(xs)[0]));
    }
}

}  // namespace

TEST_CASE("rearrange: random chains of reshape and permute are what each of them does") {
  std::mt19937 engine(11);
  const auto draw = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine);
  };
  Random random(3);
  for (int i = 0; i < 150; ++i) {
    Shape shape;
    for (int64_t rank = draw(1, 4); std::ssize(shape) < rank;) shape.push_back(draw(0, 3) == 0 ? 1 : draw(1, 6));
    const Tensor x = random.randn(shape);
    Tensor expected = x;
    std::vector<std::function<Value(Value)>> chain;
    for (int64_t length = draw(1, 5); std::ssize(chain) < length;) {
      if (draw(0, 1)) {
        std::vector<size_t> order(expected.shape().size());
        std::iota(order.begin(), order.end(), size_t{0});
        std::shuffle(order.begin(), order.end(), engine);
        expected = reference::permute(expected, order);
        chain.push_back(
            [dims = std::vector<int64_t>(order.begin(), order.end())](Value v) { return permute(v, dims); });
      } else {
        // Factors of the number of elements, and 1 here and there.
        Shape sizes;
        int64_t rest = expected.numel();
        while (rest > 1 || sizes.empty()) {
          int64_t factor = draw(1, 12);
          if (std::ssize(sizes) == 4) factor = rest;
          if (rest % factor != 0) continue;
          sizes.push_back(factor);
          rest /= factor;
        }
        expected = Tensor(sizes, std::vector<float>(expected.data(), expected.data() + expected.numel()));
        chain.push_back([sizes](Value v) { return reshape(v, sizes); });
      }
    }
    const Function function = [&](const Values& xs) {
      Value y = xs[0];
      for (const auto& step : chain) y = step(y);
      return y;
    };
    CAPTURE(str(shape));
    CAPTURE(str(expected.shape()));
    for (bool inside : {false, true}) {
      CAPTURE(inside);
      const Tensor got = compile(Sandwich(function, inside), types_of({x}))(std::vector<Tensor>{x})[0];
      check_close(got, expected, [](int64_t) { return 0; });
    }
  }
}

TEST_CASE("rearrange: integers move whole, where a permutation is a view of the other layout, too") {
  Tensor x({2, 3, 4, 5}, DType::int64);
  for (int64_t i = 0; i < x.numel(); ++i) x.indices()[i] = (i << 33) - i;
  std::vector<int64_t> order = {0, 1, 2, 3};
  do {
    CAPTURE(str(order));
    const Tensor y =
        Sandwich([&](const Values& xs) { return permute(xs[0], order); }, false)(std::vector<Tensor>{x})[0];
    Shape at(4);
    int64_t wrong = 0;
    for (int64_t i = 0; i < y.numel(); ++i) {
      int64_t rest = i, from = 0;
      for (size_t d = 4; d-- > 0; rest /= y.shape()[d]) at[static_cast<size_t>(order[d])] = rest % y.shape()[d];
      for (size_t d = 0; d < 4; ++d) from = from * x.shape()[d] + at[d];
      wrong += y.indices()[i] != x.indices()[from];
    }
    CHECK(wrong == 0);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("rearrange: pixels as rows, and rows as pixels, are views between convolutions") {
  Random random(4);
  for (int64_t batch : {1, 2}) {
    const std::vector<Tensor> x{random.randn({batch, 24, 5, 6})};
    using Names = std::vector<std::string>;
    CHECK(steps_of(
              [](const Values& xs) {
                const Value rows = permute(reshape(xs[0], {-1, 24, 30}), {0, 2, 1});
                return reshape(permute(rows * 2, {0, 2, 1}), {-1, 24, 5, 6});
              },
              x) == Names{"mul"});
    CHECK(steps_of(
              [](const Values& xs) {
                const Value rows = layer_norm(permute(xs[0], {0, 2, 3, 1}), {24});
                return permute(rows, {0, 3, 1, 2});
              },
              x) == Names{"LayerNorm"});
    // One head is no dimension to move; two heads are.
    const auto attention = [](int64_t heads) {
      return [heads](const Values& xs) {
        const Value rows = transpose(flatten(xs[0], 2), 1, 2);
        const auto split = [&](Value v) { return transpose(view(v, {v.size(0), -1, heads, 24 / heads}), 1, 2); };
        const Value seen = scaled_dot_product_attention(split(rows * 2), split(rows * 3), split(rows * 4));
        return view(transpose(reshape(transpose(seen, 1, 2), {-1, 30, 24}), 1, 2), {-1, 24, 5, 6});
      };
    };
    const Names one = steps_of(attention(1), x), two = steps_of(attention(2), x);
    CHECK(std::count(one.begin(), one.end(), "transpose") == 1);  // of the keys
    CHECK(std::count(one.begin(), one.end(), "Relayout") == 0);
    CHECK(std::count(two.begin(), two.end(), "transpose") == 4);
    // Nothing to do is no step.
    CHECK(steps_of([](const Values& xs) { return reshape(permute(xs[0], {0, 1, 2, 3}), xs[0].shape()); }, x).empty());
  }
}

TEST_CASE("rearrange: a matrix that is turned for one product is turned as it is read") {
  Random random(5);
  for (int64_t M : {1, 14, 33})
    for (int64_t N : {1, 7, 100})
      for (int64_t K : {1, 9, 3000}) {
        const auto function = [](const Values& xs) {
          const Value turned = transpose(xs[1], -2, -1);
          return Values{matmul(xs[0], turned), turned};
        };
        if (N > 1 && K > 1)
          check_unmade(function, {random.randn({2, 1, M, K}), random.randn({3, N, K})}, {"transpose"});
        const Tensor a = random.randn({3, M, K}), b = random.randn({1, N, K});
        const Function product = [](const Values& xs) { return matmul(xs[0], transpose(xs[1], 1, 2)); };
        const Tensor expected = reference::matmul(a, reference::permute(b, {0, 2, 1}));
        const Tensor got = compile(Sandwich(product, false), types_of({a, b}))(std::vector<Tensor>{a, b})[0];
        check_close(got, expected, [&](int64_t i) {
          const auto terms = static_cast<double>(K);
          return tolerance(terms, terms + std::abs(expected.data()[i]));
        });
      }
}

TEST_CASE("rearrange: parts that element-wise functions read are not made") {
  Random random(6);
  for (const Shape& shape :
       {Shape{1, 64, 3, 5}, Shape{2, 32, 4, 3}, Shape{3, 40, 7, 1}, Shape{5, 48}, Shape{2, 3, 34}}) {
    CAPTURE(str(shape));
    const int64_t dim = shape.size() == 3 ? 2 : 1;
    const std::vector<Tensor> x{random.randn(shape)};
    check_unmade(
        [=](const Values& xs) {
          const Values halves = chunk(xs[0], 2, dim);
          return Values{halves[0] * sigmoid(halves[1]), halves[0], halves[1]};
        },
        x, {"chunk"});
    // One of them after a function, and the sum of what was read so.
    check_unmade(
        [=](const Values& xs) {
          const Value first = slice(xs[0], dim, 0, 16), last = slice(xs[0], dim, -16);
          const Value y = exp(first) - last * 3;
          return Values{sum(y, std::vector<int64_t>{dim}, true), first, last};
        },
        x, {"slice"});
  }
  // Short runs, steps, and what is broadcast are made.
  const std::vector<Tensor> x{random.randn({2, 24, 5, 6})};
  const auto made = [&](const Function& function) {
    const std::vector<std::string> steps = steps_of(function, x);
    return std::count(steps.begin(), steps.end(), "slice");
  };
  CHECK(made([](const Values& xs) { return slice(xs[0], 1, 0, 8) * 2; }) == 1);
  CHECK(made([](const Values& xs) { return slice(xs[0], 1, 0, 24, 2) + 1; }) == 1);
  CHECK(made([](const Values& xs) { return xs[0] * slice(xs[0], 1, 3, 4); }) == 1);
}
