#include "layers/kernels/kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <vector>

#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float inf = std::numeric_limits<float>::infinity();

std::vector<float> interesting_values() {
  std::vector<float> values = {0.0f, -0.0f, 1e-30f, -1e-30f, 1e-3f, -1e-3f, 100.0f, -100.0f, inf, -inf, nan};
  for (int i = -4000; i <= 4000; ++i) values.push_back(static_cast<float>(i) * 0.005f);
  return values;
}

/// Floats of all exponents, about 30,000 of each sign and exponent that matters to tanh; with their negatives.
std::vector<float> dense_values() {
  std::vector<float> values = interesting_values();
  for (uint32_t bits = 0; bits<0x7f800000; bits += bits> 0x30000000 && bits < 0x43000000 ? 271 : 65537) {
    values.push_back(std::bit_cast<float>(bits));
    values.push_back(-values.back());
  }
  return values;
}

std::vector<float> activated(const kernels::Table& table, kernels::Activation act, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  table.activate(x.data(), y.data(), static_cast<int64_t>(x.size()), act);
  return y;
}

/// The largest error of `act` in units of the last place of the true value, divided by `allowed` for that x.
double worst_error(
    const kernels::Table& table, kernels::Activation act, double (*truth)(double),
    double (*allowed)(double) = [](double) { return 1.0; }, const std::vector<float>& x = interesting_values()) {
  const std::vector<float> y = activated(table, act, x);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double t = truth(x[i]);
    if (std::isnan(t)) {
      CHECK(std::isnan(y[i]));
      continue;
    }
    // Programs flush what is not normal to zero, and the inverse of what overflows is not far from that.
    constexpr float smallest = 100 * std::numeric_limits<float>::min();
    if (std::abs(t) < smallest) {
      CHECK(std::abs(y[i] - t) <= smallest);
      continue;
    }
    const double error = y[i] == t ? 0 : std::abs(y[i] - t) / std::ldexp(1.0, std::ilogb(t) - 23);
    worst = std::max(worst, error / allowed(x[i]));
  }
  return worst;
}

/// What an instruction set cannot hide: how many floats its vectors have, and whether its multiply-adds round once.
struct Traits {
  size_t width;
  bool fused;
  bool operator==(const Traits&) const = default;
};

Traits traits_of(Isa isa) {
  switch (isa) {
    case Isa::amx:  // whose vectors are AVX-512's
    case Isa::avx512:
      return {16, true};
    case Isa::avx2:
      return {8, true};
    case Isa::sse2:
      return {4, false};
    case Isa::neon:
      return {4, true};
    case Isa::scalar:
      return {1, false};
  }
  return {};
}

/// Of the kernels that a program ran, not of what it says of itself: 16 more channels take 16 more vectors of packed
/// weights; and of (1 + e) (1 + e) - (1 + 2 e), with e = 2^-12, nothing is left where the product is rounded.
Traits ran(std::optional<Isa> isa) {
  std::vector<size_t> packed;
  bool fused = false;
  for (const int64_t channels : {16, 32}) {
    ConvTranspose2d layer(channels, 1, 1, {.bias = false});
    Tensor weight({channels, 1, 1, 1}), x({1, channels, 1, 1});
    std::copy_n(std::array{-1 - 0x1p-11f, 1 + 0x1p-12f}.data(), 2, weight.data());
    std::copy_n(std::array{1.0f, 1 + 0x1p-12f}.data(), 2, x.data());
    layer.weight.set(weight);
    const Program program = compile(layer, x.shape(), {.algorithm = "direct", .isa = isa});
    const float left = program(x).data()[0];
    CHECK((left == 0 || left == 0x1p-24f));
    fused = left != 0;
    packed.push_back(program.packed_bytes());
  }
  return {(packed[1] - packed[0]) / 16 / sizeof(float), fused};
}

}  // namespace

