// What no golden has: many channels and sizes against the reference loops, NaN, batches, errors.
#include <random>

#include "tests/layers/sandwich.h"
#include "tests/reference/reference_structure.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

struct Draw {
  std::mt19937 engine{7};
  int64_t operator()(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(engine); }
};

/// `function` in either layout and on every instruction set gives `expected`, whose sums have at most `terms` terms.
void check(const Function& function, const std::vector<Tensor>& xs, const Tensor& expected, double terms) {
  for (Isa isa : available_isas())
    for (bool inside : {false, true}) {
      CAPTURE(name(isa));
      CAPTURE(inside);
      const Tensor got = compile(Sandwich(function, inside), types_of(xs), {.isa = isa})(xs)[0];
      check_close(got, expected, [&](int64_t i) { return tolerance(terms, terms + std::abs(expected.data()[i])); });
    }
}

template <class Layer>
Function of(Layer layer) {
  return [layer](const Values& xs) { return layer(xs[0]); };
}

Tensor picture(Draw& draw, int64_t least) {
  Random random(static_cast<uint64_t>(draw(0, 1 << 20)));
  return random.randn({draw(1, 2), draw(1, 45), draw(least, 9), draw(least, 9)});
}

Shape shape_of(const AnyModule& layer, const Tensor& x) { return compile(layer, x.shape()).outputs()[0].shape; }

}  // namespace

TEST_CASE("structure: random poolings are the reference's") {
  Draw draw;
  for (int i = 0; i < 60; ++i) {
    const Tensor x = picture(draw, 5);
    const OneOrTwo<int64_t> kernel(draw(1, 4), draw(1, 4)), stride(draw(1, 3), draw(1, 3));
    const OneOrTwo<int64_t> padding(draw(0, kernel.h / 2), draw(0, kernel.w / 2));
    const bool ceil = draw(0, 1) == 1;
    const AvgPool2d mean(kernel, {stride, padding, ceil, draw(0, 1) == 1, {}});
    const OneOrTwo<int64_t> dilation(kernel.h < 3 ? draw(1, 2) : 1, 1);
    const MaxPool2d most(kernel, {stride, padding, dilation, false, ceil});
    const AdaptiveAvgPool2d adaptive({draw(1, 12), draw(1, 12)});
    CAPTURE(mean.str());
    CAPTURE(most.str());
    CAPTURE(adaptive.str());
    const Shape a = shape_of(mean, x), b = shape_of(most, x), c = shape_of(adaptive, x);
    check(of(mean), {x}, reference::avg_pool2d(x, kernel, mean.options, a[2], a[3]), 16);
    check(of(most), {x}, reference::max_pool2d(x, kernel, most.options, b[2], b[3]), 0);
    check(of(adaptive), {x}, reference::adaptive_avg_pool2d(x, c[2], c[3]), 81);
  }
}

TEST_CASE("structure: random resamplings are the reference's") {
  Draw draw;
  for (int i = 0; i < 60; ++i) {
    const Tensor x = picture(draw, 1);
    UpsampleOptions options{.mode = draw(0, 1) ? "bilinear" : "nearest"};
    if (draw(0, 1))
      options.size = OneOrTwo<int64_t>(draw(1, 20), draw(1, 20));
    else
      options.scale_factor = OneOrTwo<double>(static_cast<double>(draw(10, 35)) / 10, 2.0);
    if (options.mode == "bilinear") options.align_corners = draw(0, 1) == 1;
    CAPTURE(Upsample(options).str());
    CAPTURE(str(x.shape()));
    check(of(Upsample(options)), {x}, reference::upsample(x, options), options.mode == "nearest" ? 0 : 4);
  }
}

