// What the compiler does with sums, factors and concatenations.
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

using Names = std::vector<std::string>;

const std::vector<Type> two_pictures(2, Type{{2, 5, 4, 3}, DType::float32});

Names operations(const Function& f, const std::vector<Type>& types = two_pictures) {
  Names names;
  for (const StepInfo& step : compile(Sandwich(f, false), types).steps()) names.push_back(step.operation);
  return names;
}

/// f of two random pictures.
Tensor result(const Function& f) {
  Random random(3);
  std::vector<Tensor> xs{random.randn({2, 5, 4, 3}), random.randn({2, 5, 4, 3})};
  return compile(Sandwich(f, false), types_of(xs))(xs)[0];
}

void check_same(const Function& f, const Function& expected) {
  const Tensor y = result(expected);
  check_close(result(f), y, [&](int64_t i) { return tolerance(4, 4 + std::abs(y.data()[i])); });
}

}  // namespace

TEST_CASE("fusion: factors go into the weights of the layer before them") {
  const ConvTranspose2d conv = identity(5);
  CHECK(operations([&](const Values& xs) { return conv(xs[0]) * 0.2; }).back() == "ConvTranspose2d");
  CHECK(operations([&](const Values& xs) { return tanh(conv(xs[0]) / 3); }).back() == "ConvTranspose2d");
  check_same([&](const Values& xs) { return conv(xs[0]) * 0.2 + 1; }, [](const Values& xs) { return xs[0] * 0.2 + 1; });
  CHECK(operations([](const Values& xs) { return (xs[0] * 0.2 + 1) / 3; }) == Names{"mul"});
  check_same([](const Values& xs) { return 2 - (xs[0] * 0.5 + 1) / 4; },
             [](const Values& xs) { return 1.75 - xs[0] * 0.125; });
}

TEST_CASE("fusion: a sum goes into the term that can add it, whichever comes first") {
  const Function plain = [](const Values& xs) { return tanh(xs[0]) * 2 + xs[1]; };
  const Function turned = [](const Values& xs) { return xs[1] + tanh(xs[0]) * 2; };
  const Function activated = [](const Values& xs) { return relu(tanh(xs[0]) * 2 + xs[1]); };
  CHECK(operations(plain) == Names{"mul"});
  CHECK(operations(turned) == Names{"mul"});
  CHECK(operations(activated) == Names{"mul"});
  const Function apart = [](const Values& xs) {
    const Value negative = -xs[1];
    return tanh(xs[0]) / 0.5 - negative;
  };
  CHECK(operations(apart) == Names{"sub"});
  check_same(plain, apart);
  check_same(turned, apart);
  check_same(activated, [](const Values& xs) { return relu(tanh(xs[0]) / 0.5 - -xs[1]); });
}

TEST_CASE("fusion: a term that is written before the other one waits for it") {
  const Function f = [](const Values& xs) {
    const Value early = xs[0] * 2;
    const Value late = sigmoid(xs[1]);
    return early + late;
  };
  CHECK(operations(f) == Names{"mul"});
  check_same(f, [](const Values& xs) { return xs[0] * 2 - -sigmoid(xs[1]); });
}

TEST_CASE("fusion: sums stay where a term has other readers, another shape or an activation") {
  CHECK(operations([](const Values& xs) { return relu(xs[0] * 2) + xs[1]; }) == Names{"add"});
  CHECK(operations([](const Values& xs) { return xs[0] * 2 + xs[1]; },
                   {two_pictures[0], {{5, 1, 1}, DType::float32}}) == Names{"add"});
  CHECK(operations([](const Values& xs) { return xs[0] * 2 + xs[1]; },
                   {{{5, 1, 1}, DType::float32}, two_pictures[0]}) == Names{"mul", "add"});
  const Function twice = [](const Values& xs) {
    const Value y = xs[0] * 2;
    return (y + xs[1]) * y;
  };
  CHECK(operations(twice) == Names{"mul"});
  CHECK(operations([](const Values& xs) { return xs[0] + xs[0]; }) == Names{"add"});
}

TEST_CASE("fusion: a residual has the layout of what it is added to") {
  const Function f = [](const Values& xs) {
    const Value inside = identity(5)(xs[0]);         // channels-last, as its reader is a convolution
    return identity(5)(tanh(inside) * 0.5 + xs[1]);  // and this input is not
  };
  Random random(3);
  std::vector<Tensor> xs{random.randn({2, 5, 4, 3}), random.randn({2, 5, 4, 3})};
  const Tensor y = compile(Sandwich(f, false), types_of(xs))(xs)[0];
  Tensor expected(y.shape());
  for (int64_t i = 0; i < y.numel(); ++i) expected.data()[i] = std::tanh(xs[0].data()[i]) * 0.5f + xs[1].data()[i];
  check_close(y, expected, [&](int64_t i) { return tolerance(3, 0.5 + std::abs(xs[1].data()[i])); });
}

TEST_CASE("fusion: a concatenation that another one reads is not copied") {
  const Function nested = [](const Values& xs) { return cat({xs[1], cat({xs[0], tanh(xs[1])}, 1), xs[0]}, 1); };
  CHECK(operations(nested) == Names{"Tanh", "cat"});
  const Tensor y = result(nested), tail = result([](const Values& xs) { return tanh(xs[1]); });
  CHECK(y.shape() == Shape{2, 20, 4, 3});
  CHECK(std::equal(tail.data(), tail.data() + 60, y.data() + 120));  // of picture 0: channels 10 to 15
  // One that something else reads too is still written, and one of another dimension is.
  CHECK(operations([](const Values& xs) {
          const Value inner = cat({xs[0], xs[1]}, 1), twice = cat({inner, inner}, 1);
          return matmul(flatten(twice), flatten(cat({inner, tanh(inner)}, 1)));
        }) == Names{"cat", "cat", "Tanh", "cat", "matmul"});
  CHECK(operations([](const Values& xs) { return cat({xs[0], cat({xs[0], xs[1]}, 2)}, 2); }) == Names{"cat", "cat"});
  CHECK(operations([](const Values& xs) { return relu(cat({xs[0], xs[1]}, 1)); }) == Names{"cat"});
}

TEST_CASE("fusion: values are joined in the layout of the largest") {
  const Function f = [](const Values& xs) {
    const Value large = identity(5)(xs[0]);
    return identity(6)(cat({slice(xs[1], 1, 0, 1), large}, 1));
  };
  Names names = operations(f);
  CHECK(std::count(names.begin(), names.end(), "Relayout") == 1);  // of the program's narrow input alone
}