TEST_CASE("kernels: activations are right to a few units in the last place, NaN and infinity included") {
  for (Isa isa : available_isas()) {
    CAPTURE(name(isa));
    const kernels::Table& table = kernels::table(isa);
    using A = kernels::Activation;
    CHECK(worst_error(table, {A::identity}, [](double v) { return v; }) == 0);
    CHECK(worst_error(table, {A::relu}, [](double v) { return v < 0 ? 0.0 : v; }) == 0);
    CHECK(worst_error(table, {A::leaky_relu, 0.25f}, [](double v) { return v < 0 ? 0.25 * v : v; }) == 0);
    CHECK(worst_error(table, {A::hardtanh, -2, 0.5f}, [](double v) { return v < -2 ? -2 : v > 0.5 ? 0.5 : v; }) == 0);
    const auto sixth = [](double v) { return (v < -3 ? 0 : v > 3 ? 6 : v + 3) / 6; };
    CHECK(worst_error(table, {A::hardsigmoid}, sixth) < 2);
    CHECK(worst_error(table, {A::hardswish}, [](double v) { return v * (v < -3 ? 0 : v > 3 ? 6 : v + 3) / 6; }) < 3);
    CHECK(worst_error(table, {A::elu, 0.5f}, [](double v) { return v > 0 ? v : 0.5 * std::expm1(v); }) < 4);
    CHECK(worst_error(table, {A::silu}, [](double v) { return v / (1 + std::exp(-v)); }) < 4);
    CHECK(worst_error(table, {A::softplus, 2, 20},
                      [](double v) { return v > 10 ? v : std::log1p(std::exp(2 * v)) / 2; }) < 4);
    CHECK(worst_error(table, {A::softplus, 1, 1e9f}, [](double v) { return v > 50 ? v : std::log1p(std::exp(v)); }) <
          4);
    CHECK(worst_error(table, {A::mish}, [](double v) { return v * std::tanh(std::log1p(std::exp(v))); }) < 6);
    // Where the exponent was rounded, exp is wrong by as many units as the exponent is large.
    const auto exponent = [](double v) { return 1 + v * v / 2; };
    CHECK(worst_error(
              table, {A::gelu}, [](double v) { return v * std::erfc(-v / std::sqrt(2.0)) / 2; }, exponent) < 6);
    CHECK(worst_error(
              table, {A::gelu_tanh},
              [](double v) { return v / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))); },
              exponent) < 4);
  }
}

// The bounds are those of math-inl.h and docs/layers.md.
TEST_CASE("kernels: tanh and sigmoid of floats of every exponent") {
  using A = kernels::Activation;
  const std::vector<float> x = dense_values();
  for (Isa isa : available_isas()) {
    CAPTURE(name(isa));
    const kernels::Table& table = kernels::table(isa);
    const auto alike = [](double) { return 1.0; };
    CHECK(worst_error(
              table, {A::tanh}, [](double v) { return std::tanh(v); }, alike, x) < 2.0);
    CHECK(worst_error(
              table, {A::sigmoid}, [](double v) { return 1 / (1 + std::exp(-v)); }, alike, x) < 2.5);
    const std::vector<float> y = activated(table, {A::tanh}, x);
    std::vector<float> negative = x;
    for (float& v : negative) v = -v;
    const std::vector<float> z = activated(table, {A::tanh}, negative);
    size_t beyond = 0, lopsided = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      if (std::abs(y[i]) > 1 || std::signbit(y[i]) != std::signbit(x[i])) ++beyond;
      if (!std::isnan(x[i]) && std::bit_cast<uint32_t>(y[i]) != (std::bit_cast<uint32_t>(z[i]) ^ 0x80000000))
        ++lopsided;
    }
    CHECK(beyond == 0);
    CHECK(lopsided == 0);
    CHECK(activated(table, {A::tanh}, {inf, -inf, 9.1f, 1e-30f, 0.0f}) == std::vector<float>{1, -1, 1, 1e-30f, 0});
    CHECK(activated(table, {A::sigmoid}, {inf, -inf, 0.0f, 20.0f}) == std::vector<float>{1, 0, 0.5f, 1});
  }
}