TEST_CASE("structure: random paddings and shuffles are the reference's, bit for bit") {
  Draw draw;
  for (int i = 0; i < 40; ++i) {
    const Tensor x = picture(draw, 4);
    const Sides sides(draw(-1, 3), draw(-1, 3), draw(-1, 3), draw(-1, 3));
    CAPTURE(str(sides));
    check(of(ReflectionPad2d(sides)), {x}, reference::pad2d(x, sides, reference::Padding::reflection), 0);
    check(of(ReplicationPad2d(sides)), {x}, reference::pad2d(x, sides, reference::Padding::replication), 0);
    check(of(ConstantPad2d(sides, -1.5)), {x}, reference::pad2d(x, sides, reference::Padding::constant, -1.5f), 0);
    const int64_t r = draw(1, 4);
    Random random(3);
    const Tensor deep = random.randn({draw(1, 2), draw(1, 20) * r * r, draw(1, 9), draw(1, 9)});
    check(of(PixelShuffle(r)), {deep}, reference::pixel_shuffle(deep, r), 0);
  }
}

TEST_CASE("structure: what is joined, cut and permuted is the reference's, large enough for many tiles") {
  Random random(5);
  const Tensor a = random.randn({2, 40, 33, 65}), b = random.randn({2, 7, 33, 65});
  check([](const Values& xs) { return cat(xs, 1); }, {a, b}, reference::cat({a, b}, 1), 0);
  check([](const Values& xs) { return slice(xs[0], 1, 3, 30, 2); }, {a}, reference::slice(a, 1, 3, 14, 2), 0);
  check([](const Values& xs) { return slice(xs[0], 3, 1, 64, 7); }, {a}, reference::slice(a, 3, 1, 9, 7), 0);
  check([](const Values& xs) { return permute(xs[0], {0, 3, 1, 2}); }, {a}, reference::permute(a, {0, 3, 1, 2}), 0);
  check([](const Values& xs) { return permute(xs[0], {2, 1, 3, 0}); }, {a}, reference::permute(a, {2, 1, 3, 0}), 0);
  const Tensor scale = random.randn({40, 1, 1}), row = random.randn({1, 1, 33, 1});
  check([](const Values& xs) { return xs[0] * xs[1] - xs[2]; }, {a, scale, row},
        reference::binary(reference::binary(a, scale, std::multiplies<>()), row, std::minus<>()), 2);
  check([](const Values& xs) { return xs[1] / xs[0]; }, {a, a}, reference::binary(a, a, std::divides<>()), 1);
}

TEST_CASE("structure: a number is divided by every element, bit for bit, and at once") {
  Random random(5);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Shape& shape :
       {Shape{2, 40, 33, 65}, Shape{3, 5, 4}, Shape{1, 17}, Shape{100'003}, Shape{}, Shape{0, 3}}) {
    Tensor x = random.randn(shape);
    const float special[] = {0.0f, not_a_number, infinity, -infinity, 3.0f};
    for (int64_t i = 0; i < std::min<int64_t>(5, x.numel()); ++i) x.data()[x.numel() - 1 - i] = special[i];
    for (double number : {1.0, 2.0, -0.3, 0.0, 1e300}) {
      CAPTURE(str(shape));
      CAPTURE(number);
      Tensor expected(shape), positive(shape);
      for (int64_t i = 0; i < x.numel(); ++i) {
        const float quotient = static_cast<float>(number) / x.data()[i];
        expected.data()[i] = quotient;
        positive.data()[i] = quotient < 0 ? 0 : quotient;
      }
      const Function divided = [&](const Values& xs) { return number / xs[0]; };
      const Function activated = [&](const Values& xs) { return relu(number / xs[0]); };
      for (Isa isa : available_isas())
        for (bool inside : {false, true}) {
          if (inside && shape.size() != 4) continue;
          CAPTURE(name(isa));
          CAPTURE(inside);
          const auto run = [&](const Function& function) {
            const Program program = compile(Sandwich(function, inside), types_of({x}), {.isa = isa});
            if (!inside) CHECK(program.steps().size() == 1);
            return program(std::vector<Tensor>{x})[0];
          };
          const auto same = [&](const Tensor& got, const Tensor& wanted) {
            if (!inside) return same_bits(got, wanted);  // a convolution adds 0 to -0
            return std::equal(got.data(), got.data() + got.numel(), wanted.data(),
                              [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); });
          };
          CHECK(same(run(divided), expected));
          CHECK(same(run(activated), positive));
        }
    }
  }
  const Tensor zeros({2}, std::vector<float>{0.0f, -0.0f});
  const Tensor y = compile(Sandwich([](const Values& xs) { return 1 / xs[0]; }, false), types_of({zeros}))(zeros);
  CHECK(y.data()[0] == infinity);
  CHECK(y.data()[1] == -infinity);
}

