#include "framework/parameter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <thread>

#include "framework/error.h"
#include "framework/memo.h"

namespace upconv {

using namespace internal;

namespace {

/// `values` as a file has them, `shift` bytes off any alignment.
template <class T>
Stored stored(DType dtype, const std::vector<T>& values, size_t shift = 1) {
  auto memory = std::make_shared<std::vector<std::byte>>(shift + values.size() * sizeof(T));
  const auto values_bytes = std::as_bytes(std::span(values));
  std::copy(values_bytes.begin(), values_bytes.end(), memory->begin() + static_cast<long>(shift));
  const std::span<const std::byte> bytes = std::span(*memory).subspan(shift);
  return {dtype, {static_cast<int64_t>(values.size())}, bytes, memory};
}

/// binary16 from its definition: (-1)^s * m * 2^e.
double half_by_definition(uint16_t bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  if (exponent == 31) return mantissa ? std::numeric_limits<double>::quiet_NaN() : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

void check_same(float got, double expected) {
  REQUIRE(std::isnan(got) == std::isnan(expected));
  if (std::isnan(expected)) return;
  REQUIRE(got == expected);
  REQUIRE(std::signbit(got) == std::signbit(expected));
}

TEST_CASE("stored: all 65536 float16 patterns") {
  std::vector<uint16_t> patterns(65536);
  for (size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<uint16_t>(i);
  for (const size_t shift : {0, 1, 2}) {
    const Tensor converted = stored(DType::float16, patterns, shift).to_tensor();
    for (size_t i = 0; i < patterns.size(); ++i) {
      CAPTURE(i);
      check_same(converted.data()[i], half_by_definition(patterns[i]));
    }
  }
}

TEST_CASE("stored: float16 does not depend on where in the array it stands") {
  for (size_t count = 0; count < 40; ++count) {
    std::vector<uint16_t> patterns;
    for (size_t i = 0; i < count; ++i) patterns.push_back(static_cast<uint16_t>(1 + i * 977));
    const Tensor converted = stored(DType::float16, patterns).to_tensor();
    for (size_t i = 0; i < count; ++i) check_same(converted.data()[i], half_by_definition(patterns[i]));
  }
}

TEST_CASE("stored: all 65536 bfloat16 patterns are the upper halves of float32") {
  std::vector<uint16_t> patterns(65536);
  for (size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<uint16_t>(i);
  const Tensor converted = stored(DType::bfloat16, patterns).to_tensor();
  for (uint32_t i = 0; i < patterns.size(); ++i) REQUIRE(std::bit_cast<uint32_t>(converted.data()[i]) == i << 16);
}

TEST_CASE("stored: float64 rounds to the nearest float32") {
  const double tiny = std::numeric_limits<float>::denorm_min();
  const std::vector<double> values = {0.1,    -0.0,     1 + 0x1p-24, 1 + 0x1.8p-24, 1e300,
                                      -1e300, INFINITY, NAN,         tiny,          tiny / 4};
  const Tensor converted = stored(DType::float64, values).to_tensor();
  const double expected[] = {0.1f, -0.0, 1, 1 + 0x1p-23, INFINITY, -INFINITY, INFINITY, NAN, tiny, 0};
  for (size_t i = 0; i < values.size(); ++i) check_same(converted.data()[i], expected[i]);
}

TEST_CASE("stored: float32 keeps its bits") {
  const std::vector<uint32_t> patterns = {0, 1, 0x80000000, 0x3f800000, 0x7f800000, 0x7f800001, 0xffc12345};
  const Tensor converted = stored(DType::float32, patterns).to_tensor();
  CHECK(std::memcmp(converted.bytes(), patterns.data(), 4 * patterns.size()) == 0);
}

TEST_CASE("stored: integers become int64") {
  const auto last = [](const Stored& values) { return values.to_tensor().indices()[values.shape[0] - 1]; };
  CHECK(last(stored<int64_t>(DType::int64, {1, INT64_MIN})) == INT64_MIN);
  CHECK(last(stored<int32_t>(DType::int32, {1, INT32_MIN})) == INT32_MIN);
  CHECK(last(stored<int16_t>(DType::int16, {1, -300})) == -300);
  CHECK(last(stored<int8_t>(DType::int8, {1, -128})) == -128);
  CHECK(last(stored<uint8_t>(DType::uint8, {1, 255})) == 255);
  CHECK(last(stored<uint8_t>(DType::boolean, {0, 2})) == 1);
}

TEST_CASE("stored: integers are not read as floats, nor too few bytes as a shape") {
  float out[2];
  CHECK_THROWS_WITH_AS(stored<int32_t>(DType::int32, {1, 2}).to_float(out),
                       "expected floating point values, got int32 of shape (2,)", Error);
  Stored cut = stored<float>(DType::float32, {1, 2});
  cut.bytes = cut.bytes.first(7);
  const char* message = "float32 values of shape (2,): expected 2 elements of 4 bytes, got 7 bytes";
  CHECK_THROWS_WITH_AS(cut.to_tensor(), message, Error);
  CHECK_THROWS_WITH_AS(cut.to_float(out), message, Error);
}

TEST_CASE("stored: a view of a tensor shares its memory and keeps it alive") {
  Stored view;
  {
    Tensor tensor({2}, std::vector<float>{1, 2});
    view = Stored::of(tensor);
    tensor.data()[1] = 5;
  }
  CHECK(view.to_tensor().data()[1] == 5);
  CHECK(Stored::of(Tensor({2}, std::vector<int64_t>{3, 4})).to_tensor().indices()[1] == 4);
}

TEST_CASE("parameter: without values it says so") {
  const Parameter parameter({2, 3}, DType::float32);
  CHECK(parameter.shape() == Shape{2, 3});
  CHECK(parameter.dtype() == DType::float32);
  CHECK_FALSE(parameter.has_value());
  CHECK(parameter.version() == 0);
  CHECK_THROWS_WITH_AS(parameter.stored(), "a float32 parameter of shape (2, 3) has no values yet", Error);
  CHECK_THROWS_AS(Parameter({2}, DType::float16), Error);
  CHECK_THROWS_AS(Parameter({-2}, DType::float32), Error);
}

TEST_CASE("parameter: takes what fits, converts it when asked, counts versions") {
  Parameter parameter({2}, DType::float32);
  parameter.set(stored<uint16_t>(DType::float16, {0x3c00, 0xc000}));
  CHECK(parameter.stored().dtype == DType::float16);
  CHECK(parameter.dtype() == DType::float32);
  CHECK(parameter.value().data()[1] == -2);
  CHECK(parameter.version() == 1);
  parameter.set(Tensor({2}, std::vector<float>{3, 4}));
  CHECK(parameter.value().data()[1] == 4);
  CHECK(parameter.version() == 2);
  Parameter counter({1}, DType::int64);
  counter.set(stored<int32_t>(DType::int32, {7}));
  CHECK(counter.value().indices()[0] == 7);
}

TEST_CASE("parameter: what does not fit is refused and changes nothing") {
  Parameter parameter(Tensor({2}, std::vector<float>{1, 2}));
  CHECK_THROWS_WITH_AS(parameter.set(Tensor({1, 2})), "expected shape (2,), got (1, 2)", Error);
  CHECK_THROWS_WITH_AS(parameter.set(Tensor({2}, DType::int64)),
                       "expected floating point values for shape (2,), got int64", Error);
  CHECK_THROWS_WITH_AS(Parameter({2}, DType::int64).set(Tensor({2})),
                       "expected integer values for shape (2,), got float32", Error);
  Stored cut = stored<float>(DType::float32, {1, 2});
  cut.bytes = cut.bytes.first(4);
  CHECK_THROWS_AS(parameter.set(cut), Error);
  CHECK(parameter.version() == 1);
  CHECK(parameter.value().data()[0] == 1);
}

TEST_CASE("parameter: what was read stays what it was when other values are set") {
  const Parameter parameter(Tensor({1}, std::vector<float>{1}));
  const auto& before = parameter.stored();
  parameter.set(Tensor({1}, std::vector<float>{2}));
  CHECK(before.to_tensor().data()[0] == 1);
  CHECK(parameter.value().data()[0] == 2);
}

TEST_CASE("parameter: copies share the value, the tensor it was set from is copied") {
  Tensor tensor({1}, std::vector<float>{1});
  Parameter parameter(tensor);
  const Parameter copy = parameter;
  tensor.data()[0] = 8;
  CHECK(copy.value().data()[0] == 1);
  parameter.set(Tensor({1}, std::vector<float>{2}));
  CHECK(copy.value().data()[0] == 2);
  CHECK(copy.version() == 2);
  CHECK(copy.identity() == parameter.identity());
  CHECK(Parameter(tensor).identity() != parameter.identity());
}

TEST_CASE("parameter: cached makes once for each key and version") {
  Parameter parameter(Tensor({1}));
  int made = 0;
  const auto make = [&] { return std::make_shared<int>(++made); };
  const auto first = Memo::of(parameter, "a", make);
  CHECK(Memo::of(parameter, "a", make) == first);
  CHECK(Memo::of(parameter, "b", make) != first);
  CHECK(made == 2);
  const std::weak_ptr<const void> dropped = Memo::of(parameter, "b", make);
  parameter.set(Tensor({1}));
  CHECK(dropped.expired());
  CHECK(Memo::of(parameter, "a", make) != first);
  CHECK(made == 3);
}

TEST_CASE("parameter: a failed make leaves nothing behind, one make may ask for another") {
  const Parameter parameter(Tensor({1}));
  CHECK_THROWS_AS(Memo::of(parameter, "a", []() -> std::shared_ptr<const void> { throw Error("no"); }), Error);
  const auto inner = std::make_shared<int>(1);
  const auto outer = Memo::of(parameter, "a", [&] { return Memo::of(parameter, "b", [&] { return inner; }); });
  CHECK(outer == inner);
}

TEST_CASE("parameter: threads that ask at once share one") {
  Parameter parameter(Tensor({1}));
  std::atomic<int> made = 0;
  std::vector<std::shared_ptr<const void>> got(8);
  std::vector<std::thread> threads;
  const auto make = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // until the others have asked too
    return std::make_shared<int>(++made);
  };
  for (auto& slot : got) threads.emplace_back([&] { slot = Memo::of(parameter, "a", make); });
  for (std::thread& thread : threads) thread.join();
  CHECK(made == 1);
  for (const auto& value : got) CHECK(value == got[0]);
}

}  // namespace
}  // namespace upconv