TEST_CASE("kernels: tanh and sigmoid have the same bits wherever multiply-adds are rounded alike") {
  const std::vector<float> x = dense_values();
  for (auto kind : {kernels::Activation::tanh, kernels::Activation::sigmoid})
    for (const bool fused : {false, true}) {
      std::vector<std::vector<float>> all;
      for (Isa isa : available_isas())
        if (traits_of(isa).fused == fused) all.push_back(activated(kernels::table(isa), {kind}, x));
      for (size_t i = 1; i < all.size(); ++i)
        CHECK(std::equal(all[0].begin(), all[0].end(), all[i].begin(),
                         [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }));
    }
}

TEST_CASE("kernels: a tail rounds as the body does") {
  const std::vector<float> x = interesting_values();
  for (Isa isa : available_isas()) {
    const kernels::Table& table = kernels::table(isa);
    for (int i = kernels::Activation::tanh; i <= kernels::Activation::log_sigmoid; ++i) {
      const kernels::Activation act{static_cast<kernels::Activation::Kind>(i), 0.5f, 0.75f};
      std::vector<float> whole(x.size()), single(x.size());
      table.activate(x.data(), whole.data(), static_cast<int64_t>(x.size()), act);
      for (size_t j = 0; j < x.size(); ++j) table.activate(&x[j], &single[j], 1, act);
      CHECK(std::equal(whole.begin(), whole.end(), single.begin(),
                       [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }));
    }
  }
}

TEST_CASE("kernels: affine") {
  Random random(3);
  const Tensor x = random.randn({77}), scale = random.randn({77}), shift = random.randn({77});
  for (Isa isa : available_isas()) {
    CAPTURE(name(isa));
    const kernels::Table& table = kernels::table(isa);
    Tensor y({77}), z({77});
    table.affine(x.data(), y.data(), 77, 2.5f, -0.5f, {kernels::Activation::relu});
    table.affine_channels(x.data(), z.data(), 7, 11, scale.data(), shift.data(), {});
    for (int64_t i = 0; i < 77; ++i) {
      const double product = x.data()[i] * 2.5, scaled = static_cast<double>(x.data()[i]) * scale.data()[i % 11];
      CHECK(std::abs(y.data()[i] - std::max(0.0, product - 0.5)) <= tolerance(1, std::abs(product) + 0.5, 1));
      CHECK(std::abs(z.data()[i] - (scaled + shift.data()[i % 11])) <=
            tolerance(1, std::abs(scaled) + std::abs(shift.data()[i % 11]), 1));
    }
  }
}

TEST_CASE("kernels: pixels are added from one stride to another, rounded where they are stored") {
  constexpr int64_t pixels = 5, channels = 37, x_stride = 41, y_stride = 39;
  Random random(4);
  const Tensor x = random.randn({pixels, x_stride}), added = random.randn({pixels, channels});
  for (Isa isa : available_isas())
    for (int64_t added_stride : {int64_t{0}, channels})
      for (const kernels::Activation& act : {kernels::Activation{}, kernels::Activation{kernels::Activation::relu},
                                             kernels::Activation{kernels::Activation::hardswish}}) {
        CAPTURE(name(isa));
        CAPTURE(added_stride);
        CAPTURE(static_cast<int>(act.kind));
        const kernels::Table& table = kernels::table(isa);
        std::vector<float> expected(pixels * y_stride, -1.0f), got = expected;
        std::vector<uint16_t> rounded(pixels * y_stride, 1), halves = rounded;
        for (int64_t p = 0; p < pixels; ++p) {
          float* row = expected.data() + p * y_stride;
          for (int64_t c = 0; c < channels; ++c)
            row[c] = x.data()[p * x_stride + c] + added.data()[p * added_stride + c];
          table.activate(row, row, channels, act);
          table.round(row, rounded.data() + p * y_stride, channels);
        }
        kernels::AddedPixels of{x.data(), x_stride, added.data(), added_stride, got.data(),
                                y_stride, false,    pixels,       channels};
        table.add_pixels(of, act);
        of.y = halves.data();
        of.stored = true;
        table.add_pixels(of, act);
        CHECK(got == expected);
        CHECK(halves == rounded);
      }
}