TEST_CASE("structure: products of any size are the reference's") {
  Random random(5);
  for (int64_t M : {1, 5, 14, 33})
    for (int64_t N : {1, 7, 16, 37, 64})
      for (int64_t K : {1, 9, 300}) {
        const Tensor a = random.randn({3, M, K}), b = random.randn({1, K, N});
        check([](const Values& xs) { return matmul(xs[0], xs[1]); }, {a, b}, reference::matmul(a, b),
              static_cast<double>(K));
      }
  const Tensor a = random.randn({300, 200}), b = random.randn({200, 257});  // several strips
  check([](const Values& xs) { return matmul(xs[0], xs[1]); }, {a, b}, reference::matmul(a, b), 200);
}

TEST_CASE("structure: indices are moved as floats are") {
  const Tensor x({2, 3}, std::vector<int64_t>{1, 2, 3, int64_t{1} << 40, -5, 6});
  const Function f = [](const Values& xs) { return cat({transpose(xs[0], 0, 1), slice(xs[0], 1, 1)}, 0); };
  const Tensor y = compile(Sandwich(f, false), types_of({x}))(std::vector<Tensor>{x})[0];
  const Tensor expected({5, 2}, std::vector<int64_t>{1, int64_t{1} << 40, 2, -5, 3, 6, 2, 3, -5, 6});
  CHECK(same_bits(y, expected));
}

TEST_CASE("structure: a NaN stays where a window has one, and clamp keeps it") {
  for (int64_t at : {0, 5, 10}) {
    Random random(1);
    Tensor x = random.randn({1, 17, 4, 4});
    x.data()[3 * 16 + at] = not_a_number;
    x.data()[16 * 16 + at] = not_a_number;
    check(of(MaxPool2d(3, {.stride = 1})), {x}, reference::max_pool2d(x, 3, {.stride = 1}, 2, 2), 0);
    check(of(AvgPool2d(2)), {x}, reference::avg_pool2d(x, 2, {}, 2, 2), 4);
    check([](const Values& xs) { return clamp(xs[0], -1, 1); }, {x},
          reference::binary(x, x, [](double v, double) { return v < -1  ? -1
                                                                : v > 1 ? 1
                                                                        : v; }), 0);
  }
}

TEST_CASE("structure: a picture's bits do not depend on its batch or the threads") {
  Random random(2);
  const Tensor many = random.randn({5, 19, 12, 11});
  Tensor one({1, 19, 12, 11});
  std::copy_n(many.data() + 3 * one.numel(), one.numel(), one.data());
  const Function chain = [](const Values& xs) {
    const Value small = AvgPool2d(3, {.stride = 2, .padding = 1})(xs[0]);
    const Value large = interpolate(small, {.size = {{12, 11}}, .mode = "bilinear"});
    const Value tokens = transpose(flatten(large * 0.2 + xs[0], 2), 1, 2);
    return matmul(tokens, transpose(tokens, 1, 2)) * (1 / std::sqrt(19.0));
  };
  for (Isa isa : available_isas()) {
    CAPTURE(name(isa));
    const Tensor all = compile(Sandwich(chain, true), types_of({many}), {.isa = isa})(std::vector<Tensor>{many})[0];
    const Tensor alone =
        compile(Sandwich(chain, true), types_of({one}), {.threads = 1, .isa = isa})(std::vector<Tensor>{one})[0];
    CHECK(std::equal(alone.data(), alone.data() + alone.numel(), all.data() + 3 * alone.numel()));
  }
}

