#include "framework/tensor.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "framework/error.h"

namespace upconv {
namespace {

TEST_CASE("tensor: shapes print as Python's tuples") {
  CHECK(str({}) == "()");
  CHECK(str({3}) == "(3,)");
  CHECK(str({64, 100, 1, 1}) == "(64, 100, 1, 1)");
}

TEST_CASE("tensor: types have PyTorch's names and sizes") {
  const std::pair<std::string_view, size_t> expected[] = {
      {"float64", 8},        {"float32", 4},     {"float16", 2},         {"bfloat16", 2},
      {"float8_e4m3fn", 1},  {"float8_e5m2", 1}, {"float8_e4m3fnuz", 1}, {"float8_e5m2fnuz", 1},
      {"float8_e8m0fnu", 1}, {"int64", 8},       {"int32", 4},           {"int16", 2},
      {"int8", 1},           {"uint8", 1},       {"uint16", 2},          {"uint32", 4},
      {"uint64", 8},         {"bool", 1}};
  for (int i = 0; i < 18; ++i) {
    CHECK(name(static_cast<DType>(i)) == expected[i].first);
    CHECK(size_of(static_cast<DType>(i)) == expected[i].second);
  }
}

TEST_CASE("tensor: numel multiplies and refuses what does not fit") {
  const int64_t half = int64_t{1} << 62;
  CHECK(numel({}) == 1);
  CHECK(numel({2, 3, 4}) == 24);
  CHECK(numel({2, 0, 4}) == 0);
  CHECK(numel({half}) == half);
  CHECK_THROWS_WITH_AS(numel({2, -1}), "shape (2, -1) has a negative size", Error);
  CHECK_THROWS_WITH_AS(numel({0, -1}), "shape (0, -1) has a negative size", Error);
  CHECK_THROWS_AS(numel({half, 2}), Error);
  CHECK_THROWS_AS(numel({0, half, 2}), Error);
  CHECK_THROWS_AS(numel({half, 2, 0}), Error);
}

TEST_CASE("tensor: starts as zeros at a multiple of 64 bytes") {
  for (const int64_t size : {0, 1, 3, 17, 1000}) {
    for (const DType type : {DType::float32, DType::int64}) {
      const Tensor tensor({size}, type);
      CHECK(reinterpret_cast<uintptr_t>(tensor.bytes()) % 64 == 0);
      for (size_t i = 0; i < static_cast<size_t>(size) * size_of(type); ++i) REQUIRE(tensor.bytes()[i] == std::byte{0});
    }
  }
}

TEST_CASE("tensor: the default has shape (0,), a scalar one element") {
  const Tensor none;
  CHECK(none.shape() == Shape{0});
  CHECK(none.numel() == 0);
  CHECK(none.data() != nullptr);
  const Tensor scalar(Shape{}, std::vector<float>{7});
  CHECK(scalar.dim() == 0);
  CHECK(scalar.numel() == 1);
  CHECK(scalar.data()[0] == 7);
}

TEST_CASE("tensor: values are row-major and counted") {
  const Tensor tensor({2, 2}, std::vector<float>{1, 2, 3, 4});
  CHECK(tensor.data()[2] == 3);
  CHECK(Tensor({2}, std::vector<int64_t>{5, -6}).indices()[1] == -6);
  CHECK_THROWS_WITH_AS(Tensor({2, 2}, std::vector<float>{1}), "a tensor of shape (2, 2) expected 4 values, got 1",
                       Error);
}

TEST_CASE("tensor: sizes count from either end") {
  const Tensor tensor({2, 3, 5});
  CHECK(tensor.dim() == 3);
  CHECK(tensor.size(0) == 2);
  CHECK(tensor.size(-1) == 5);
  CHECK(tensor.size(-3) == 2);
  CHECK_THROWS_WITH_AS((void)tensor.size(3), "a tensor of shape (2, 3, 5) has no dimension 3", Error);
  CHECK_THROWS_AS((void)tensor.size(-4), Error);
}

TEST_CASE("tensor: elements are read only as what they are") {
  Tensor floats({1});
  Tensor integers({1}, DType::int64);
  CHECK_THROWS_WITH_AS((void)floats.indices(), "expected a int64 tensor, got float32 of shape (1,)", Error);
  CHECK_THROWS_AS((void)integers.data(), Error);
  CHECK_THROWS_AS((void)std::as_const(floats).indices(), Error);
  CHECK_THROWS_AS((void)std::as_const(integers).data(), Error);
  CHECK_THROWS_WITH_AS(Tensor({1}, DType::float16), "a tensor is float32 or int64, got float16 for shape (1,)", Error);
}

TEST_CASE("tensor: a copy shares memory, a clone does not") {
  Tensor original({2}, std::vector<float>{1, 2});
  const Tensor copy = original;
  const Tensor clone = original.clone();
  original.data()[0] = 9;
  CHECK(copy.data()[0] == 9);
  CHECK(clone.data()[0] == 1);
  CHECK(clone.data()[1] == 2);
}

TEST_CASE("tensor: reshape shares memory and keeps the number of elements") {
  Tensor tensor({2, 3});
  const Tensor view = tensor.reshape({3, 2, 1});
  tensor.data()[5] = 4;
  CHECK(view.shape() == Shape{3, 2, 1});
  CHECK(view.data()[5] == 4);
  CHECK_THROWS_WITH_AS(tensor.reshape({4}), "cannot reshape (2, 3) to (4,): expected 6 elements, got 4", Error);
}

TEST_CASE("tensor: a size that no memory has is an Error") {
  CHECK_THROWS_AS(Tensor({int64_t{1} << 62}, DType::int64), Error);
}

TEST_CASE("tensor: memory of others is what it lies at, for as long as it is used") {
  alignas(64) float numbers[6] = {1, 2, 3, 4, 5, 6};
  bool kept = true;
  {
    const std::shared_ptr<std::byte> memory(reinterpret_cast<std::byte*>(numbers), [&](std::byte*) { kept = false; });
    Tensor x({2, 3}, DType::float32, memory);
    const Tensor row = x.reshape({6});
    x.data()[4] = 9;
    CHECK(numbers[4] == 9);
    CHECK(row.data() == numbers);
  }
  CHECK(!kept);
  const std::shared_ptr<std::byte> odd(reinterpret_cast<std::byte*>(numbers + 1), [](std::byte*) {});
  const char* misaligned = "a tensor of shape (2,) expected memory that begins at a multiple of 64 bytes";
  CHECK_THROWS_WITH_AS(Tensor({2}, DType::float32, odd), misaligned, Error);
  CHECK_THROWS_WITH_AS(Tensor({2}, DType::float32, nullptr), misaligned, Error);
  CHECK_THROWS_WITH_AS(Tensor({2}, DType::float16, odd), "a tensor expected elements of float32 or int64, got float16",
                       Error);
}

}  // namespace
}  // namespace upconv