TEST_CASE("kernels: moments keep their digits where the mean is a thousand deviations, or the first number far away") {
  constexpr int64_t pixels = 53, C = 37;
  Random random(5);
  Tensor x = random.randn({pixels, C});
  for (int64_t i = 0; i < x.numel(); ++i) x.data()[i] += 1000;
  for (int64_t c = 0; c < C; c += 3) x.data()[c] = -1e6f;
  // No sum in float32 has more than ten terms.
  const auto check = [](const float* x, int64_t stride, int64_t count, double mean, double squares) {
    double m = 0, sum = 0;
    for (int64_t i = 0; i < count; ++i) m += x[i * stride] / static_cast<double>(count);
    for (int64_t i = 0; i < count; ++i) sum += (x[i * stride] - m) * (x[i * stride] - m);
    CHECK(std::abs(mean - m) <= tolerance(10, std::sqrt(sum / static_cast<double>(count)), 1) + 1e-9);
    CHECK(std::abs(squares - sum) <= tolerance(10, sum, 1));
  };
  for (Isa isa : available_isas()) {
    CAPTURE(name(isa));
    const kernels::Table& table = kernels::table(isa);
    for (int64_t count : {1, 3, 16, 53, 37 * 53}) {
      double mean = 0, squares = 0;
      table.moments(x.data(), count, &mean, &squares);
      check(x.data(), 1, count, mean, squares);
    }
    constexpr int64_t lanes = kernels::panel_lanes, pitch = 3 * lanes;
    std::vector<double> m(3 * pitch), one(2 * lanes);
    std::vector<float> channel(pixels);
    table.moments_channels(x.data(), pixels, C, m.data(), pitch);
    for (int64_t c = 0; c < C; ++c) {
      const double* all = m.data() + c / lanes * pitch + c % lanes;
      check(x.data() + c, C, pixels, all[0], all[lanes]);
      for (int64_t p = 0; p < pixels; ++p) channel[static_cast<size_t>(p)] = x.data()[p * C + c];
      table.moments_channels(channel.data(), pixels, 1, one.data(), pitch);
      CHECK((one[0] == all[0] && one[lanes] == all[lanes]));
    }
  }
}

TEST_CASE("kernels: lean products have the same bits for one vector of outputs and for two") {
  for (const Isa isa : available_isas()) {
    const kernels::Table& table = kernels::table(isa);
    if (table.lean_pair_sums == 0) continue;
    constexpr int64_t IC = 83, lines = 6, most = 9;  // two chunks of channels, the last line not whole
    for (int scheme = 0; scheme < kernels::schemes; ++scheme) {
      if (!table.lean_products[scheme]) continue;
      const int64_t n =
          kernels::with_scheme(static_cast<kernels::Scheme>(scheme), [](auto s) { return decltype(s)::n; });
      const int64_t group = IC * 4 * table.width, sums = n * n * most * table.width;
      const Tensor v = randn({n * n * most * lines * kernels::panel_lanes + 4096}, 1), w = randn({6 * group}, 2);
      for (int64_t tiles = 1; tiles <= most; ++tiles) {
        CAPTURE(scheme);
        CAPTURE(tiles);
        const int64_t pair = table.lean_pair_sums / (2 * n), parts = (tiles + pair - 1) / pair;
        Tensor alone({2, sums}), together({2, sums});
        kernels::LeanProducts p{.v = v.data(),
                                .w = {w.data(), w.data() + group},
                                .m = {together.data(), together.data() + sums},
                                .vectors = 2,
                                .tiles = tiles,
                                .parts = parts,
                                .IC = IC};
        table.lean_products[scheme](p);
        p.vectors = 1;
        for (int i = 0; i < 2; ++i) {
          p.w[0] = w.data() + i * group;
          p.m[0] = alone.data() + i * sums;
          table.lean_products[scheme](p);
        }
        CHECK(same_bits(alone, together));
      }
    }
  }
}