TEST_CASE("structure: empty batches and empty parts are legal") {
  const Tensor none({0, 6, 4, 4});
  for (const Function& f :
       {of(MaxPool2d(2)), of(Upsample({.scale_factor = 2, .mode = "bilinear"})), of(ReflectionPad2d(1)),
        of(AdaptiveAvgPool2d(1)), Function([](const Values& xs) { return xs[0] * 2 + xs[0]; }),
        Function([](const Values& xs) { return 2 / xs[0]; }), Function([](const Values& xs) {
          return cat({xs[0], xs[0]}, 1);
        }),
        Function([](const Values& xs) {
          return permute(xs[0], {3, 1, 0, 2});
        })})
    CHECK(compile(Sandwich(f, false), types_of({none}))(std::vector<Tensor>{none})[0].numel() == 0);
}

TEST_CASE("structure: arguments that layers refuse") {
  CHECK(error_of([] { AvgPool2d(0); }) == "AvgPool2d: kernel_size must be positive and at most 2147483648, got 0");
  CHECK(error_of([] { AvgPool2d(2, {.stride = 0}); }) ==
        "AvgPool2d: stride must be positive and at most 2147483648, got 0");
  CHECK(error_of([] { AvgPool2d(2, {.padding = -1}); }) ==
        "AvgPool2d: padding must be at least 0 and at most 2147483648, got -1");
  CHECK(error_of([] {
          MaxPool2d({2, 5}, {.padding = 2});
        }) == "MaxPool2d: padding must be at most half of kernel_size, got (2, 2) and (2, 5)");
  CHECK(error_of([] { AvgPool2d(2, {.divisor_override = 0}); }) ==
        "AvgPool2d: divisor_override must not be zero, got 0");
  CHECK(error_of([] { MaxPool2d(2, {.dilation = 0}); }) ==
        "MaxPool2d: dilation must be positive and at most 2147483648, got 0");
  CHECK(error_of([] { MaxPool2d(2, {.return_indices = true}); }) ==
        "MaxPool2d: return_indices must be False, as indices are not computed, got True");
  CHECK(error_of([] {
          AdaptiveAvgPool2d({3, -1});
        }) == "AdaptiveAvgPool2d: output_size must be at least 0 and at most 2147483648, got -1");
  CHECK(error_of([] { Upsample(UpsampleOptions{}); }) == "Upsample: expected size or scale_factor, got neither");
  CHECK(error_of([] { Upsample({.size = 2, .scale_factor = 2}); }) ==
        "Upsample: expected size or scale_factor, got both");
  CHECK(error_of([] { Upsample({.size = 2, .mode = "area"}); }) ==
        "Upsample: mode must be 'nearest', 'nearest-exact', 'linear', 'bilinear' or 'bicubic', got 'area'");
  CHECK(error_of([] { Upsample({.size = 2, .align_corners = false}); }) ==
        "Upsample: align_corners is for modes 'linear', 'bilinear' and 'bicubic' only, got mode 'nearest'");
  CHECK(error_of([] { Upsample({.size = 2, .recompute_scale_factor = true}); }) ==
        "Upsample: recompute_scale_factor has no meaning beside size, got both");
  CHECK(error_of([] { Upsample({.scale_factor = -1}); }) ==
        "Upsample: scale_factor must be positive and at most 1e6, got -1.0");
  CHECK(error_of([] { PixelShuffle(0); }) == "PixelShuffle: upscale_factor must be positive and at most 32768, got 0");
}

TEST_CASE("structure: shapes that layers and functions refuse, with the path") {
  const auto refused = [](const AnyModule& layer, const Shape& shape) {
    return error_of([&] { return compile(layer, shape); });
  };
  CHECK(refused(sequential(ReLU(), MaxPool2d(5)), {1, 2, 4, 9}) ==
        "1: MaxPool2d the output would be empty: (0, 1) for an input of (1, 2, 4, 9)");
  CHECK(refused(AvgPool2d(2), {4, 4}) == "AvgPool2d expected a 3-D (C, H, W) or 4-D (N, C, H, W) input, got (4, 4)");
  CHECK(refused(ReflectionPad2d({4, 0, 0, 0}), {1, 2, 3, 4}) ==
        "ReflectionPad2d expected paddings smaller than the width of 4, got 4 for (1, 2, 3, 4)");
  CHECK(refused(ZeroPad2d({-3, -2, 0, 0}), {1, 2, 3, 4}) ==
        "ZeroPad2d expected to crop no more than the width of 4, got paddings (-3, -2, 0, 0) for (1, 2, 3, 4)");
  CHECK(refused(PixelShuffle(2), {1, 6, 3, 4}) ==
        "PixelShuffle expected channels divisible by 4, the square of upscale_factor, got 6 in (1, 6, 3, 4)");
  CHECK(refused(Upsample({.scale_factor = 0.2}), {1, 2, 4, 9}) ==
        "Upsample the output would be empty: (0, 1) for an input of (1, 2, 4, 9)");
  CHECK(refused(Upsample({.scale_factor = 2}), {4, 9}) ==
        "Upsample expected a 3-D (N, C, L) or 4-D (N, C, H, W) input, got (4, 9)");

  const auto failing = [](const Function& f) {
    return error_of([&] {
      return compile(Sandwich(f, false), std::vector<Type>{{{2, 3}, DType::float32}, {{4}, DType::float32}});
    });
  };
  CHECK(failing([](const Values& xs) { return xs[0] + xs[1]; }) ==
        "add expected shapes that broadcast, got (2, 3) and (4,): 3 and 4 in dimension 1");
  CHECK(failing([](const Values& xs) { return matmul(xs[0], xs[1]); }) ==
        "matmul expected as many columns of the first value as rows of the second, got 3 and 4 in (2, 3) and (4,)");
  CHECK(failing([](const Values& xs) { return cat(xs, 0); }) ==
        "cat expected the sizes of value 0, (2, 3), except in dimension 0, got (4,) in value 1");
  CHECK(failing([](const Values& xs) { return cat(xs, 2); }) ==
        "cat expected dim within the 2 dimensions of (2, 3), got 2");
  CHECK(failing([](const Values&) { return cat({}, 2); }) == "cat: expected at least one value, got none");
  CHECK(failing([](const Values& xs) { return slice(xs[0], 0, 0, 2, 0); }) == "slice expected a positive step, got 0");
  CHECK(failing([](const Values& xs) { return chunk(xs[0], 0)[0]; }) == "chunk: chunks must be positive, got 0");
  CHECK(failing([](const Values& xs) {
          return permute(xs[0], {0, 0});
        }) == "permute expected each dimension once, got (0, 0)");
  CHECK(failing([](const Values& xs) { return permute(xs[0], {0}); }) ==
        "permute expected 2 dimensions as in (2, 3), got (0)");
  CHECK(failing([](const Values& xs) {
          return reshape(xs[0], {4, -1});
        }) == "reshape expected sizes whose product is the 6 elements of (2, 3), got (4, -1)");
  CHECK(failing([](const Values& xs) {
          return pad(xs[0], {1, 1, 1, 1, 1, 1});
        }) == "pad expected at least three dimensions, got (2, 3)");
  CHECK(failing([](const Values& xs) {
          return pad(reshape(xs[0], {1, 2, 3}), {1, 1, 1, 1, 1, 1}, "reflect");
        }) == "pad of three dimensions expected a mode of constant, got reflect");
  CHECK(failing([](const Values& xs) { return clamp(xs[0]); }) == "clamp expected min, max or both, got neither");
}