TEST_CASE("kernels: tables of one instruction set compute the same bits") {
  for (const Isa isa : isas_of_vectors()) {
    const std::span<const kernels::Table* const> tables = kernels::tables(isa);
    CHECK(std::any_of(tables.begin(), tables.end(), [&](auto* one) { return one == &kernels::table(isa); }));
    const kernels::Table& usual = *tables.front();
    constexpr int64_t IC = 37, lines = 3;
    const int64_t most = 2 * usual.pixels + 3, lanes = 2 * usual.width;
    const Tensor v = randn({lines * most * kernels::panel_lanes}, 1), w = randn({3 * IC * lanes}, 2);
    for (const kernels::Table* other : tables.subspan(1))
      for (int64_t tiles = 1; tiles <= most; ++tiles)
        for (int32_t vectors = 1; vectors <= 2; ++vectors) {
          CAPTURE(tiles);
          CAPTURE(vectors);
          Tensor expected({most * lanes}), found({most * lanes});
          kernels::Products p{.v = v.data(),
                              .pitch = most * kernels::panel_lanes,
                              .w = w.data(),
                              .m = expected.data(),
                              .tiles = tiles,
                              .IC = IC,
                              .vectors = vectors,
                              .next = w.data() + IC * lanes};
          usual.products(p);
          p.m = found.data();
          other->products(p);
          CHECK(same_bits(expected, found));
          if (tiles > usual.pixels) continue;
          std::vector<void*> y;
          for (int64_t pixel = 0; pixel < tiles; ++pixel) y.push_back(expected.data() + pixel * lanes);
          const Tensor shift = randn({lanes}, 3);
          const kernels::Tap tap{.x = 0, .index = 0};
          const kernels::Block block{.w = w.data(),
                                     .shift = shift.data(),
                                     .ic = 0,
                                     .oc = 0,
                                     .vectors = vectors,
                                     .lanes = vectors * usual.width};
          kernels::Direct d{.x = v.data(),
                            .pitch = most * kernels::panel_lanes,
                            .y = y.data(),
                            .taps = &tap,
                            .blocks = &block,
                            .pixels = tiles,
                            .tap_count = 1,
                            .block_count = 1,
                            .IC = IC,
                            .ahead = 0,
                            .ahead_step = 0,
                            .activation = {}};
          usual.direct(d);
          for (void*& row : y) row = found.data() + (static_cast<float*>(row) - expected.data());
          other->direct(d);
          CHECK(same_bits(expected, found));
        }
  }
}

TEST_CASE("kernels: an unavailable instruction set is refused") {
  for (Isa isa : {Isa::scalar, Isa::sse2, Isa::avx2, Isa::avx512, Isa::amx, Isa::neon}) {
    const auto& available = available_isas();
    if (std::find(available.begin(), available.end(), isa) != available.end())
      CHECK(kernels::table(isa).isa == isa);
    else
      CHECK(error_of([&] { kernels::table(isa); }).find("cannot run it") != std::string::npos);
  }
}

TEST_CASE("pin: programs run with the instruction set that UPCONV_ISA names, or the best one") {
  const char* pin = std::getenv("UPCONV_ISA");
  const Isa expected = pin ? parse_isa(pin) : available_isas().front();
  CHECK(default_isa() == expected);
  CHECK(ran(std::nullopt) == traits_of(expected));
  MESSAGE("running " << name(expected));
  for (Isa isa : available_isas()) {
    CAPTURE(name(isa));
    CHECK(ran(isa) == traits_of(isa));
  }
}

TEST_CASE("kernels: unknown instruction sets are refused by name") {
  CHECK(error_of([] { return parse_isa("avx1024"); }) ==
        "unknown instruction set \"avx1024\": expected amx, avx512, avx2, sse2, neon or scalar");
}
